"""What runs at intervals: the scheduler lives in the wall clock, which people and time servers set."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from monitor.clock import machine_now


class WallClockInterval(BaseTrigger):  # type: ignore[misc]
    """Fires at every interval of the wall clock. What was missed is one run, however much it is.

    The scheduler asks for one moment after the other until one lies in the future, so the next is never a past one.
    """

    def __init__(self, interval: timedelta) -> None:
        if interval <= timedelta():
            raise ValueError("an interval must be positive")
        self._interval = interval

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """The first moment of the grid of `previous_fire_time` after `now`; an interval from now where it is ahead."""
        if previous_fire_time is None or previous_fire_time > now:
            return now + self._interval
        return previous_fire_time + self._interval * ((now - previous_fire_time) // self._interval + 1)

    def __str__(self) -> str:
        return f"every {self._interval}"


def run_every(
    scheduler: AsyncIOScheduler, name: str, seconds: float, job: Callable[..., Awaitable[None]], *arguments: Any
) -> None:
    """Run it now and then at every interval (machine seconds); never twice at a time, and once for all it missed."""
    scheduler.add_job(
        job,
        WallClockInterval(timedelta(seconds=seconds)),
        args=arguments,
        id=name,
        next_run_time=machine_now(),
        max_instances=1,
        coalesce=True,
        misfire_grace_time=None,
        replace_existing=True,
    )


def run_now(scheduler: AsyncIOScheduler, name: str) -> None:
    """Run it at once, and count its interval from there: also where the wall clock was set since."""
    scheduler.modify_job(name, next_run_time=machine_now())
