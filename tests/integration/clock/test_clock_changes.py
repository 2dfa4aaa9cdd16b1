"""Clocks that are wrong, are set, or stand still: reads, alerts, heartbeat and actions go on."""

import asyncio
import contextlib
import shutil
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest

from monitor.core.numbers.durations import parse_since
from monitor.sandbox.faults import Fault
from tests.support.clocks.faketime import FakeClocks, needs_faketime
from tests.support.daemon import DaemonProcess, daemon_process, eventually, starting_now, write_config
from tests.support.money_actions import REPAY_BELOW_INITIAL, REPAY_PATH
from tests.support.sandbox import RunningSandbox, sandbox
from tests.support.sinks import HttpSink, http_sink

CROSS = "/sapi/v1/margin/account"
EXCHANGE_DOWN = (
    Fault("status", path="*", status=503, count=0),
    *(Fault(what, stream=stream) for stream in ("account", "risk", "market") for what in ("refuse", "drop")),
)
AT_ONCE = 3
SCHEDULE = {"cross": "2s", "isolated": "2s", "near_liquidation": "2s", "stale_after": "12s"}
HEARTBEAT_AND_SAFETY = """
[heartbeat]
url = "{url}/ping"
every = "1s"

[safety]
settle = "5s"
"""
ONE_REPAYMENT = REPAY_BELOW_INITIAL + 'max_actions_per_day = 1\ncooldown = "1d"\nmax_data_age = "10s"\n'
WITHIN_S = 150
"""Generous: the machine may be busy. What stands still for a clock stands still for an hour."""

BLIND_WITHIN = timedelta(seconds=13 + 17)
"""Of exchange time from the darkness to `blind`: ten seconds, a poll and a look; the rest is for a busy machine."""

AWAY_S = 600
"""How long a machine is suspended or stands still."""

STOPPED_S = 15.0

ClockChange = Literal["step", "suspend", "machine stands still", "process stands still"]


@dataclass(frozen=True, slots=True)
class Case:
    """How far the wall clock is off at the start (seconds), and what befalls the clocks then. `step_s`: of the wall."""

    offset_s: int
    step_s: int = 0
    what: ClockChange | None = None
    during_repayment: bool = False

    @property
    def name(self) -> str:
        return f"{self.offset_s:+d} {self.what or ''} {self.step_s:+d}{' in a repayment' * self.during_repayment}"


MATRIX = [
    *(Case(offset) for offset in (-120, -10, 25, 300)),
    *(Case(0, step, "step") for step in (-3600, 3600, 86_400)),
    Case(0, -3600, "step", during_repayment=True),
    Case(0, what="suspend"),
    Case(-120, what="suspend"),
    Case(0, what="machine stands still"),
    Case(0, what="process stands still"),
]
JUMP_TEXTS: Mapping[ClockChange, str] = {
    "step": "the wall clock of this machine was set",
    "suspend": "this machine was suspended",
    "machine stands still": "corrected by the exchange",
}


@dataclass(frozen=True, slots=True)
class ClockScenario:
    """A daemon under clocks of its own, and all that it talks to."""

    case: Case
    box: RunningSandbox
    child: DaemonProcess
    sink: HttpSink
    clocks: FakeClocks

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.box.sandbox.timeline.now_ms() / 1000, UTC)

    def count(self, path: str, method: str = "GET") -> int:
        return sum((request.path, request.method) == (path, method) for request in self.box.sandbox.requests)

    def said(self, part: str) -> bool:
        return any(part in one.body.decode() for one in list(self.sink.received) if not one.path.startswith("/ping"))

    def fired(self, rule: str, since: datetime) -> list[datetime]:
        """When alerts of this rule fired, of which the channel was told that they do."""
        messages = [one.json() for one in list(self.sink.received) if not one.path.startswith("/ping")]
        alerts = [alert for message in messages for alert in message.get("alerts", [message])]
        moments = [parse_since(a["fired_at"], since) for a in alerts if a.get("rule") == rule and a.get("fired_at")]
        return sorted(at for at in moments if at >= since)

    def pings(self, path: str) -> int:
        return sum(one.path == path for one in list(self.sink.received))

    async def until(self, what: str, holds: Callable[[], bool]) -> None:
        async def is_so() -> bool:
            return holds()

        await eventually(
            is_so,
            WITHIN_S,
            given_up=lambda: self.child.process.returncode is not None,
            story=lambda: f"{self.case.name}: {what}: {self.child.text[-3000:]}",
        )

    async def polls_go_on(self) -> None:
        before = self.count(CROSS)
        await self.until("polls", lambda: self.count(CROSS) >= before + 3)

    async def wait_until_healthy(self) -> None:
        before = self.pings("/ping")
        await self.until("well", lambda: self.pings("/ping") > before)

    def cut_exchange(self) -> None:
        """Nothing of the exchange can be reached from now on."""
        for fault in EXCHANGE_DOWN:
            self.box.sandbox.add_fault(fault)

    async def apply_clock_change(self) -> None:
        """What happens to the clocks."""
        match self.case.what:
            case "step":
                self.clocks.set_wall(self.case.step_s)
            case "suspend":
                with self._stopped():
                    self.clocks.suspend(AWAY_S)
                    self.box.sandbox.timeline.advance(AWAY_S)
            case "machine stands still":
                self.box.sandbox.timeline.advance(AWAY_S)
                await self.until("noticed", lambda: self.said(JUMP_TEXTS["machine stands still"]))
                # Some time later its host sets the wall clock.
                self.clocks.set_wall(AWAY_S)
            case "process stands still":
                began = time.monotonic()
                with self._stopped():
                    await self.until("it stands still", lambda: time.monotonic() - began > STOPPED_S)
            case _:
                return
        said = JUMP_TEXTS.get(self.case.what)
        if said is not None:
            await self.until("told", lambda: self.said(said))

    @contextlib.contextmanager
    def _stopped(self) -> Iterator[None]:
        self.child.send(signal.SIGSTOP)
        try:
            yield
        finally:
            self.child.send(signal.SIGCONT)


