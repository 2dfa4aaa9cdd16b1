"""Past prices on one grid of hours, as compact text."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from monitor.core.model.price_history import HOUR, PriceBar
from monitor.core.numbers.amounts import ZERO, format_decimal

MISSING = "nan"
"""Text of an hour without a usable bar."""

_NO_BAR = (MISSING, MISSING, MISSING)


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

    def has_bars(self, asset: str) -> bool:
        """Return whether there is a usable bar of the asset."""
        found = self.columns.get(asset)
        return found is not None and any(text != MISSING for text in found.closes.split())


def build_past(bars_by_asset: Mapping[str, Iterable[PriceBar]], since: datetime, until: datetime) -> HourlyPast:
    """Return the bars that opened at a full hour from `since` on and closed by `until`.

    Bars outside of that, off the hour, or impossible are missing; of two bars of one hour the later given one counts.
    """
    hours = max(0, (until - since) // HOUR)
    return HourlyPast(since, hours, {asset: price_columns(bars, since, hours) for asset, bars in bars_by_asset.items()})


def price_columns(bars: Iterable[PriceBar], since: datetime, hours: int) -> PriceColumns:
    """Return the columns of one asset, by the rules of `build_past`."""
    rows = [_NO_BAR] * hours
    for bar in bars:
        index, rest = divmod(bar.opens_at - since, HOUR)
        if not rest and 0 <= index < hours:
            rows[index] = _texts(bar)
    return PriceColumns(*(" ".join(column) for column in zip(*rows, strict=True))) if rows else PriceColumns("", "", "")


def _texts(bar: PriceBar) -> tuple[str, str, str]:
    """Return low, high and close as text; no bar for prices that no market can have had."""
    is_usable = ZERO < bar.low <= bar.close <= bar.high and bar.high.is_finite()
    return (format_decimal(bar.low), format_decimal(bar.high), format_decimal(bar.close)) if is_usable else _NO_BAR
