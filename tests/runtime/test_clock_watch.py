"""What a jump of a clock is told as, and that it is told once."""

from datetime import UTC, datetime, timedelta

import pytest

from monitor.clock import ManualClock
from monitor.runtime.clock_watch import ClockWatch, Jump, span_words

START = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Watched:
    """A clock that is moved by hand, and what was told of it."""

    def __init__(self) -> None:
        self.clock = ManualClock(START)
        self.jumps: list[tuple[str, int]] = []
        self.watch = ClockWatch(self.clock, self._jumped)

    async def _jumped(self, jump: Jump) -> None:
        self.jumps.append((jump.kind, round(jump.seconds)))

    def measure(self, ahead_s: float) -> None:
        now_s = self.clock.elapsed_s()
        self.clock.learn(self.clock.moment_of(now_s) + timedelta(seconds=ahead_s), now_s, now_s)


@pytest.mark.parametrize("step_s", [-3600, 3600, 86_400, -2, 2])
async def test_a_wall_clock_that_was_set_is_told_once(step_s: int) -> None:
    w = Watched()
    w.measure(0)
    w.clock.hand.set_wall(step_s)
    w.clock.advance(0.5)
    await w.watch.look()
    await w.watch.look()
    assert w.jumps == [("wall clock", step_s)]
    assert w.clock.now() == START + timedelta(seconds=0.5)
    assert not w.clock.is_settled


async def test_a_suspended_machine_is_told() -> None:
    w = Watched()
    w.clock.hand.suspend(600)
    await w.watch.look()
    assert w.jumps == [("suspend", 600)]


async def test_a_machine_that_sleeps_between_two_watches_is_told_by_the_second() -> None:
    w = Watched()
    w.clock.hand.suspend(600)
    second = ClockWatch(w.clock, w._jumped, w.watch.last_look)
    await second.look()
    await second.look()
    assert w.jumps == [("suspend", 600)]


async def test_a_correction_by_the_exchange_is_told() -> None:
    w = Watched()
    w.measure(-120)
    await w.watch.look()
    assert w.jumps == [("correction", -120)]
    assert w.clock.is_settled


async def test_time_that_passes_and_trifles_are_no_jumps() -> None:
    w = Watched()
    w.measure(0)
    await w.watch.look()
    for _ in range(5):
        w.clock.advance(30)
        w.clock.hand.set_wall(0.2)
        w.clock.distrust()
        w.measure(-0.1)
        await w.watch.look()
    assert w.jumps == []


async def test_a_wall_clock_that_was_set_before_the_first_measurement_is_believed() -> None:
    w = Watched()
    w.clock.hand.set_wall(-3600)
    await w.watch.look()
    assert w.clock.now() == START - timedelta(hours=1)
    # The same jump is not told again as a correction.
    await w.watch.look()
    assert w.jumps == [("wall clock", -3600)]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(2.5, "2.5 s"), (90, "90 s"), (600, "10 min"), (11_520, "3.2 h"), (86_400, "24 h"), (1.77e9, "56.1 years")],
)
def test_a_jump_is_told_in_the_unit_that_fits(seconds: float, words: str) -> None:
    assert span_words(seconds) == words
