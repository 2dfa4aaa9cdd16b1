"""Hourly bars of every symbol: of its prices since the start, of a past that is made up, or as they were given.

The made-up past is the same in every run: a wave of days around the price of the start, with a part that all symbols
share. Stable assets stay at their price.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from zlib import crc32

from monitor.sandbox.amounts import EIGHT_PLACES, ONE, ZERO
from monitor.sandbox.market.listings import STABLE_ASSETS, ListedPair
from monitor.sandbox.scenario.price_path import SimPriceBar

HOUR_S = 3600
HOUR_MS = HOUR_S * 1000
FIRST_HOUR = 1_502_942_400 // HOUR_S
"""The first hour of the made-up past, 2017-08-17 04:00 UTC."""

_SHARED_WAVE, _OWN_WAVE, _RIPPLE = Decimal("0.04"), Decimal("0.02"), Decimal("0.004")
_WICK = Decimal("0.002")
_PLACES = 8


@dataclass(slots=True)
class _Extremes:
    """Prices within one hour so far."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal

    def note(self, price: Decimal) -> None:
        self.high, self.low, self.close = max(self.high, price), min(self.low, price), price


@dataclass(slots=True)
class _SymbolRecord:
    """The hours in which a symbol's price changed, given bars, and the hours in which it was not traded."""

    start: Decimal
    hours: dict[int, _Extremes] = field(default_factory=dict)
    given: dict[int, SimPriceBar] = field(default_factory=dict)
    halts: list[tuple[int, int | None]] = field(default_factory=list)

    @property
    def last(self) -> Decimal:
        return next(reversed(self.hours.values())).close if self.hours else self.start

    def price_during(self, hour: int) -> Decimal:
        """The price in an hour that has no change itself."""
        return next((known.close for at, known in reversed(self.hours.items()) if at < hour), self.start)

    def is_halted(self, hour: int) -> bool:
        return any(since < hour and (until is None or hour < until) for since, until in self.halts)


class HourlyBars:
    """The bars of every symbol since the start of the exchange, and before it."""

    def __init__(self, start_s: int, pairs: Mapping[str, ListedPair]) -> None:
        self._start_hour = start_s // HOUR_S
        self._pairs = pairs
        self._records: dict[str, _SymbolRecord] = {}

    def begin(self, symbol: str, price: Decimal) -> None:
        """Note a symbol's price at the start."""
        self._records[symbol] = _SymbolRecord(price)

    def note_price(self, symbol: str, second: int, price: Decimal) -> None:
        """Note a price that a symbol has from this virtual second on."""
        record = self._records.get(symbol)
        if record is None:
            self.begin(symbol, price)
            return
        hour = second // HOUR_S
        known = record.hours.get(hour)
        if known is None:
            opened = price if second % HOUR_S == 0 else record.last
            known = record.hours[hour] = _Extremes(opened, opened, opened, opened)
        known.note(price)

    def note_status(self, symbol: str, second: int, *, is_traded: bool) -> None:
        """Note that a symbol is traded from now on, or not: then it has no bars after the present one."""
        record = self._records.get(symbol)
        if record is None:
            return
        if record.halts and record.halts[-1][1] is None:
            record.halts[-1] = (record.halts[-1][0], second // HOUR_S)
        if not is_traded:
            record.halts.append((second // HOUR_S, None))

    def load(self, symbol: str, bars: Iterable[SimPriceBar]) -> None:
        """Give a symbol these bars and no others before the start; where one is missing there is a hole."""
        record = self._records.get(symbol)
        if record is None:
            raise ValueError(f"{symbol} has no price")
        record.given = {bar.start_ms // HOUR_MS: bar for bar in bars}

    def first_hour(self, symbol: str) -> int:
        """The first hour with a bar."""
        record = self._records.get(symbol)
        return min(record.given, default=FIRST_HOUR) if record is not None else FIRST_HOUR

    def bar(self, symbol: str, hour: int) -> SimPriceBar | None:
        """The bar of one hour up to now; None where there is none."""
        record = self._records.get(symbol)
        if record is None:
            return None
        if hour in record.given:
            return record.given[hour]
        if record.is_halted(hour) or (record.given and hour < self._start_hour):
            return None
        if hour < self._start_hour:
            return self._made_up(symbol, record.start, hour)
        pair = self._pairs.get(symbol)
        if not record.hours and pair is not None and pair.quote != "USDT":
            # It has no changes of its own.
            return self._derived(pair, hour)
        known = record.hours.get(hour)
        if known is None:
            price = record.price_during(hour)
            known = _Extremes(price, price, price, price)
        return _bar(symbol, hour, known.open, known.high, known.low, known.close)

    def _derived(self, pair: ListedPair, hour: int) -> SimPriceBar | None:
        """The bar of a symbol that is priced through USDT, by the ends of the two bars."""
        base, quote = self.bar(f"{pair.base}USDT", hour), self.bar(f"{pair.quote}USDT", hour)
        if base is None or quote is None:
            return None
        opened, close = (
            (base.open / quote.open).quantize(EIGHT_PLACES),
            (base.close / quote.close).quantize(EIGHT_PLACES),
        )
        return _bar(pair.symbol, hour, opened, max(opened, close), min(opened, close), close)

    def _made_up(self, symbol: str, start: Decimal, hour: int) -> SimPriceBar | None:
        if hour < FIRST_HOUR:
            return None
        opened, close = (self._made_up_price(symbol, start, self._start_hour - at) for at in (hour, hour + 1))
        wick = ZERO if self._is_stable(symbol) else _WICK
        high, low = max(opened, close) * (ONE + wick), min(opened, close) * (ONE - wick)
        step = _step(start)
        return _bar(symbol, hour, opened, high.quantize(step), low.quantize(step), close)

    def _made_up_price(self, symbol: str, start: Decimal, hours_before: int) -> Decimal:
        """The price at a whole hour before the start; that of the start at no hours before it."""
        if self._is_stable(symbol):
            return start
        move = _SHARED_WAVE * _wave("market", hours_before) + _OWN_WAVE * _wave(symbol, hours_before)
        if hours_before:
            move += _RIPPLE * _noise(f"{symbol} ripple", hours_before)
        return (start * (ONE + move)).quantize(_step(start))

    def _is_stable(self, symbol: str) -> bool:
        pair = self._pairs.get(symbol)
        return pair is not None and pair.base in STABLE_ASSETS


def _wave(name: str, hours_before: int) -> Decimal:
    """A figure from -1 to 1 that is linear within a day, and 0 at the start."""
    day, hour = divmod(hours_before, 24)
    ends = (ZERO if number == 0 else _noise(name, number) for number in (day, day + 1))
    earlier, later = ends
    return earlier + (later - earlier) * hour / 24


@cache
def _noise(name: str, number: int) -> Decimal:
    """A figure from -1 to 1, always the same for a name and a number."""
    return Decimal(crc32(f"{name} {number}".encode()) % 2001 - 1000) / 1000


def _step(price: Decimal) -> Decimal:
    """The step of a made-up price: six digits, eight decimals at most."""
    return ONE.scaleb(-min(_PLACES, max(2, 5 - price.adjusted())))


def _bar(symbol: str, hour: int, opened: Decimal, high: Decimal, low: Decimal, close: Decimal) -> SimPriceBar:
    volume = Decimal(100 + crc32(f"{symbol} volume {hour}".encode()) % 900)
    return SimPriceBar(hour * HOUR_MS, opened, high, low, close, volume)
