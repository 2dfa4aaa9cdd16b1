"""When the daily report is due: once a day of its time zone, made up for when nobody was there at that time."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from monitor.core.numbers.time_of_day import first_moment_at

MAX_LATENESS = timedelta(hours=12)
"""A report this late is no longer made up for: the next one is nearer, and tells of this time, too."""

DEFAULT_PERIOD = timedelta(hours=24)
MAX_PERIOD = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class DailySchedule:
    """A time of the day, in minutes after midnight of a zone."""

    minutes: int
    zone: tzinfo

    def latest(self, now: datetime) -> tuple[date, datetime]:
        """The last day whose time has come, and when it came.

        A time that the wall clock jumps over comes with the jump; one that it shows twice comes the first time.
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
        """The day that is to be reported on now and its time; None: there is nothing to do.

        `reported` is the last day that had its report, `watched_since` when the first daemon began: of a day on which
        nobody had watched yet there is nothing to tell.
        """
        day, at = self.latest(now)
        # A later day than this one was reported by a clock that was ahead.
        if last_reported == day:
            return None
        if now - at > MAX_LATENESS or watched_since is None or at < watched_since:
            return None
        return day, at


def period_start(now: datetime, reported_until: datetime | None) -> datetime:
    """From when on a daily report tells: from where the last one ended, or of a day; at most of a week."""
    if reported_until is None or not now - MAX_PERIOD <= reported_until < now:
        return now - DEFAULT_PERIOD
    return reported_until
