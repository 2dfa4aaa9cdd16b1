"""What recorded figures tell of a span of time, and of which part of it they tell nothing."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from monitor.core.metrics.sampling import MAX_SAMPLE_AGE

MissingReason = Literal["infinite", "unavailable"]


@dataclass(frozen=True, slots=True)
class SamplePoint:
    """One sample; `missing` says which kind of nothing a `value` of None is."""

    at: datetime
    value: Decimal | None
    missing: MissingReason | None


SPARKLINE_POINTS = 96
"""So many parts of the span a line shows: quarters of an hour of a day."""


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A part of the span."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Extreme:
    """A value and when it was first seen in the span."""

    value: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class KnownValue:
    """A value, and from when to when it is known to have held; None: it was infinite."""

    since: datetime
    until: datetime
    value: Decimal | None


def downtime_ranges(
    runs: Sequence[tuple[datetime, datetime]], first: datetime | None, is_running: bool, time_range: TimeRange
) -> tuple[TimeRange, ...]:
    """The parts of the span in which no daemon ran, from the `first` that is remembered on.

    `runs` are those that did not end before the span, oldest first; the last one goes on while `is_running`.
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
    """What was known in the span, oldest first. Points from before it may hold on into it.

    A sample holds until the next, and no longer than HELD_FOR: what stays is written again every hour. It does not
    hold beyond the moment from which no daemon ran.
    """
    return tuple(_iterate_known_values(points, downtime, time_range))


def unknown_ranges(values: Iterable[KnownValue], time_range: TimeRange) -> tuple[TimeRange, ...]:
    """The parts of the span of which nothing is known."""
    gaps = []
    end = time_range.since
    for one in values:
        if one.since > end:
            gaps.append(TimeRange(end, one.since))
        end = max(end, one.until)
    if end < time_range.until:
        gaps.append(TimeRange(end, time_range.until))
    return tuple(gaps)


def lowest_value(values: Iterable[KnownValue]) -> Extreme | None:
    """The smallest value and when it was first seen; None: there was none that is finite."""
    finite = [Extreme(one.value, one.since) for one in values if one.value is not None]
    return min(finite, key=lambda one: (one.value, one.at), default=None)


def largest_magnitude(values: Iterable[KnownValue]) -> Extreme | None:
    """The value that was furthest from zero, either way, and when it was first seen."""
    finite = [Extreme(one.value, one.since) for one in values if one.value is not None]
    return max(finite, key=lambda one: abs(one.value), default=None)


def first_value(values: Iterable[KnownValue]) -> Extreme | None:
    """The value with which the span begins, or the first that was known in it."""
    return next((Extreme(one.value, one.since) for one in values if one.value is not None), None)


def ranges_where(values: Iterable[KnownValue], predicate: Callable[[Decimal], bool]) -> tuple[TimeRange, ...]:
    """The times in which a finite value held of which the claim is true; those that touch are one."""
    found: list[TimeRange] = []
    for one in values:
        if one.value is None or not predicate(one.value):
            continue
        if found and found[-1].until == one.since:
            found[-1] = TimeRange(found[-1].since, one.until)
        else:
            found.append(TimeRange(one.since, one.until))
    return tuple(found)


def sparkline_points(
    values: Sequence[KnownValue], time_range: TimeRange
) -> tuple[tuple[datetime, Decimal | None], ...]:
    """The lowest value of each of LINE_PARTS equal parts of the span; None where none is known, or it is infinite."""
    width = (time_range.until - time_range.since) / SPARKLINE_POINTS
    if not width:
        return ()
    smallest: list[Decimal | None] = [None] * SPARKLINE_POINTS
    for one in values:
        if one.value is None:
            continue
        begin = max(0, (one.since - time_range.since) // width)
        # What ends where a part begins is none of its business.
        end = min(SPARKLINE_POINTS - 1, -((time_range.since - one.until) // width) - 1)
        for index in range(begin, max(begin, end) + 1):
            if index < SPARKLINE_POINTS:
                before = smallest[index]
                smallest[index] = one.value if before is None else min(before, one.value)
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
