"""A daemon that stood still between its claim and its request sends nothing on what it knew before."""

import signal
import time
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.model.intent import IntentState
from monitor.errors import StoreError
from monitor.sandbox.faults import Fault
from monitor.store.command_store import ReadStore
from monitor.store.readers.intents import read_intents
from tests.support.daemon import daemon_process, eventually, starting_now, write_config
from tests.support.database_lock import locked_database
from tests.support.sandbox import sandbox

MONEY = ("/sapi/v1/margin/borrow-repay", "/sapi/v1/asset/transfer")
CROSS_PATH = "/sapi/v1/margin/account"
RIGHTS_PATH = "/sapi/v1/account/apiRestrictions"
MORE = """
[[rules]]
name = "low"
scope = "cross"
when = "margin_level < 2.2"
severity = "critical"
actions = ["repay"]

[[actions]]
name = "repay"
kind = "repay"
mode = "live"
asset = "USDT"
target = "margin_level >= 2.2"
max_amount = "1000"
max_per_day = "1000"
max_data_age = "5s"
"""


async def wait_until(holds: Callable[[], bool], within_s: float = 30) -> None:
    async def is_so() -> bool:
        return holds()

    await eventually(is_so, within_s)


def states(url: str) -> list[IntentState]:
    with suppress(StoreError), ReadStore.open(url) as store:
        return [row.intent.state for row in store.read(read_intents, include_final=True)]
    return []


@pytest.mark.slow
async def test_a_daemon_stopped_between_claim_and_send_sends_nothing_when_it_goes_on(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/monitor.db"
    async with sandbox(starting_now()) as box:
        config = write_config(tmp_path, box.ready, url=url, first="default_rules = false", more=MORE)

        # So long the last read before the claim takes.
        box.sandbox.add_fault(Fault("delay", method="GET", path=CROSS_PATH, seconds=0.8, count=0))
        async with daemon_process(config) as child:
            await wait_until(lambda: any((o.path, o.status) == (RIGHTS_PATH, 200) for o in box.sandbox.requests))
            box.sandbox.user_actions.set_price("BTCUSDT", Decimal(70_000))
            await wait_until(lambda: bool(states(url)))
            with locked_database(url):
                began = time.monotonic()
                # By then the claim waits for the lock.
                await wait_until(lambda: time.monotonic() - began > 1.5)
                child.process.send_signal(signal.SIGSTOP)
            box.sandbox.user_actions.set_price("BTCUSDT", Decimal(200_000))
            await wait_until(lambda: time.monotonic() - began > 9)
            child.process.send_signal(signal.SIGCONT)
            await wait_until(lambda: IntentState.EXPIRED in states(url))
            assert not [
                request for request in box.sandbox.requests if request.method == "POST" and request.path in MONEY
            ]
