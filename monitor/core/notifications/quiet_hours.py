"""Quiet hours of a channel, by the wall clock of a time zone, daylight-saving changes included."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo

from monitor.core.numbers.durations import DAY
from monitor.core.numbers.time_of_day import first_moment_at, parse_minutes_of_day

_MAX_CHAINED_RANGES = 8
"""Adjacent ranges that are followed in search of the end of quiet hours; quiet hours may have no end."""


@dataclass(frozen=True, slots=True)
class TimeOfDayRange:
    """Range of times of the day, in minutes after midnight. It crosses midnight if `end` is not after `start`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Daily time ranges in which only critical alerts are sent."""

    ranges: tuple[TimeOfDayRange, ...]
    zone: tzinfo

    def quiet_until(self, now: datetime) -> datetime | None:
        """End of the quiet hours that hold at `now`; None if no quiet hours hold.

        A range begins when the wall clock first shows its start or has jumped over it. It ends when the clock first
        shows its end or has jumped over it. For quiet hours without an end the result is some days ahead.
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
        """Start and end of every range on the day of `moment` and on the day before."""
        today = moment.astimezone(self.zone).date()
        for day in (today - DAY, today):
            for span in self.ranges:
                last_day = day if span.end > span.start else day + DAY
                yield first_moment_at(day, span.start, self.zone), first_moment_at(last_day, span.end, self.zone)


def parse_time_range(text: str) -> TimeOfDayRange:
    """Parse a time range such as `23:00-07:00`. `24:00` is the end of the day.

    Raises ValueError "problem; fix" for any other text.
    """
    first, _, last = text.partition("-")
    start, end = parse_minutes_of_day(first), parse_minutes_of_day(last)
    if start is None or end is None or start == 24 * 60:
        raise ValueError('is not a span of hours; write it like "23:00-07:00"')
    if start == end:
        raise ValueError('begins when it ends; for the whole day write "00:00-24:00"')
    return TimeOfDayRange(start, end)
