"""Prices: paths through time, bars walked into paths, and the book of what everything costs now.

A bar is walked open → nearer extreme → farther extreme → close, at 0, 1/3, 2/3 and 59/60 of its length:
the extreme nearer to the open first (the low, when both are equally near). Between points a price is
interpolated at whole virtual seconds, so nobody sees a price that depends on when he looked.
"""

import csv
import gzip
import io
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from monitor.sandbox.amounts import EIGHT_PLACES, ONE, ZERO, places

BAR_COLUMNS = ("open_time_ms", "open", "high", "low", "close", "volume")
TIME_COLUMNS = ("open_time_ms", "open_time", "opentime", "time", "timestamp")
"""What the first column may be called, in any case and with blanks or underscores."""

LATEST_MS = 4_102_444_800_000
"""A time beyond this is one in microseconds."""


class PriceFileError(Exception):
    """A file of bars can't be used; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a price series; `start_ms` is when it opens."""

    start_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


class PricePath:
    """A price through time: straight lines between points, flat before the first and after the last."""

    def __init__(self, points: Sequence[tuple[int, Decimal]]) -> None:
        """`points` are (virtual ms, price) in rising order of time; at least one."""
        if not points:
            raise ValueError("a price path needs at least one point")
        self._times = [at for at, _ in points]
        if any(later <= earlier for earlier, later in pairwise(self._times)):
            raise ValueError("the points of a price path must rise in time")
        self._prices = [price for _, price in points]
        self._quantum = ONE.scaleb(-max(2, *(places(price) for price in self._prices)))

    @property
    def start_ms(self) -> int:
        """When the first point is."""
        return self._times[0]

    @property
    def end_ms(self) -> int:
        """When the last point is."""
        return self._times[-1]

    def at(self, second: int) -> Decimal:
        """The price at the whole virtual `second`, on the tick of the points."""
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

    def moved(self, by_ms: int) -> "PricePath":
        """The same path so much later."""
        return PricePath([(at + by_ms, price) for at, price in zip(self._times, self._prices, strict=True)])


def walk(bars: Iterable[Bar]) -> PricePath:
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
    return PricePath(points)


def read_bars(path: Path) -> list[Bar]:
    """The bars of a CSV file (`.gz` or not) with the columns of `BAR_COLUMNS`, with or without a line of headings.

    Raises PriceFileError with the line when a figure is missing, absurd or out of order.
    """
    try:
        raw = path.read_bytes()
        content = gzip.decompress(raw) if path.suffix == ".gz" else raw
        lines = csv.reader(io.StringIO(content.decode("utf-8-sig")))
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise PriceFileError(f"{path}: can't be read as bars ({error}); give a CSV or CSV.GZ file") from error
    bars: list[Bar] = []
    for number, row in enumerate(lines, start=1):
        if number == 1 and row and not row[0].strip().isdigit():
            names = tuple(name.strip().lower().replace(" ", "_") for name in row[:5])
            if names[0] not in TIME_COLUMNS or names[1:] != BAR_COLUMNS[1:5]:
                raise PriceFileError(f"{path}:1: the columns must be {','.join(BAR_COLUMNS)}")
            continue
        bars.append(_bar(path, number, row, bars[-1].start_ms if bars else -1))
    if not bars:
        raise PriceFileError(f"{path}: holds no bars")
    return bars


