"""Jobs at intervals. The scheduler uses the wall clock, which people and time servers set."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from monitor.clock import machine_now


class WallClockInterval(BaseTrigger):  # type: ignore[misc]
    """Trigger at every interval of the wall clock. All missed times together are one run.

    With `grid_start` the times are on a grid that starts there, whenever the last run was: jobs of one grid and one
    interval run together.

    The scheduler asks for one time after the other until one is in the future, so the next is never a past one.
    """

    def __init__(self, interval: timedelta, grid_start: datetime | None = None) -> None:
        if interval <= timedelta():
            raise ValueError("an interval must be positive")
        self._interval = interval
        self._grid_start = grid_start

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return the first time after `now` on the grid, without one on that of `previous_fire_time`.

        Where the previous time lies ahead, the result is one interval from now.
        """
        if self._grid_start is not None:
            return self._grid_start + self._interval * ((now - self._grid_start) // self._interval + 1)
        if previous_fire_time is None or previous_fire_time > now:
            return now + self._interval
        return previous_fire_time + self._interval * ((now - previous_fire_time) // self._interval + 1)

    def __str__(self) -> str:
        return f"every {self._interval}"


def run_every(
    scheduler: AsyncIOScheduler,
    name: str,
    seconds: float,
    job: Callable[..., Awaitable[None]],
    *arguments: Any,
    grid_start: datetime | None = None,
) -> None:
    """Run a job now and at every interval (machine seconds); never twice at a time, and once for all missed times."""
    scheduler.add_job(
        job,
        WallClockInterval(timedelta(seconds=seconds), grid_start),
        args=arguments,
        id=name,
        next_run_time=machine_now(),
        max_instances=1,
        coalesce=True,
        misfire_grace_time=None,
        replace_existing=True,
    )


def run_now(scheduler: AsyncIOScheduler, name: str) -> None:
    """Run a job at once and count its interval from there (not on a grid), also where the wall clock was set since."""
    scheduler.modify_job(name, next_run_time=machine_now())
