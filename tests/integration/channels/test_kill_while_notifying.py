"""The real daemon, killed around the moment of telling: nothing critical is lost, a repeated word keeps its number."""

import asyncio
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

import pytest

from monitor.core.model.alert import AlertState
from monitor.records.alerts import AlertRow
from monitor.store.command_store import ReadStore
from monitor.store.readers.alerts import read_alerts
from tests.support.daemon import DaemonProcess, daemon_process, eventually, starting_now, write_config
from tests.support.sandbox import RunningSandbox, price_below_rung, rung_rules, sandbox
from tests.support.sinks import Answer, HttpSink, http_sink

Instant = Literal["committed", "sending", "answered", "refused", "some time"]
ANSWERS: dict[Instant, Answer] = {
    "sending": Answer(204, after_s=5),
    "refused": Answer(503, headers={"Retry-After": "1"}),
}
LIVES = 14


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_no_critical_alert_is_lost_and_duplicates_share_a_number(tmp_path: Path) -> None:
    chance = random.Random(7)
    lives: list[Instant] = [*get_args(Instant), *chance.choices(get_args(Instant), k=LIVES - len(get_args(Instant)))]
    with http_sink() as sink:
        async with sandbox(starting_now()) as box:
            config = write_config(
                tmp_path,
                box.ready,
                channels={"phone": sink.url},
                first="default_rules = false",
                more=rung_rules(LIVES + 1),
            )
            for number, instant in enumerate(lives):
                async with daemon_process(config) as child:
                    await child.wait_for_line("stream=market connected=True")
                    await run_until(instant, number, box, tmp_path, sink, child, chance)
                    assert await child.stop(signal.SIGKILL) == -signal.SIGKILL
                sink.answers = []
            async with daemon_process(config) as child:
                await child.wait_for_line("stream=market connected=True")
                box.sandbox.user_actions.set_price("BTCUSDT", price_below_rung(LIVES))
                await eventually(
                    lambda: all_alerts_received(tmp_path, sink), 60, story=lambda: str(received_alerts(sink))
                )
                assert await child.stop() == 0
        fired = {row.alert.key.rule: row.alert.id for row in alerts(tmp_path)}
    assert len(fired) == LIVES + 1
    assert {rule for rule, _ in received_alerts(sink)} == set(fired)
    assert {number for rule, number in received_alerts(sink) if fired[rule] != number} == set(), (
        "told twice under two numbers"
    )


async def run_until(
    instant: Instant,
    number: int,
    box: RunningSandbox,
    folder: Path,
    sink: HttpSink,
    child: DaemonProcess,
    chance: random.Random,
) -> None:
    """Returns at the instant at which the daemon is to die, around the first word of rule `number`."""
    if instant in ANSWERS:
        sink.answers = [ANSWERS[instant]]
    before = len(sink.received)
    box.sandbox.user_actions.set_price("BTCUSDT", price_below_rung(number))
    match instant:
        case "some time":
            await asyncio.sleep(chance.uniform(0, 0.3))
        case "committed":
            await until(lambda: any(row.alert.key.rule == f"rung-{number}" for row in alerts(folder)), child)
        case _:
            await until(lambda: len(sink.received) > before, child)


def received_alerts(sink: HttpSink) -> list[tuple[str, int]]:
    """The rule and the number of each alert that the sink was told, in the order of the telling."""
    told = [one for request in list(sink.received) for one in request.json().get("alerts", [request.json()])]
    return [(str(one["rule"]), int(one["id"])) for one in told if one["reason"] != "resolved"]


def alerts(folder: Path) -> tuple[AlertRow, ...]:
    with ReadStore.open(f"sqlite:///{folder}/monitor.db") as store:
        rows = store.read(read_alerts, include_closed=True, account=None)
    return tuple(row for row in rows if row.alert.state is AlertState.FIRING)


async def all_alerts_received(folder: Path, sink: HttpSink) -> bool:
    """Whether every rule fires, and the sink has taken a word about each."""
    firing = {row.alert.id for row in alerts(folder)}
    return len(firing) == LIVES + 1 and firing <= {number for _, number in received_alerts(sink)}


async def until(holds: Callable[[], bool], child: DaemonProcess) -> None:
    """As soon as may be: what is waited for lasts only some milliseconds."""
    async with asyncio.timeout(60):
        while not holds():
            assert child.process.returncode is None, child.text
            await asyncio.sleep(0.001)
