"""Price paths: price bars turned into a path through time, and the evaluation times of a simulation."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from monitor.core.model.price_history import PriceBar
from monitor.core.numbers.amounts import EIGHT_DECIMALS

MIN_EVALUATION_INTERVAL = timedelta(seconds=20)
MAX_EVALUATION_INTERVAL = timedelta(seconds=60)
_MICROSECOND = timedelta(microseconds=1)
_DEFAULT_BAR_LENGTH = timedelta(minutes=1)


class PricePath:
    """A price through time: linear between points, constant before the first and after the last."""

    def __init__(self, points: Sequence[tuple[datetime, Decimal]]) -> None:
        """Take points in ascending time. Raises ValueError for other points, or without any."""
        if not points or any(later <= earlier for (earlier, _), (later, _) in pairwise(points)):
            raise ValueError("the points of a price must rise in time, and there must be one")
        self.times = tuple(at for at, _ in points)
        self.values = tuple(value for _, value in points)

    def at(self, moment: datetime) -> Decimal:
        """Price at a moment, rounded to 8 decimals between two points."""
        after = bisect_right(self.times, moment)
        if after == 0:
            return self.values[0]
        if after == len(self.times) or self.times[after - 1] == moment:
            return self.values[after - 1]
        start, end = self.times[after - 1], self.times[after]
        part = Decimal((moment - start) // _MICROSECOND) / ((end - start) // _MICROSECOND)
        low, high = self.values[after - 1], self.values[after]
        between: Decimal = low + (high - low) * part
        return between.quantize(EIGHT_DECIMALS)


def build_price_path(bars: Iterable[PriceBar]) -> PricePath:
    """Build the path through price bars in ascending time, at least one.

    Each bar gives the points open, nearer extreme, farther extreme and close, at 0, 1/3, 2/3 and 59/60 of its length.
    If both extremes are equally near, the low comes first.
    """
    series = list(bars)
    length = bar_length(series)
    points: list[tuple[datetime, Decimal]] = []
    for bar in series:
        is_low_first = bar.open - bar.low <= bar.high - bar.open
        first, second = (bar.low, bar.high) if is_low_first else (bar.high, bar.low)
        points += [
            (bar.opens_at, bar.open),
            (bar.opens_at + length / 3, first),
            (bar.opens_at + length * 2 / 3, second),
            (bar.opens_at + length * 59 / 60, bar.close),
        ]
    return PricePath(points)


def bar_length(bars: Sequence[PriceBar]) -> timedelta:
    """Shortest time from one price bar to the next; a minute for a single bar."""
    return min((later.opens_at - earlier.opens_at for earlier, later in pairwise(bars)), default=_DEFAULT_BAR_LENGTH)


def evaluation_times(paths: Iterable[PricePath]) -> tuple[datetime, ...]:
    """Evaluation times from the first point of the paths to the last: every point, and times in between.

    Between two points there is one evaluation every 20 to 60 seconds: see `evaluation_interval`.
    """
    corners = sorted({at for path in paths for at in path.times})
    return fill_gaps(corners, evaluation_interval(corners))


def fill_gaps(moments: Sequence[datetime], gap: timedelta) -> tuple[datetime, ...]:
    """Fill `moments`, which ascend, evenly with others where two of them are more than `gap` apart."""
    found = list(moments[:1])
    for earlier, later in pairwise(moments):
        count = -(-(later - earlier) // gap)
        found += [earlier + (later - earlier) * part / count for part in range(1, count)]
        found.append(later)
    return tuple(found)


def evaluation_interval(corners: Sequence[datetime]) -> timedelta:
    """Longest time between two evaluations: a fifth of the mean time between points, from 20 to 60 seconds."""
    typical = (corners[-1] - corners[0]) / max(1, len(corners) - 1)
    return min(MAX_EVALUATION_INTERVAL, max(MIN_EVALUATION_INTERVAL, typical / 5))
