"""The time in force: exchange time on a steady base, whatever happens to the wall clock."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from monitor.clock import JUMP_S, SystemClock
from tests.support.clocks.manual_clock import ManualClock
from tests.support.timeouts import SOON_S

START = datetime(2026, 3, 2, 12, tzinfo=UTC)


def measured(clock: ManualClock, ahead_s: float) -> None:
    """The server's time is `ahead_s` ahead of the clock, and answers at once."""
    now_s = clock.elapsed_s()
    clock.record_measurement(clock.moment_of(now_s) + timedelta(seconds=ahead_s), now_s, now_s)


def test_a_wall_clock_that_is_set_changes_nothing_but_the_offset() -> None:
    clock = ManualClock(START)
    measured(clock, 0)
    clock.manual_machine.set_wall(3600)
    assert clock.now() == START
    assert clock.offset == timedelta(hours=-1)
    clock.advance(10)
    assert clock.now() == START + timedelta(seconds=10)


def test_the_time_of_a_suspended_machine_passes() -> None:
    clock = ManualClock(START)
    clock.manual_machine.suspend(600)
    assert clock.now() == START + timedelta(minutes=10)
    assert clock.elapsed_s() == 600


def test_offset_is_unknown_before_the_first_measurement() -> None:
    clock = ManualClock(START)
    assert clock.offset is None
    measured(clock, 5)
    assert clock.offset == timedelta(seconds=5)


def test_wall_clock_is_used_until_the_first_measurement() -> None:
    clock = ManualClock(datetime(1970, 1, 1, tzinfo=UTC))
    clock.manual_machine.set_wall(START.timestamp())
    clock.follow_wall_clock()
    assert clock.now() == START
    measured(clock, 2)
    clock.manual_machine.set_wall(-3600)
    clock.follow_wall_clock()
    assert clock.now() == START + timedelta(seconds=2)


@pytest.mark.parametrize("back_s", [JUMP_S / 2, JUMP_S * 0.9])
def test_small_correction_never_turns_time_back(back_s: float) -> None:
    clock = ManualClock(START)
    measured(clock, 0)
    assert clock.now() == START
    clock.invalidate()
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


def test_earlier_reading_is_converted_by_the_corrected_time() -> None:
    clock = ManualClock(START)
    before_s = clock.elapsed_s()
    clock.advance(2)
    measured(clock, -3600)
    assert clock.moment_of(before_s) == START - timedelta(hours=1)


async def test_sleepers_wake_after_a_suspend() -> None:
    clock = SystemClock(machine=ManualClock(START).manual_machine)
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


def test_clock_speed_is_invisible_outside() -> None:
    clock = SystemClock(START, 3600.0, machine=ManualClock(START).manual_machine)
    assert clock.elapsed_s() == 0
    assert clock.now() == START


def test_stored_moment_is_resumed_on_its_own_clock_base() -> None:
    first = ManualClock(START)
    assert first.read_steady() is None
    first.manual_machine.base = "this run"
    # What the wall clock guesses is worth no note.
    assert first.read_steady() is None
    measured(first, -120)
    at, reading = first.now(), first.read_steady()
    assert reading is not None
    second = ManualClock(START + timedelta(days=1))
    second.manual_machine.base = "another run"
    assert not second.resume_from(at, reading)
    second.manual_machine.base = "this run"
    second.advance(60)
    assert second.resume_from(at, reading)
    assert second.now() == at + timedelta(seconds=60)
    assert not second.is_settled
    measured(second, 3)
    assert second.now() == at + timedelta(seconds=63)
