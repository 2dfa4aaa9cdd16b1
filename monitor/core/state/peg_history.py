"""One week of price ratios of a pegged asset, one every ten minutes, and their median."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

HISTORY_WINDOW = timedelta(days=7)
SLOT_LENGTH = timedelta(minutes=10)
"""Time slot of one ratio, by the clock."""

MIN_RATIOS = 6
"""Minimum number of ratios for a reference ratio: those of one hour."""

MAX_RATIO_AGE = timedelta(minutes=65)
"""A recorded ratio is valid until the next one, which comes within the hour: see metric_values.REPEAT_AFTER."""


@dataclass(frozen=True, slots=True)
class PegHistory:
    """Price ratios of one pegged asset in the last week, oldest first, and their median. See `build_history`."""

    points: tuple[tuple[datetime, Decimal], ...]
    reference_ratio: Decimal | None
    """Median of the ratios; None while there are too few."""


def build_history(points: Iterable[tuple[datetime, Decimal]], now: datetime) -> PegHistory:
    """Return the history `now` from ratios recorded at ascending times, at most one every ten minutes."""
    kept = tuple(point for point in points if now - point[0] <= HISTORY_WINDOW)
    return PegHistory(kept, median([ratio for _, ratio in kept]) if len(kept) >= MIN_RATIOS else None)


def history_from_samples(samples: Iterable[tuple[datetime, Decimal | None]], now: datetime) -> PegHistory:
    """Return the history from samples (oldest first), which are written only when the ratio changed.

    A sample of None: the ratio went missing.
    """
    found: dict[datetime, Decimal] = {}
    last: tuple[datetime, Decimal] | None = None
    for at, ratio in (*samples, (now, None)):
        if last is not None and at - last[0] <= MAX_RATIO_AGE:
            slot = slot_start(last[0]) + SLOT_LENGTH
            while slot < slot_start(at):
                found.setdefault(slot, last[1])
                slot += SLOT_LENGTH
        last = (at, ratio) if ratio is not None else None
        if ratio is not None:
            found.setdefault(slot_start(at), ratio)
    return build_history(sorted(found.items()), now)


def median(values: Iterable[Decimal]) -> Decimal:
    """Return the middle of one value or more; the mean of the two middle ones when their number is even."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def slot_start(moment: datetime) -> datetime:
    """Return the beginning of the ten-minute slot of `moment`."""
    start = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return start + (moment - start) // SLOT_LENGTH * SLOT_LENGTH
