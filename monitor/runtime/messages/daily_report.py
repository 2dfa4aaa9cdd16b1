"""The daily report: made once a day when due, and queued like any other notice."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from monitor.clock import Clock
from monitor.core.notifications.outbox import Delivery
from monitor.core.notifications.report_schedule import DailySchedule, period_start
from monitor.errors import StoreError
from monitor.records.report import ReportRows
from monitor.runtime import pause_file
from monitor.runtime.interval_jobs import run_every, run_now
from monitor.store.readers.report import read_report_rows
from monitor.store.store import Store
from monitor.store.writes import reports
from monitor.store.writes.daemon_row import read_first_run
from monitor.store.writes.reports import DailyReportRow
from monitor.view.documents.report import report_document
from monitor.view.report.text import report_text

log = logging.getLogger(__name__)

REPORT_CHECK_EVERY_S = 20.0
"""Exchange seconds between two checks of the schedule."""

MIN_CHECK_S = 0.2
"""Machine seconds: the shortest time between two checks, for a fast clock."""

_JOB = "daily report"


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """The schedule of the report, its accounts and channels. `pause_file` "": there is none."""

    schedule: DailySchedule
    accounts: Sequence[str]
    channels: Sequence[str]
    pause_file: str = ""


class DailyReport:
    """Checks of the schedule, and the report when it is due. Reports that were made are recorded in the store."""

    def __init__(
        self, settings: ReportSettings, store: Store, clock: Clock, version: str, wake: Callable[[Iterable[str]], None]
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._version = version
        self._wake = wake
        self._last_day: date | None = None
        self._scheduler: AsyncIOScheduler | None = None

    def start(self, scheduler: AsyncIOScheduler) -> None:
        """Start the checks; a report that was missed is made at the first one."""
        if not self._settings.channels:
            log.warning("report.unheard why='no channel of [report] takes info messages'")
            return
        self._scheduler = scheduler
        run_every(scheduler, _JOB, max(MIN_CHECK_S, REPORT_CHECK_EVERY_S / self._clock.speed), self.check)

    def restart(self) -> None:
        """Check at once, after a clock jump."""
        if self._scheduler is not None:
            run_now(self._scheduler, _JOB)

    async def check(self) -> None:
        """Make the report if it is due and no other daemon makes it. A store that fails is tried again."""
        now = self._clock.now()
        day, _ = self._settings.schedule.latest(now)
        if self._last_day == day or not self._store.is_leader:
            return
        try:
            await self._make(now)
        except StoreError as error:
            log.error("report.put_off cause=%s", error)

    async def _make(self, now: datetime) -> None:
        last = await self._store.read(reports.read_newest_report)
        self._last_day = None if last is None else date.fromisoformat(last.day)
        due = self._settings.schedule.due(now, self._last_day, await self._store.read(read_first_run))
        if due is None:
            return
        day, at = due
        since = period_start(now, None if last is None else last.until)
        rows = await self._store.read(read_report_rows, since, now)
        # In a thread: a day of many pairs takes about a second.
        text = await asyncio.to_thread(self._render, rows, since, now)
        report = DailyReportRow(day.isoformat(), at, since, now, rows.audit_head)
        messages = [Delivery(0, name, None, "notice", "info", now, now, text=text) for name in self._settings.channels]
        if await self._store.execute(reports.enqueue_report, report, messages) is not None:
            log.info("report.made day=%s due=%s head=%s", report.day, at.isoformat(), rows.audit_head)
            self._wake(self._settings.channels)
        self._last_day = day

    def _render(self, rows: ReportRows, since: datetime, now: datetime) -> str:
        paused = pause_file.exists(self._settings.pause_file)
        return report_text(report_document(rows, self._settings.accounts, since, now, self._version, pause_file=paused))
