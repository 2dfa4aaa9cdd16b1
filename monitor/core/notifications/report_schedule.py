"""Schedule of the daily report: due once a day of its time zone, and sent late if no daemon ran at that time."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from monitor.core.numbers.time_of_day import first_moment_at

MAX_LATENESS = timedelta(hours=12)
"""A report later than this is skipped: the next report is nearer and covers its period as well."""

DEFAULT_PERIOD = timedelta(hours=24)
MAX_PERIOD = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class DailySchedule:
    """Time of the day of the report, in minutes after midnight of a time zone."""

    minutes: int
    zone: tzinfo

    def latest(self, now: datetime) -> tuple[date, datetime]:
        """The last day whose report time has passed, and that time.

        A time that the wall clock jumps over counts as the moment of the jump. A time that the clock shows twice counts
        the first time.
        """
        day = now.astimezone(self.zone).date()
        at = first_moment_at(day, self.minutes, self.zone)
        while at > now:
            day -= timedelta(days=1)
            at = first_moment_at(day, self.minutes, self.zone)
        return day, at

    def due(
        self, now: datetime, last_reported: date | None, watched_since: datetime | None
    ) -> tuple[date, datetime] | None:
        """Day and time of the report that is due now; None if no report is due.

        `last_reported` is the last day that had its report. `watched_since` is the start of the first daemon: there is
        no report of a time before it.
        """
        day, at = self.latest(now)
        # A `last_reported` later than `day` came from a clock that was ahead, so only the same day counts.
        if last_reported == day:
            return None
        if now - at > MAX_LATENESS or watched_since is None or at < watched_since:
            return None
        return day, at


def period_start(now: datetime, reported_until: datetime | None) -> datetime:
    """Start of a report's period: the end of the last report.

    A day before `now` if there was no report, or if its end is more than a week back or in the future.
    """
    if reported_until is None or not now - MAX_PERIOD <= reported_until < now:
        return now - DEFAULT_PERIOD
    return reported_until
