"""Price ratios over a week, one for each ten minutes of the clock, and their median."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

WINDOW = timedelta(days=7)
EVERY = timedelta(minutes=10)
"""One ratio is kept for each ten minutes of the clock."""

LEAST = 6
"""With fewer ratios than an hour gives nothing is fair yet."""

UNCHANGED_FOR = timedelta(minutes=65)
"""A recorded ratio holds until the next one, which comes within the hour: see sampling.REPEAT_AFTER."""


@dataclass(frozen=True, slots=True)
class Ratios:
    """The price ratios of one pegged asset in the last week, oldest first, and their median. Made by `ratios_of`."""

    points: tuple[tuple[datetime, Decimal], ...]
    fair: Decimal | None
    """None while too few are known."""


def ratios_of(points: Iterable[tuple[datetime, Decimal]], now: datetime) -> Ratios:
    """What is known `now` of ratios noted at rising times, at most one every ten minutes."""
    kept = tuple(point for point in points if now - point[0] <= WINDOW)
    return Ratios(kept, median([ratio for _, ratio in kept]) if len(kept) >= LEAST else None)


def recorded(samples: Iterable[tuple[datetime, Decimal | None]], now: datetime) -> Ratios:
    """What samples (oldest first) tell, which are written only when the ratio changed; None: it went missing."""
    found: dict[datetime, Decimal] = {}
    last: tuple[datetime, Decimal] | None = None
    for at, ratio in (*samples, (now, None)):
        if last is not None and at - last[0] <= UNCHANGED_FOR:
            slot = slot_of(last[0]) + EVERY
            while slot < slot_of(at):
                found.setdefault(slot, last[1])
                slot += EVERY
        last = (at, ratio) if ratio is not None else None
        if ratio is not None:
            found.setdefault(slot_of(at), ratio)
    return ratios_of(sorted(found.items()), now)


def median(values: Iterable[Decimal]) -> Decimal:
    """The middle of one value or more; the mean of the two middle ones when their number is even."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def slot_of(moment: datetime) -> datetime:
    """The beginning of its ten minutes."""
    start = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return start + (moment - start) // EVERY * EVERY
