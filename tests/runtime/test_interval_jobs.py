"""Intervals in a scheduler that lives in the wall clock, which jumps."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from monitor.runtime.interval_jobs import WallClockInterval, run_every, run_now
from tests.support.timeouts import SOON_S

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("last", "due"),
    [
        (None, NOW + MINUTE),
        (NOW, NOW + MINUTE),
        (NOW - timedelta(seconds=10), NOW + timedelta(seconds=50)),
        (NOW - timedelta(seconds=130), NOW + timedelta(seconds=50)),
        (datetime(1970, 1, 1, tzinfo=UTC), NOW + MINUTE),
        (NOW + timedelta(hours=1), NOW + MINUTE),
    ],
)
def test_the_next_run_is_never_a_past_one(last: datetime | None, due: datetime) -> None:
    assert WallClockInterval(MINUTE).get_next_fire_time(last, NOW) == due


async def test_runs_missed_since_1970_are_one_run() -> None:
    runs: list[datetime] = []
    ran = asyncio.Event()

    async def run() -> None:
        runs.append(datetime.now(UTC))
        ran.set()

    scheduler = AsyncIOScheduler(timezone="UTC")
    run_every(scheduler, "job", 60.0, run)
    scheduler.modify_job("job", next_run_time=datetime(1970, 1, 1, tzinfo=UTC))
    scheduler.start()
    try:
        async with asyncio.timeout(SOON_S):
            await ran.wait()
        assert len(runs) == 1
    finally:
        scheduler.shutdown(wait=False)


async def test_restarted_schedule_runs_at_once_after_a_clock_set_back() -> None:
    ran = asyncio.Event()

    async def run() -> None:
        ran.set()

    scheduler = AsyncIOScheduler(timezone="UTC")
    run_every(scheduler, "job", 5.0, run)
    scheduler.modify_job("job", next_run_time=datetime.now(UTC) + timedelta(hours=1))
    scheduler.start()
    try:
        assert not ran.is_set()
        run_now(scheduler, "job")
        async with asyncio.timeout(SOON_S):
            await ran.wait()
        assert scheduler.get_job("job").next_run_time < datetime.now(UTC) + timedelta(seconds=6)
    finally:
        scheduler.shutdown(wait=False)


@pytest.mark.parametrize("last", [None, NOW - timedelta(seconds=7), NOW + timedelta(hours=1)])
@pytest.mark.parametrize("start", [NOW - timedelta(seconds=610), NOW + timedelta(seconds=50)])
def test_runs_of_one_grid_are_at_the_same_times(last: datetime | None, start: datetime) -> None:
    assert WallClockInterval(MINUTE, start).get_next_fire_time(last, NOW) == NOW + timedelta(seconds=50)
