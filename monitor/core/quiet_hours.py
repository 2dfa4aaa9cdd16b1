"""When a channel is kept quiet, by the wall clock of a time zone: also on the two days a year that it jumps."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)

_LONGEST_CHAIN = 8
"""Spans that may follow each other without a break before it is given up to look for their end."""


@dataclass(frozen=True, slots=True)
class Span:
    """From one time of the day to another, in minutes after midnight; over midnight when it ends at or before it."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class QuietHours:
    """The spans of every day in which only critical alerts pass."""

    spans: tuple[Span, ...]
    zone: tzinfo

    def until(self, now: datetime) -> datetime | None:
        """When the quiet that holds at `now` ends; None: it is not quiet.

        A span begins when the wall clock first shows, or has jumped over, its start, and ends when it first shows, or
        has jumped over, its end. Quiet without end is looked at again after some days.
        """
        end: datetime | None = None
        moment = now
        for _ in range(_LONGEST_CHAIN):
            ends = [last for first, last in self._around(moment) if first <= moment < last]
            if not ends:
                break
            end = moment = max(ends)
        return end

    def _around(self, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The spans of the day of `moment` and of the day before."""
        today = moment.astimezone(self.zone).date()
        for day in (today - _DAY, today):
            for span in self.spans:
                last_day = day if span.end > span.start else day + _DAY
                yield self._reached(day, span.start), self._reached(last_day, span.end)

    def _reached(self, day: date, minutes: int) -> datetime:
        """The first moment at which the wall clock shows that time of that day, or a later one."""
        wanted = datetime.combine(day, time()) + minutes * _MINUTE
        # Of an hour that comes twice the first; before a gap, from where the clock is followed up to its jump.
        moment = min(wanted.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        while moment.astimezone(self.zone).replace(tzinfo=None) < wanted:
            moment += _MINUTE
        return moment


def parse_span(text: str) -> Span:
    """The span that a text such as `23:00-07:00` states; `24:00` is the end of the day.

    Raises ValueError "what; mend" for anything else.
    """
    first, _, last = text.partition("-")
    start, end = _minutes(first), _minutes(last)
    if start is None or end is None or start == 24 * 60:
        raise ValueError('is not a span of hours; write it like "23:00-07:00"')
    if start == end:
        raise ValueError('begins when it ends; for the whole day write "00:00-24:00"')
    return Span(start, end)


def _minutes(text: str) -> int | None:
    hours, colon, minutes = text.partition(":")
    if not (colon and len(hours) == len(minutes) == 2 and (hours + minutes).isascii() and (hours + minutes).isdigit()):
        return None
    total = int(hours) * 60 + int(minutes)
    return total if int(minutes) < 60 and total <= 24 * 60 else None