@contextlib.asynccontextmanager
async def stage(folder: Path, template: Path, case: Case, *, is_dark: bool = False) -> AsyncIterator[ClockScenario]:
    clocks = FakeClocks(folder / "clocks", case.offset_s)
    shutil.copy(template, folder / "monitor.db")
    with http_sink() as sink:
        async with sandbox(starting_now(), faults=EXCHANGE_DOWN if is_dark else ()) as box:
            config = write_config(
                folder,
                box.ready,
                schedule=SCHEDULE,
                channels={"phone": sink.url},
                more=HEARTBEAT_AND_SAFETY.format(url=sink.url) + ONE_REPAYMENT,
            )
            # What is slow for want of a processor is no fault.
            config.write_text(config.read_text().replace('request_timeout = "1s"', 'request_timeout = "4s"'))
            async with daemon_process(config, environ=clocks.environ) as child:
                there = ClockScenario(case, box, child, sink, clocks)
                begun = "daemon.started" if is_dark else "stream=market connected=True"
                await there.until("begun", lambda: begun in child.text)
                yield there


async def play_case(folder: Path, template: Path, case: Case) -> None:
    """Well, then in danger, then dark."""
    async with stage(folder, template, case) as there:
        hand = there.box.sandbox.user_actions
        await there.polls_go_on()
        await there.wait_until_healthy()
        if not case.during_repayment:
            await there.apply_clock_change()
            await there.polls_go_on()
            await there.wait_until_healthy()
        else:
            there.box.sandbox.add_fault(Fault("delay", path=REPAY_PATH, seconds=2))
        hand.set_price("BTCUSDT", Decimal(45_000))
        await there.until("sent", lambda: there.count(REPAY_PATH, "POST") == 1)
        if case.during_repayment:
            await there.apply_clock_change()
        await there.until("settled", lambda: "intent.confirmed" in there.child.text)
        assert there.count(REPAY_PATH, "POST") == 1
        dark_at, ill = there.now(), there.pings("/ping/fail")
        there.cut_exchange()
        await there.until("blind", lambda: bool(there.fired("blind", dark_at)))
        assert there.fired("blind", dark_at)[0] - dark_at <= BLIND_WITHIN, case.name
        await there.until("ill", lambda: there.pings("/ping/fail") > ill)


async def play_from_outage(folder: Path, template: Path, case: Case) -> None:
    """The exchange can't be reached from the first second on, and then it can."""
    async with stage(folder, template, case, is_dark=True) as there:
        began_s = time.monotonic()
        await there.until("blind", lambda: there.said('"rule":"blind"'))
        assert time.monotonic() - began_s <= BLIND_WITHIN.total_seconds(), case.name
        await there.until("ill", lambda: there.pings("/ping/fail") > 0)
        assert there.pings("/ping") == 0
        there.box.sandbox.clear_faults()
        await there.polls_go_on()
        await there.wait_until_healthy()
        await there.until("corrected", lambda: there.said(JUMP_TEXTS["machine stands still"]))
        there.box.sandbox.user_actions.set_price("BTCUSDT", Decimal(45_000))
        await there.until("sent", lambda: there.count(REPAY_PATH, "POST") == 1)


async def side_by_side(cases: Sequence[Case], play: Callable[[int, Case], Awaitable[None]]) -> None:
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, case: Case) -> None:
        async with turn:
            await play(number, case)

    async with asyncio.TaskGroup() as tasks:
        for number, case in enumerate(cases):
            tasks.create_task(one(number, case))


@needs_faketime
@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_no_clock_change_stops_alerts(tmp_path: Path, sqlite_template: Path) -> None:
    await side_by_side(MATRIX, lambda number, case: play_case(tmp_path / str(number), sqlite_template, case))


@needs_faketime
@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_start_without_exchange_by_a_wrong_clock_is_alerted(tmp_path: Path, sqlite_template: Path) -> None:
    cases = [Case(-3600), Case(3600)]
    await side_by_side(cases, lambda number, case: play_from_outage(tmp_path / str(number), sqlite_template, case))


@needs_faketime
@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_polls_go_on_after_the_wall_clock_was_set_back_an_hour(tmp_path: Path, sqlite_template: Path) -> None:
    async with stage(tmp_path / "one", sqlite_template, Case(0, -3600, "step")) as there:
        there.clocks.set_wall(-3600)
        await there.until("told", lambda: "clock.jumped kind='wall clock'" in there.child.text)
        await there.polls_go_on()
