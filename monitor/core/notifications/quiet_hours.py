"""When a channel is kept quiet, by the wall clock of a time zone: also on the two days a year that it jumps."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo

from monitor.core.numbers.durations import DAY
from monitor.core.numbers.time_of_day import first_moment_at, parse_minutes_of_day

_MAX_CHAINED_RANGES = 8
"""Spans that may follow each other without a break before it is given up to look for their end."""


@dataclass(frozen=True, slots=True)
class TimeOfDayRange:
    """From one time of the day to another, in minutes after midnight; over midnight when it ends at or before it."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class QuietHours:
    """The spans of every day in which only critical alerts pass."""

    ranges: tuple[TimeOfDayRange, ...]
    zone: tzinfo

    def quiet_until(self, now: datetime) -> datetime | None:
        """When the quiet that holds at `now` ends; None: it is not quiet.

        A span begins when the wall clock first shows, or has jumped over, its start, and ends when it first shows, or
        has jumped over, its end. Quiet without end is looked at again after some days.
        """
        end: datetime | None = None
        moment = now
        for _ in range(_MAX_CHAINED_RANGES):
            ends = [last for first, last in self._ranges_around(moment) if first <= moment < last]
            if not ends:
                break
            end = moment = max(ends)
        return end

    def _ranges_around(self, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The spans of the day of `moment` and of the day before."""
        today = moment.astimezone(self.zone).date()
        for day in (today - DAY, today):
            for span in self.ranges:
                last_day = day if span.end > span.start else day + DAY
                yield first_moment_at(day, span.start, self.zone), first_moment_at(last_day, span.end, self.zone)


def parse_time_range(text: str) -> TimeOfDayRange:
    """The span that a text such as `23:00-07:00` states; `24:00` is the end of the day.

    Raises ValueError "what; mend" for anything else.
    """
    first, _, last = text.partition("-")
    start, end = parse_minutes_of_day(first), parse_minutes_of_day(last)
    if start is None or end is None or start == 24 * 60:
        raise ValueError('is not a span of hours; write it like "23:00-07:00"')
    if start == end:
        raise ValueError('begins when it ends; for the whole day write "00:00-24:00"')
    return TimeOfDayRange(start, end)
