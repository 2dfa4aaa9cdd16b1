"""Past prices on one grid of hours, as compact text."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from monitor.core.numbers.amounts import ZERO, format_decimal

HOUR = timedelta(hours=1)
MISSING = "nan"
"""Text of an hour without a usable bar."""


class HourBar(NamedTuple):
    """Low, high and close of one asset's price in USDT in the hour from `opens_at` on."""

    opens_at: datetime
    low: Decimal
    high: Decimal
    close: Decimal

    @property
    def is_usable(self) -> bool:
        """False for prices that no market can have had: zero, negative, or a close outside of low and high."""
        return ZERO < self.low <= self.close <= self.high and self.high.is_finite()


class PriceColumns(NamedTuple):
    """Lows, highs and closes of one asset, an hour each, as texts with a space in between; `nan` without a bar."""

    lows: str
    highs: str
    closes: str


@dataclass(frozen=True, slots=True)
class HourlyPast:
    """Past prices by asset, in USDT: `hours` hours from `since` on. USDT itself needs none."""

    since: datetime
    hours: int
    columns: Mapping[str, PriceColumns]


def build_past(bars_by_asset: Mapping[str, Iterable[HourBar]], since: datetime, until: datetime) -> HourlyPast:
    """Return the bars that opened at a full hour from `since` on and closed by `until`.

    Bars outside of that, off the hour, or unusable are missing; of two bars of one hour the later given one counts.
    """
    hours = max(0, (until - since) // HOUR)
    return HourlyPast(since, hours, {asset: _columns(bars, since, hours) for asset, bars in bars_by_asset.items()})


def _columns(bars: Iterable[HourBar], since: datetime, hours: int) -> PriceColumns:
    rows: list[Sequence[str]] = [(MISSING, MISSING, MISSING)] * hours
    for bar in bars:
        index, rest = divmod(bar.opens_at - since, HOUR)
        if not rest and 0 <= index < hours:
            rows[index] = (
                tuple(map(format_decimal, (bar.low, bar.high, bar.close)))
                if bar.is_usable
                else (MISSING, MISSING, MISSING)
            )
    lows, highs, closes = (" ".join(column) for column in zip(*rows, strict=True)) if rows else ("", "", "")
    return PriceColumns(lows, highs, closes)
