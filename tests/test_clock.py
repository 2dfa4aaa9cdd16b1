"""The time in force: exchange time on a steady base, whatever happens to the wall clock."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from monitor.clock import JUMP_S, ManualClock, SystemClock
from tests.support.timeouts import SOON_S

START = datetime(2026, 3, 2, 12, tzinfo=UTC)


def measured(clock: ManualClock, ahead_s: float) -> None:
    """The server's time is `ahead_s` ahead of the clock, and answers at once."""
    now_s = clock.elapsed_s()
    clock.learn(clock.moment_of(now_s) + timedelta(seconds=ahead_s), now_s, now_s)


def test_a_wall_clock_that_is_set_changes_nothing_but_the_offset() -> None:
    clock = ManualClock(START)
    measured(clock, 0)
    clock.hand.set_wall(3600)
    assert clock.now() == START
    assert clock.offset == timedelta(hours=-1)
    clock.advance(10)
    assert clock.now() == START + timedelta(seconds=10)


def test_the_time_of_a_suspended_machine_passes() -> None:
    clock = ManualClock(START)
    clock.hand.suspend(600)
    assert clock.now() == START + timedelta(minutes=10)
    assert clock.elapsed_s() == 600


def test_nothing_is_said_of_the_offset_before_the_first_measurement() -> None:
    clock = ManualClock(START)
    assert clock.offset is None
    measured(clock, 5)
    assert clock.offset == timedelta(seconds=5)


def test_the_wall_clock_is_followed_until_the_exchange_was_asked() -> None:
    clock = ManualClock(datetime(1970, 1, 1, tzinfo=UTC))
    clock.hand.set_wall(START.timestamp())
    clock.follow_wall()
    assert clock.now() == START
    measured(clock, 2)
    clock.hand.set_wall(-3600)
    clock.follow_wall()
    assert clock.now() == START + timedelta(seconds=2)


@pytest.mark.parametrize("back_s", [JUMP_S / 2, JUMP_S * 0.9])
def test_a_trifle_never_turns_time_back(back_s: float) -> None:
    clock = ManualClock(START)
    measured(clock, 0)
    assert clock.now() == START
    clock.distrust()
    measured(clock, -back_s)
    assert clock.now() == START
    clock.advance(back_s / 2)
    assert clock.now() == START
    clock.advance(back_s)
    assert abs(clock.now() - START - timedelta(seconds=back_s / 2)) < timedelta(milliseconds=1)


def test_a_jump_back_is_made_at_once() -> None:
    clock = ManualClock(START)
    assert clock.now() == START
    measured(clock, -3600)
    assert clock.now() == START - timedelta(hours=1)
    assert clock.corrected_s == -3600
    # What is waited for goes by the base, which nothing corrects.
    assert clock.elapsed_s() == 0


def test_a_moment_that_was_read_before_a_correction_is_told_by_the_time_known_after() -> None:
    clock = ManualClock(START)
    before_s = clock.elapsed_s()
    clock.advance(2)
    measured(clock, -3600)
    assert clock.moment_of(before_s) == START - timedelta(hours=1)


async def test_who_sleeps_looks_again_when_the_machine_had_slept() -> None:
    clock = SystemClock(machine=ManualClock(START).hand)
    hand = clock.machine
    assert hasattr(hand, "suspend")
    sleeping = asyncio.create_task(clock.sleep(3600))
    await asyncio.sleep(0)
    clock.wake_sleepers()
    await asyncio.sleep(0)
    assert not sleeping.done()
    hand.suspend(3600)
    clock.wake_sleepers()
    async with asyncio.timeout(SOON_S):
        await sleeping


def test_a_fast_timeline_is_known_to_nobody_else() -> None:
    clock = SystemClock(START, 3600.0, machine=ManualClock(START).hand)
    assert clock.elapsed_s() == 0
    assert clock.now() == START


def test_a_noted_moment_is_taken_up_on_its_own_base_whatever_the_wall_clock_says() -> None:
    first = ManualClock(START)
    assert first.reading() is None
    first.hand.base = "this run"
    # What the wall clock guesses is worth no note.
    assert first.reading() is None
    measured(first, -120)
    at, reading = first.now(), first.reading()
    assert reading is not None
    second = ManualClock(START + timedelta(days=1))
    second.hand.base = "another run"
    assert not second.resume(at, reading)
    second.hand.base = "this run"
    second.advance(60)
    assert second.resume(at, reading)
    assert second.now() == at + timedelta(seconds=60)
    assert not second.is_settled
    measured(second, 3)
    assert second.now() == at + timedelta(seconds=63)
