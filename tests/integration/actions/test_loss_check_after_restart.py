"""An order confirmed before prices are known: nothing of its rule leaves until it is judged what the order did."""

import asyncio
import signal
from pathlib import Path

import pytest

from monitor.core.model.intent import IntentState
from monitor.sandbox.faults import Fault
from tests.support.command import margin_monitor
from tests.support.daemon import daemon_process, eventually, starting_now, write_config
from tests.support.money_actions import REPAY_PATH, intents, money_requests, repay_config
from tests.support.sandbox import RunningSandbox, sandbox
from tests.support.sinks import http_sink

TAKES = Fault("take_more", method="POST", path=REPAY_PATH, share=200.0)
HIDES_RECORDS = Fault("delay", method="GET", path=REPAY_PATH, count=0, seconds=60)
NO_PRICES = (
    Fault("status", method="GET", path="/api/v3/ticker/price", count=0, status=503),
    Fault("silent", stream="market", seconds=3600),
)
CROSS_PATH = "/sapi/v1/margin/account"


async def comes_to(folder: Path, state: IntentState) -> None:
    async def is_there() -> bool:
        return [intent.state for intent in intents(folder)[:1]] == [state]

    await eventually(is_there, 25, story=lambda: str(intents(folder)))


async def reads_on(box: RunningSandbox, count: int = 8) -> None:
    """Returns once the daemon has read the account some times more: it had every chance to act."""

    def reads() -> int:
        return sum(request.path == CROSS_PATH for request in box.sandbox.requests)

    start = reads()

    async def has_read() -> bool:
        return reads() >= start + count

    await eventually(has_read, 25, story=lambda: str(len(box.sandbox.requests)))


@pytest.mark.slow
async def test_what_is_confirmed_without_prices_is_judged_once_they_come_over_a_kill(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox(starting_now()) as box:
            box.sandbox.add_fault(TAKES)
            pause = tmp_path / "PAUSE"
            pause.touch()
            more = repay_config(max_amount="10", cooldown="0s", pause_file=str(pause)).replace(
                'kind = "repay"', 'kind = "repay"\nmax_actions_per_day = 1000'
            )
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url}, more=more)
            async with daemon_process(config) as child:
                # What moved before the start is read from the same records.
                await reads_on(box)
                box.sandbox.add_fault(HIDES_RECORDS)
                pause.unlink()
                await comes_to(tmp_path, IntentState.ACKNOWLEDGED)
                assert await child.stop(signal.SIGKILL) == -signal.SIGKILL
            box.sandbox.clear_faults()
            for fault in NO_PRICES:
                box.sandbox.add_fault(fault)
            async with daemon_process(config) as child:
                await comes_to(tmp_path, IntentState.CONFIRMED)
                await reads_on(box)
                assert intents(tmp_path)[0].awaits_judgement
                assert "wait until it is known whether R-" in margin_monitor(config, "actions").out
                assert await child.stop(signal.SIGKILL) == -signal.SIGKILL
            box.sandbox.clear_faults()
            async with daemon_process(config):
                await asyncio.to_thread(
                    sink.wait_for, lambda got: any("it made things worse" in one.json()["text"] for one in got)
                )
                await reads_on(box)
                assert not intents(tmp_path)[0].awaits_judgement
                assert "STOPPED since R-" in margin_monitor(config, "status").out
            assert len(money_requests(box.sandbox.requests)) == 1
            assert "is whole" in margin_monitor(config, "actions", "verify").out
