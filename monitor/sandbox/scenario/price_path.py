"""Price paths through time, also read from files of price bars."""

import csv
import gzip
import io
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from monitor.sandbox.amounts import ONE, decimal_places

BAR_COLUMNS = ("open_time_ms", "open", "high", "low", "close", "volume")
TIME_COLUMNS = ("open_time_ms", "open_time", "opentime", "time", "timestamp")
"""Accepted names of the first column, in any case and with blanks or underscores."""
MAX_MILLISECONDS = 4_102_444_800_000
"""A larger time is in microseconds."""


class PriceFileError(Exception):
    """A file of bars that can't be used; the text says where and why."""


@dataclass(frozen=True, slots=True)
class SimPriceBar:
    """One bar of a price series; `start_ms` is its open time, `volume` the quantity traded."""

    start_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = ONE


class SimPricePath:
    """A price through time: linear between points, constant before the first and after the last."""

    def __init__(self, points: Sequence[tuple[int, Decimal]]) -> None:
        """`points` are (virtual ms, price) in rising order of time; at least one."""
        if not points:
            raise ValueError("a price path needs at least one point")
        self._times = [at for at, _ in points]
        if any(later <= earlier for earlier, later in pairwise(self._times)):
            raise ValueError("the points of a price path must rise in time")
        self._prices = [price for _, price in points]
        self._quantum = ONE.scaleb(-max(2, *(decimal_places(price) for price in self._prices)))

    @property
    def start_ms(self) -> int:
        """The time of the first point."""
        return self._times[0]

    @property
    def end_ms(self) -> int:
        """The time of the last point."""
        return self._times[-1]

    def at(self, second: int) -> Decimal:
        """The price at the whole virtual `second`, rounded to the tick of the points."""
        moment = second * 1000
        after = bisect_right(self._times, moment)
        if after == 0:
            return self._prices[0]
        if after == len(self._times):
            return self._prices[-1]
        from_ms, to_ms = self._times[after - 1], self._times[after]
        from_price, to_price = self._prices[after - 1], self._prices[after]
        exact = from_price + (to_price - from_price) * (moment - from_ms) / (to_ms - from_ms)
        return exact.quantize(self._quantum)

    def shift(self, by_ms: int) -> "SimPricePath":
        """The same path, `by_ms` later."""
        return SimPricePath([(at + by_ms, price) for at, price in zip(self._times, self._prices, strict=True)])


def path_from_bars(bars: Iterable[SimPriceBar]) -> SimPricePath:
    """The path through `bars` (rising in time, of one length)."""
    series = list(bars)
    lengths = [later.start_ms - earlier.start_ms for earlier, later in pairwise(series)]
    length = min(lengths, default=60_000)
    points: list[tuple[int, Decimal]] = []
    for bar in series:
        low_first = bar.open - bar.low <= bar.high - bar.open
        first, second = (bar.low, bar.high) if low_first else (bar.high, bar.low)
        points += [
            (bar.start_ms, bar.open),
            (bar.start_ms + length // 3, first),
            (bar.start_ms + 2 * length // 3, second),
            (bar.start_ms + length * 59 // 60, bar.close),
        ]
    return SimPricePath(points)


def read_price_bars(path: Path) -> list[SimPriceBar]:
    """The bars of a CSV file (`.gz` or not) with the columns of `BAR_COLUMNS`, with or without a header line.

    Raises PriceFileError with the line when a figure is missing, out of range or out of order.
    """
    try:
        raw = path.read_bytes()
        content = gzip.decompress(raw) if path.suffix == ".gz" else raw
        lines = csv.reader(io.StringIO(content.decode("utf-8-sig")))
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise PriceFileError(f"{path}: can't be read as bars ({error}); give a CSV or CSV.GZ file") from error
    bars: list[SimPriceBar] = []
    for number, row in enumerate(lines, start=1):
        if number == 1 and row and not row[0].strip().isdigit():
            names = tuple(name.strip().lower().replace(" ", "_") for name in row[:5])
            if names[0] not in TIME_COLUMNS or names[1:] != BAR_COLUMNS[1:5]:
                raise PriceFileError(f"{path}:1: the columns must be {','.join(BAR_COLUMNS)}")
            continue
        bars.append(_parse_bar(path, number, row, bars[-1].start_ms if bars else -1))
    if not bars:
        raise PriceFileError(f"{path}: holds no bars")
    return bars


def _parse_bar(path: Path, number: int, row: Sequence[str], previous_ms: int) -> SimPriceBar:
    where = f"{path}:{number}"
    try:
        told = int(row[0])
        start_ms = told if told < MAX_MILLISECONDS else told // 1000
        opened, high, low, close = (Decimal(cell) for cell in row[1:5])
    except (ValueError, ArithmeticError) as error:
        raise PriceFileError(f"{where}: five numbers expected: {','.join(BAR_COLUMNS[:5])}") from error
    if start_ms <= previous_ms:
        raise PriceFileError(f"{where}: the bars must rise in time; sort the file")
    if not (0 < low <= min(opened, close) and high >= max(opened, close)):
        raise PriceFileError(f"{where}: open and close must lie between low and high, above 0")
    return SimPriceBar(start_ms, opened, high, low, close)
