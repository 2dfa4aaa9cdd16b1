"""Past prices of an asset in USDT: hourly bars, the route that they took, and what is known of their gaps and jumps."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

HOUR = timedelta(hours=1)
"""Length of every bar of a price history."""


class PriceBar(NamedTuple):
    """Open, high, low and close of a price in the span of time from `opens_at` on.

    `volume` is the quantity traded of the base asset; None where it is not known.
    """

    opens_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None = None


class PriceRoute(NamedTuple):
    """The way to an asset's USDT price: its pair, times the USDT price of that pair's other asset.

    `is_inverted`: the pair is USDT in the asset, such as USDTTRY. `bridge_pair` is the pair of the other asset with
    USDT, empty when the other asset is USDT itself. `peg` is the asset whose moves stand for those of this one, since
    no pair of its own leads to USDT: the pairs are those of `peg` then, and the moves of a bar hold, not its heights.
    Without any pair the price is 1, as of USDT itself.
    """

    pair: str
    is_inverted: bool = False
    bridge_pair: str = ""
    peg: str = ""

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols whose bars the route needs; none for a price that is always 1."""
        return tuple(symbol for symbol in (self.pair, self.bridge_pair) if symbol)


class HourSpan(NamedTuple):
    """Whole hours from `since` to before `until`."""

    since: datetime
    until: datetime

    @property
    def hours(self) -> int:
        """The number of hours."""
        return (self.until - self.since) // HOUR


class Redenomination(NamedTuple):
    """A new unit of an asset from `at` on: one new unit is `factor` old ones, so the price multiplied by that."""

    symbol: str
    at: datetime
    factor: Decimal


@dataclass(frozen=True, slots=True)
class SymbolBars:
    """Finished hourly bars of one symbol as the exchange gave them, oldest first.

    All hours from `read_from` to before `read_until` were read: an hour without a bar has none at the exchange.
    `listed_at` is the symbol's first bar, where that is known to be the first. `refusal` is the exchange's refusal of
    the symbol, in its own words; empty without one.
    """

    symbol: str
    bars: tuple[PriceBar, ...] = ()
    read_from: datetime | None = None
    read_until: datetime | None = None
    listed_at: datetime | None = None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class PriceHistory:
    """Past prices of one asset in USDT, from `since` to before `until`, which are whole hours.

    `bars` are finished hourly bars, oldest first, in units of today (`redenominations` before them are undone). An hour
    without a bar is not known: it lies in one of `holes`, before `known_from`, or after `known_until`. `halts` are
    hours with a bar in which nothing was traded. `listed_at` is the beginning of trading where it lies in the span;
    `ended_at` the moment from which on there are no more bars, though they were read: the symbol was renamed, delisted
    or halted. `broken_at` is a jump that nothing explains: bars before it are left out. `missing` is the reason why
    there are no bars; empty where there are some.
    """

    asset: str
    since: datetime
    until: datetime
    bars: tuple[PriceBar, ...] = ()
    route: PriceRoute | None = None
    known_from: datetime | None = None
    known_until: datetime | None = None
    holes: tuple[HourSpan, ...] = ()
    halts: tuple[HourSpan, ...] = ()
    listed_at: datetime | None = None
    ended_at: datetime | None = None
    redenominations: tuple[Redenomination, ...] = ()
    broken_at: datetime | None = None
    missing: str = ""

    @property
    def is_read(self) -> bool:
        """True if nothing more of the span is to be expected from the exchange."""
        return self.known_from is not None and self.known_from <= self.since
