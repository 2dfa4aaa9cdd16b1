"""A wall clock that is wrong or is set: reads, alerts, heartbeat and actions go on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.sandbox.faults import Fault
from tests.support.daemon import Child, daemon_process, eventually, starting_now, write_config
from tests.support.sandbox import Running, sandbox
from tests.support.sinks import HttpSink, http_sink

LIBRARY = next(iter(map(str, Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), "")
needs_faketime = pytest.mark.skipif(not LIBRARY, reason="libfaketime is missing: install Debian's package faketime")

CROSS = "/sapi/v1/margin/account"
REPAY = "/sapi/v1/margin/borrow-repay"
SCHEDULE = {"cross": "2s", "isolated": "2s", "near_liquidation": "2s", "stale_after": "12s"}
LIVE = """
[heartbeat]
url = "{url}/ping"
every = "1s"

[safety]
settle = "5s"

[[rules]]
name = "act"
scope = "cross"
when = "margin_level < initial_level"
severity = "critical"
actions = ["pay"]

[[actions]]
name = "pay"
kind = "repay"
mode = "live"
asset = "USDT"
amount = "50"
max_amount = "100"
max_per_day = "100"
max_actions_per_day = 1
cooldown = "1d"
max_data_age = "10s"
"""
WITHIN_S = 150
"""Generous: the machine may be busy. What stands still for a clock stands still for an hour."""


@dataclass(frozen=True, slots=True)
class Case:
    """The wall clock's offset at the start, and after a step (seconds)."""

    offset_s: int
    step_s: int | None = None
    during_repayment: bool = False

    @property
    def name(self) -> str:
        step = "" if self.step_s is None else f" then {self.step_s:+d}"
        return f"{self.offset_s:+d}{step}{' during a repayment' if self.during_repayment else ''}"


MATRIX = [
    *(Case(offset) for offset in (-120, -10, 25, 300)),
    *(Case(0, step) for step in (-3600, 3600, 86_400)),
    Case(0, -3600, during_repayment=True),
]


@dataclass(frozen=True, slots=True)
class Stage:
    """A daemon under a wall clock of its own, and all that it talks to."""

    case: Case
    box: Running
    child: Child
    sink: HttpSink
    wall: Path

    def count(self, path: str, method: str = "GET") -> int:
        return sum((one.path, one.method) == (path, method) for one in self.box.sandbox.requests)

    def said(self, part: str) -> bool:
        return any(part in one.body.decode() for one in list(self.sink.received) if not one.path.startswith("/ping"))

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

    def set_wall(self, seconds: int) -> None:
        new = self.wall.with_suffix(".new")
        new.write_text(f"{seconds:+d}s\n")
        new.replace(self.wall)


def begun(folder: Path, offset_s: int) -> Path:
    """The file that says what the wall clock says."""
    folder.mkdir()
    wall = folder / "wall"
    wall.write_text(f"{offset_s:+d}s\n")
    return wall


@contextlib.asynccontextmanager
async def stage(folder: Path, case: Case) -> AsyncIterator[Stage]:
    wall = begun(folder, case.offset_s)
    environ = {
        "LD_PRELOAD": LIBRARY,
        "FAKETIME_TIMESTAMP_FILE": str(wall),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    with http_sink() as sink:
        async with sandbox(starting_now()) as box:
            config = write_config(
                folder, box.ready, schedule=SCHEDULE, channels={"phone": sink.url}, more=LIVE.format(url=sink.url)
            )
            async with daemon_process(config, environ=environ) as child:
                there = Stage(case, box, child, sink, wall)
                await there.until("streams", lambda: "stream=market connected=True" in child.text)
                yield there


async def played(folder: Path, case: Case) -> None:
    """Well, then in danger, then dark."""
    async with stage(folder, case) as there:
        hand = there.box.sandbox.hand
        await there.polls_go_on()
        await there.until("well", lambda: there.pings("/ping") > 0)
        if case.step_s is not None and not case.during_repayment:
            there.set_wall(case.step_s)
            await there.until("told", lambda: there.said("Clock jump"))
            await there.polls_go_on()
        if case.during_repayment:
            there.box.sandbox.add_fault(Fault("delay", path=REPAY, seconds=2))
        hand.set_price("BTCUSDT", Decimal(45_000))
        await there.until("sent", lambda: there.count(REPAY, "POST") == 1)
        if case.during_repayment:
            assert case.step_s is not None
            there.set_wall(case.step_s)
        await there.until("settled", lambda: "intent.confirmed" in there.child.text)
        assert there.count(REPAY, "POST") == 1
        there.box.sandbox.add_fault(Fault("status", path="*", status=503, count=0))
        for stream in ("account", "risk", "market"):
            there.box.sandbox.add_fault(Fault("refuse", stream=stream))
            there.box.sandbox.add_fault(Fault("drop", stream=stream))
        await there.until("blind", lambda: there.said("blind"))
        await there.until("ill", lambda: there.pings("/ping/fail") > 0)


async def side_by_side(folder: Path, cases: Sequence[Case], at_once: int = 3) -> None:
    turn = asyncio.Semaphore(at_once)

    async def one(number: int, case: Case) -> None:
        async with turn:
            await played(folder / str(number), case)

    async with asyncio.TaskGroup() as tasks:
        for number, case in enumerate(cases):
            tasks.create_task(one(number, case))


@needs_faketime
@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_no_wall_clock_silences_it(tmp_path: Path) -> None:
    await side_by_side(tmp_path, MATRIX)


@needs_faketime
@pytest.mark.timeout(400)
async def test_polls_go_on_after_the_wall_clock_was_set_back_an_hour(tmp_path: Path) -> None:
    async with stage(tmp_path / "one", Case(0, -3600)) as there:
        there.set_wall(-3600)
        await there.until("told", lambda: "clock.jumped kind='wall clock'" in there.child.text)
        await there.polls_go_on()
