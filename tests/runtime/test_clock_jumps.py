"""What a jump of a clock is told as, and that it is told once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from monitor.runtime.clock_jumps import ClockJumpWatch, Jump, format_jump
from tests.support.clocks.manual_clock import ManualClock

START = datetime(2026, 3, 2, 12, tzinfo=UTC)


class WatchedClock:
    """A clock that is moved by hand, and what was told of it."""

    def __init__(self) -> None:
        self.clock = ManualClock(START)
        self.jumps: list[tuple[str, int]] = []
        self.watch = ClockJumpWatch(self.clock, self._jumped)

    async def _jumped(self, jump: Jump) -> None:
        self.jumps.append((jump.kind, round(jump.seconds)))

    def measure(self, ahead_s: float) -> None:
        now_s = self.clock.elapsed_s()
        self.clock.record_measurement(self.clock.moment_of(now_s) + timedelta(seconds=ahead_s), now_s, now_s)


@pytest.mark.parametrize("step_s", [-3600, 3600, 86_400, -2, 2])
async def test_wall_clock_change_is_reported_once(step_s: int) -> None:
    w = WatchedClock()
    w.measure(0)
    w.clock.manual_machine.set_wall(step_s)
    w.clock.advance(0.5)
    await w.watch.check()
    await w.watch.check()
    assert w.jumps == [("wall clock", step_s)]
    assert w.clock.now() == START + timedelta(seconds=0.5)
    assert not w.clock.is_settled


async def test_suspend_is_reported() -> None:
    w = WatchedClock()
    w.clock.manual_machine.suspend(600)
    await w.watch.check()
    assert w.jumps == [("suspend", 600)]


async def test_suspend_between_two_watches_is_reported_by_the_second() -> None:
    w = WatchedClock()
    w.clock.manual_machine.suspend(600)
    second = ClockJumpWatch(w.clock, w._jumped, w.watch.last_check)
    await second.check()
    await second.check()
    assert w.jumps == [("suspend", 600)]


async def test_jump_left_by_an_interrupted_watch_is_reported_by_the_second() -> None:
    w = WatchedClock()
    w.measure(0)

    async def is_interrupted(jump: Jump) -> None:
        await w._jumped(jump)
        raise asyncio.CancelledError

    first = ClockJumpWatch(w.clock, is_interrupted)
    w.clock.manual_machine.set_wall(-600)
    w.clock.manual_machine.suspend(80)
    with pytest.raises(asyncio.CancelledError):
        await first.check()
    second = ClockJumpWatch(w.clock, w._jumped, first.last_check)
    await second.check()
    await second.check()
    assert sorted(w.jumps) == [("suspend", 80), ("wall clock", -600)]


async def test_correction_by_the_exchange_is_reported() -> None:
    w = WatchedClock()
    w.measure(-120)
    await w.watch.check()
    assert w.jumps == [("correction", -120)]
    assert w.clock.is_settled


async def test_elapsed_time_and_small_differences_are_no_jumps() -> None:
    w = WatchedClock()
    w.measure(0)
    await w.watch.check()
    for _ in range(5):
        w.clock.advance(30)
        w.clock.manual_machine.set_wall(0.2)
        w.clock.invalidate()
        w.measure(-0.1)
        await w.watch.check()
    assert w.jumps == []


async def test_wall_clock_change_before_the_first_measurement_is_accepted() -> None:
    w = WatchedClock()
    w.clock.manual_machine.set_wall(-3600)
    await w.watch.check()
    assert w.clock.now() == START - timedelta(hours=1)
    # The same jump is not told again as a correction.
    await w.watch.check()
    assert w.jumps == [("wall clock", -3600)]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(2.5, "2.5 s"), (90, "90 s"), (600, "10 min"), (11_520, "3.2 h"), (86_400, "24 h"), (1.77e9, "56.1 years")],
)
def test_jump_is_worded_in_a_fitting_unit(seconds: float, words: str) -> None:
    assert format_jump(seconds) == words
