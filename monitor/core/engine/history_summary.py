"""What recorded figures tell of a span of time, and of which part of it they tell nothing."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, Protocol

from monitor.core.metrics.sampling import HELD_FOR

Missing = Literal["infinite", "unavailable"]


@dataclass(frozen=True, slots=True)
class Point:
    """One sample; `missing` says which kind of nothing a `value` of None is."""

    at: datetime
    value: Decimal | None
    missing: Missing | None


LINE_PARTS = 96
"""So many parts of the span a line shows: quarters of an hour of a day."""


class Sampled(Protocol):
    """One sample; `missing` says what a `value` of None is."""

    @property
    def at(self) -> datetime: ...
    @property
    def value(self) -> Decimal | None: ...
    @property
    def missing(self) -> Literal["infinite", "unavailable"] | None: ...


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the span."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Extreme:
    """A value and when it was first seen in the span."""

    value: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """A value, and from when to when it is known to have held; None: it was infinite."""

    since: datetime
    until: datetime
    value: Decimal | None


def downtime(
    runs: Sequence[tuple[datetime, datetime]], first: datetime | None, is_running: bool, span: Stretch
) -> tuple[Stretch, ...]:
    """The parts of the span in which no daemon ran, from the `first` that is remembered on.

    `runs` are those that did not end before the span, oldest first; the last one goes on while `is_running`.
    """
    if first is None or first >= span.until:
        return ()
    end = max(span.since, first)
    gaps = []
    for index, (since, until) in enumerate(runs):
        if since > end:
            gaps.append(Stretch(end, min(since, span.until)))
        goes_on = is_running and index == len(runs) - 1
        end = max(end, span.until if goes_on else until)
    if end < span.until:
        gaps.append(Stretch(end, span.until))
    return tuple(gaps)


def held(points: Sequence[Sampled], down: Sequence[Stretch], span: Stretch) -> tuple[Held, ...]:
    """What was known in the span, oldest first. Points from before it may hold on into it.

    A sample holds until the next, and no longer than HELD_FOR: what stays is written again every hour. It does not
    hold beyond the moment from which no daemon ran.
    """
    return tuple(_held(points, down, span))


def unknown(known: Iterable[Held], span: Stretch) -> tuple[Stretch, ...]:
    """The parts of the span of which nothing is known."""
    gaps = []
    end = span.since
    for one in known:
        if one.since > end:
            gaps.append(Stretch(end, one.since))
        end = max(end, one.until)
    if end < span.until:
        gaps.append(Stretch(end, span.until))
    return tuple(gaps)


def lowest(known: Iterable[Held]) -> Extreme | None:
    """The smallest value and when it was first seen; None: there was none that is finite."""
    finite = [Extreme(one.value, one.since) for one in known if one.value is not None]
    return min(finite, key=lambda one: (one.value, one.at), default=None)


def furthest(known: Iterable[Held]) -> Extreme | None:
    """The value that was furthest from zero, either way, and when it was first seen."""
    finite = [Extreme(one.value, one.since) for one in known if one.value is not None]
    return max(finite, key=lambda one: abs(one.value), default=None)


def first(known: Iterable[Held]) -> Extreme | None:
    """The value with which the span begins, or the first that was known in it."""
    return next((Extreme(one.value, one.since) for one in known if one.value is not None), None)


def times_of(known: Iterable[Held], claim: Callable[[Decimal], bool]) -> tuple[Stretch, ...]:
    """The times in which a finite value held of which the claim is true; those that touch are one."""
    found: list[Stretch] = []
    for one in known:
        if one.value is None or not claim(one.value):
            continue
        if found and found[-1].until == one.since:
            found[-1] = Stretch(found[-1].since, one.until)
        else:
            found.append(Stretch(one.since, one.until))
    return tuple(found)


def line(known: Sequence[Held], span: Stretch) -> tuple[tuple[datetime, Decimal | None], ...]:
    """The lowest value of each of LINE_PARTS equal parts of the span; None where none is known, or it is infinite."""
    width = (span.until - span.since) / LINE_PARTS
    if not width:
        return ()
    smallest: list[Decimal | None] = [None] * LINE_PARTS
    for one in known:
        if one.value is None:
            continue
        begin = max(0, (one.since - span.since) // width)
        # What ends where a part begins is none of its business.
        end = min(LINE_PARTS - 1, -((span.since - one.until) // width) - 1)
        for index in range(begin, max(begin, end) + 1):
            if index < LINE_PARTS:
                before = smallest[index]
                smallest[index] = one.value if before is None else min(before, one.value)
    return tuple((span.since + width * index, value) for index, value in enumerate(smallest))


def _held(points: Sequence[Sampled], down: Sequence[Stretch], span: Stretch) -> Iterator[Held]:
    for index, point in enumerate(points):
        following = points[index + 1].at if index + 1 < len(points) else span.until
        if point.missing == "unavailable":
            continue
        until = min(following, point.at + HELD_FOR, span.until)
        until = min([until, *(gap.since for gap in down if point.at <= gap.since)])
        since = max(point.at, span.since)
        if since < until:
            yield Held(since, until, point.value)
