"""Daily reports: which days have one, and its deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from monitor.core.notifications.outbox import Delivery
from monitor.store.schema import tables
from monitor.store.writes import outbox


@dataclass(frozen=True, slots=True)
class DailyReportRow:
    """The report of one day: its due time, its span, and the head of the audit trail at that time."""

    day: str
    due: datetime
    since: datetime
    until: datetime
    head: str | None


def read_newest_report(connection: Connection) -> DailyReportRow | None:
    """Return the last daily report; None while there was none."""
    table = tables.reports
    row = connection.execute(select(table).order_by(table.c.due.desc()).limit(1)).mappings().one_or_none()
    return None if row is None else DailyReportRow(**row)


def has_report(connection: Connection, day: str) -> bool:
    """Return whether there is a report of that day."""
    return connection.execute(select(tables.reports.c.day).where(tables.reports.c.day == day)).scalar() is not None


def enqueue_report(
    connection: Connection, report: DailyReportRow, deliveries: Sequence[Delivery]
) -> tuple[Delivery, ...] | None:
    """Queue a report and return its deliveries with their ids; None, and nothing is queued, if the day has one."""
    if has_report(connection, report.day):
        return None
    row = {"day": report.day, "due": report.due, "since": report.since, "until": report.until, "head": report.head}
    connection.execute(insert(tables.reports), row)
    return outbox.enqueue_all(connection, deliveries)
