"""Times of an account's reads: at intervals, at once on request, and more often near liquidation."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from monitor.clock import Clock
from monitor.core.model.account import Scope
from monitor.runtime.interval_jobs import WallClockInterval, run_every, run_now

log = logging.getLogger(__name__)

ReadOnce = Callable[[], Awaitable[None]]

MARKET_READS = frozenset({"prices", "index", "markets", "reference_data"})
"""Reads about the market, which all accounts make at the same times, so that one request serves all of them."""

MIN_GAP_S = 0.2
"""Machine seconds at least between two requested runs of a read."""


@dataclass(frozen=True, slots=True)
class ReadIntervals:
    """The intervals of the reads that are not paced by risk."""

    interest: timedelta = timedelta(hours=1)
    interest_rates: timedelta = timedelta(hours=1)
    liquidations: timedelta = timedelta(minutes=5)
    prices: timedelta = timedelta(minutes=10)
    transfers: timedelta = timedelta(minutes=10)
    capital_flow: timedelta = timedelta(hours=1)
    index: timedelta = timedelta(minutes=10)
    reference_data: timedelta = timedelta(hours=6)
    key: timedelta = timedelta(hours=24)
    clock: timedelta = timedelta(minutes=5)

    @property
    def wallets(self) -> timedelta:
        """The interval of the two wallets from which money can be brought in."""
        return self.transfers * 1.5


class Poller:
    """The timetable of one account's reads. A slow read delays nothing but its own next run.

    Intervals are exchange time and are divided by the clock's speed before the scheduler gets them. A read that still
    runs when it is due again is not interrupted; one run makes up for all missed ones.
    """

    def __init__(
        self, scheduler: AsyncIOScheduler, clock: Clock, account: str, grid_start: datetime | None = None
    ) -> None:
        """`grid_start` is the start of the grid on which all accounts make the reads about the market."""
        self._scheduler = scheduler
        self._clock = clock
        self._account = account
        self._grid_start = grid_start
        self._intervals: dict[str, timedelta] = {}
        self._timers: set[asyncio.TimerHandle] = set()
        self._waiting: set[str] = set()
        self._running: dict[str, asyncio.Task[None] | None] = {}
        self._is_stopped = False
        self._rerun: set[str] = set()

    def start(self, reads: Mapping[str, tuple[ReadOnce, timedelta]]) -> None:
        """Start polling; every read is made at once."""
        self._is_stopped = False
        for name, (read, interval) in reads.items():
            self._intervals[name] = interval
            grid_start = self._grid_start if name in MARKET_READS else None
            wall_s = self._wall_s(interval)
            run_every(self._scheduler, self._job_id(name), wall_s, self._run, name, read, grid_start=grid_start)

    def set_interval(self, name: str, interval: timedelta) -> None:
        """Read `name` every `interval` from now on; no effect if that is its interval already."""
        if self._intervals.get(name) in (None, interval):
            return
        shorter = interval < self._intervals[name]
        self._intervals[name] = interval
        log.info("poll.paced account=%s read=%s every_s=%s", self._account, name, interval.total_seconds())
        self._scheduler.reschedule_job(
            self._job_id(name), trigger=WallClockInterval(timedelta(seconds=self._wall_s(interval)))
        )
        if shorter:
            self.request(name)

    def request(self, name: str) -> None:
        """Read `name` as soon as possible outside its timetable; once more when it is running.

        The running read may have been answered before the reason for the request.
        """
        if name not in self._intervals or name in self._waiting:
            return
        self._waiting.add(name)
        handle = asyncio.get_running_loop().call_later(MIN_GAP_S / max(1.0, self._clock.speed), self._run_now, name)
        self._timers.add(handle)

    def restart(self) -> None:
        """Make every read at once and count the intervals from now, after a clock jump."""
        for name in self._intervals:
            self._run_now(name)

    def stop(self) -> None:
        """Cancel planned and running reads: the exchange session is about to be closed."""
        for handle in self._timers:
            handle.cancel()
        for name in self._intervals:
            self._scheduler.remove_job(self._job_id(name))
        self._intervals = {}
        self._is_stopped = True
        for task in self._running.values():
            if task is not None:
                task.cancel()

    async def _run(self, name: str, read: ReadOnce) -> None:
        self._running[name] = asyncio.current_task()
        try:
            await read()
        except asyncio.CancelledError:
            # The task belongs to the scheduler, which would report its cancellation as an error.
            log.debug("poll.ended account=%s read=%s", self._account, name)
        except RuntimeError:
            # A read that continues after the stop finds the exchange session closed.
            if not self._is_stopped:
                raise
            log.debug("poll.ended account=%s read=%s", self._account, name)
        finally:
            self._running.pop(name, None)
            if name in self._rerun:
                self._rerun.discard(name)
                self.request(name)

    def _run_now(self, name: str) -> None:
        self._waiting.discard(name)
        self._timers = {handle for handle in self._timers if not handle.cancelled() and handle.when() > _loop_time()}
        if name in self._running:
            self._rerun.add(name)
        elif name in self._intervals:
            run_now(self._scheduler, self._job_id(name))

    def _job_id(self, name: str) -> str:
        return f"{self._account}/{name}"

    def _wall_s(self, interval: timedelta) -> float:
        return max(0.05, interval.total_seconds() / self._clock.speed)


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


GuardedRead = Callable[[str, Scope | None, ReadOnce], Awaitable[bool]]