class PriceBook:
    """What every symbol costs now: its spot price, and the index price that levels go by.

    Symbols walk their path, or keep their fixed price; a symbol without either is priced through USDT. What has no
    pair with USDT is worth what its only pair says, either way round.
    """

    def __init__(
        self,
        paths: Mapping[str, PricePath],
        fixed: Mapping[str, Decimal],
        pairs: Mapping[str, tuple[str, str]],
        basis: Mapping[str, Decimal],
    ) -> None:
        self._paths = dict(paths)
        self._spot = dict(fixed)
        self._pairs = pairs
        self._basis = dict(basis)
        self._ways = _ways(pairs)
        self._held: set[str] = set()
        self._still = False
        self._usdt: dict[str, Decimal] = {}
        self.version = 0

    def move_to(self, second: int) -> bool:
        """Walk every path to the virtual `second`. True when some price changed."""
        if self._still:
            return False
        changed = False
        for symbol, path in self._paths.items():
            if symbol in self._held:
                continue
            price = path.at(second)
            if price != self._spot.get(symbol):
                self._spot[symbol] = price
                changed = True
        if changed:
            self._touch()
        return changed

    def set_price(self, symbol: str, price: Decimal) -> None:
        """Put a symbol's spot price by hand; it stays there until `release`."""
        self._spot[symbol] = price
        self._held.add(symbol)
        self._touch()

    def set_basis(self, symbol: str, basis: Decimal) -> None:
        """Let the index price of a symbol be spot × (1 + basis)."""
        self._basis[symbol] = basis
        self._touch()

    def freeze(self) -> None:
        """Keep every price where it is while time goes on."""
        self._still = True

    def release(self) -> None:
        """Let every symbol follow its path again."""
        self._still = False
        self._held.clear()

    def spot(self, symbol: str) -> Decimal | None:
        """The last price of a symbol, None when nothing prices it."""
        known = self._spot.get(symbol)
        if known is not None:
            return known
        legs = self._pairs.get(symbol)
        if legs is None:
            return None
        base, quote = (self._spot_in_usdt(leg) for leg in legs)
        return (base / quote).quantize(EIGHT_PLACES) if base and quote else None

    def index(self, symbol: str) -> Decimal | None:
        """The margin index price of a symbol: spot × (1 + its basis), to eight places."""
        spot = self.spot(symbol)
        basis = self._basis.get(symbol)
        return spot if spot is None or not basis else (spot * (ONE + basis)).quantize(EIGHT_PLACES)

    def usdt(self, asset: str) -> Decimal:
        """The index value of one unit of `asset` in USDT; 0 when nothing prices it."""
        value = self._usdt.get(asset)
        if value is None:
            value = self._usdt[asset] = self._in_usdt(asset)
        return value

    def _in_usdt(self, asset: str) -> Decimal:
        if asset == "USDT":
            return ONE
        symbol, other, is_base = self._ways.get(asset, (f"{asset}USDT", "USDT", True))
        price = self.index(symbol)
        if not price:
            return ZERO
        return (price if is_base else ONE / price) * self.usdt(other)

    def symbols(self) -> list[str]:
        """Every symbol that has a price."""
        return [symbol for symbol in {**self._pairs, **self._spot} if self.spot(symbol) is not None]

    def _spot_in_usdt(self, asset: str) -> Decimal:
        return ONE if asset == "USDT" else self._spot.get(f"{asset}USDT", ZERO)

    def _touch(self) -> None:
        self._usdt.clear()
        self.version += 1


def _ways(pairs: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str, bool]]:
    """By asset without a pair with USDT as its quote: its first pair, the other asset, and whether it is the base."""
    ways: dict[str, tuple[str, str, bool]] = {}
    for symbol, (base, quote) in pairs.items():
        for asset, other, is_base in ((base, quote, True), (quote, base, False)):
            if asset != "USDT" and f"{asset}USDT" not in pairs:
                ways.setdefault(asset, (symbol, other, is_base))
    return ways


def _bar(path: Path, number: int, row: Sequence[str], previous_ms: int) -> Bar:
    where = f"{path}:{number}"
    try:
        told = int(row[0])
        start_ms = told if told < LATEST_MS else told // 1000
        opened, high, low, close = (Decimal(cell) for cell in row[1:5])
    except (ValueError, ArithmeticError) as error:
        raise PriceFileError(f"{where}: five numbers expected: {','.join(BAR_COLUMNS[:5])}") from error
    if start_ms <= previous_ms:
        raise PriceFileError(f"{where}: the bars must rise in time; sort the file")
    if not (0 < low <= min(opened, close) and high >= max(opened, close)):
        raise PriceFileError(f"{where}: open and close must lie between low and high, above 0")
    return Bar(start_ms, opened, high, low, close)
