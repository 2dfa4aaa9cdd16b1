"""Statistics over recorded samples of a time range: extremes, durations, unknown parts, sparkline."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from monitor.core.model.metric_values import MAX_SAMPLE_AGE, SamplePoint

SPARKLINE_POINTS = 96
"""Number of points of a sparkline: a quarter of an hour each for a day."""


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A part of the time range of a summary."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Extreme:
    """A value, and when it was first seen in the time range."""

    value: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class KnownValue:
    """A value, and the time for which it is known to have held; `value` None: it was infinite."""

    since: datetime
    until: datetime
    value: Decimal | None


def downtime_ranges(
    runs: Sequence[tuple[datetime, datetime]], first: datetime | None, is_running: bool, time_range: TimeRange
) -> tuple[TimeRange, ...]:
    """Return the parts of the time range without a running daemon, from `first`, the first recorded moment, on.

    `runs` are those that did not end before the range, oldest first; the last one goes on while `is_running`.
    """
    if first is None or first >= time_range.until:
        return ()
    end = max(time_range.since, first)
    gaps = []
    for index, (since, until) in enumerate(runs):
        if since > end:
            gaps.append(TimeRange(end, min(since, time_range.until)))
        goes_on = is_running and index == len(runs) - 1
        end = max(end, time_range.until if goes_on else until)
    if end < time_range.until:
        gaps.append(TimeRange(end, time_range.until))
    return tuple(gaps)


def known_values(
    points: Sequence[SamplePoint], downtime: Sequence[TimeRange], time_range: TimeRange
) -> tuple[KnownValue, ...]:
    """Return the known values in the time range, oldest first. Earlier points may still hold in it.

    A sample holds until the next, and no longer than MAX_SAMPLE_AGE: an unchanged value is written again every hour. It
    does not hold beyond the moment from which no daemon ran.
    """
    return tuple(_iterate_known_values(points, downtime, time_range))


def unknown_ranges(values: Iterable[KnownValue], time_range: TimeRange) -> tuple[TimeRange, ...]:
    """Return the parts of the time range without a known value."""
    gaps = []
    end = time_range.since
    for known in values:
        if known.since > end:
            gaps.append(TimeRange(end, known.since))
        end = max(end, known.until)
    if end < time_range.until:
        gaps.append(TimeRange(end, time_range.until))
    return tuple(gaps)


def lowest_value(values: Iterable[KnownValue]) -> Extreme | None:
    """Return the smallest value and when it was first seen; None if no value is finite."""
    finite = [Extreme(known.value, known.since) for known in values if known.value is not None]
    return min(finite, key=lambda extreme: (extreme.value, extreme.at), default=None)


def largest_magnitude(values: Iterable[KnownValue]) -> Extreme | None:
    """Return the value furthest from zero, on either side, and when it was first seen."""
    finite = [Extreme(known.value, known.since) for known in values if known.value is not None]
    return max(finite, key=lambda extreme: abs(extreme.value), default=None)


def first_value(values: Iterable[KnownValue]) -> Extreme | None:
    """Return the value at the beginning of the time range, or the first known one in it."""
    return next((Extreme(known.value, known.since) for known in values if known.value is not None), None)


def ranges_where(values: Iterable[KnownValue], predicate: Callable[[Decimal], bool]) -> tuple[TimeRange, ...]:
    """Return the times with a finite value for which `predicate` is true; adjacent ones are joined."""
    found: list[TimeRange] = []
    for known in values:
        if known.value is None or not predicate(known.value):
            continue
        if found and found[-1].until == known.since:
            found[-1] = TimeRange(found[-1].since, known.until)
        else:
            found.append(TimeRange(known.since, known.until))
    return tuple(found)


def sparkline_points(
    values: Sequence[KnownValue], time_range: TimeRange
) -> tuple[tuple[datetime, Decimal | None], ...]:
    """Return the lowest value of each of SPARKLINE_POINTS equal parts of the time range.

    None if no value of the part is known, or all are infinite.
    """
    width = (time_range.until - time_range.since) / SPARKLINE_POINTS
    if not width:
        return ()
    smallest: list[Decimal | None] = [None] * SPARKLINE_POINTS
    for known in values:
        if known.value is None:
            continue
        begin = max(0, (known.since - time_range.since) // width)
        # A value that ends exactly where a part begins does not belong to that part.
        end = min(SPARKLINE_POINTS - 1, -((time_range.since - known.until) // width) - 1)
        for index in range(begin, max(begin, end) + 1):
            if index < SPARKLINE_POINTS:
                before = smallest[index]
                smallest[index] = known.value if before is None else min(before, known.value)
    return tuple((time_range.since + width * index, value) for index, value in enumerate(smallest))


def _iterate_known_values(
    points: Sequence[SamplePoint], downtime: Sequence[TimeRange], time_range: TimeRange
) -> Iterator[KnownValue]:
    for index, point in enumerate(points):
        following = points[index + 1].at if index + 1 < len(points) else time_range.until
        if point.missing == "unavailable":
            continue
        until = min(following, point.at + MAX_SAMPLE_AGE, time_range.until)
        until = min([until, *(gap.since for gap in downtime if point.at <= gap.since)])
        since = max(point.at, time_range.since)
        if since < until:
            yield KnownValue(since, until, point.value)
