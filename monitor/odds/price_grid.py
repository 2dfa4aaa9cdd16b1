"""Past prices as arrays of floats, with their exact texts at hand."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from monitor.odds.past import HourlyPast, PriceColumns

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]


class AssetGrid:
    """Prices of one asset by the hour. `lows`, `highs` and `closes` are NaN where there is no usable bar."""

    def __init__(self, columns: PriceColumns, hours: int) -> None:
        """Raises ValueError for columns of another length."""
        self._columns = columns
        self.lows, self.highs, self.closes = (_floats(column, hours) for column in columns)
        usable = (self.lows > 0) & (self.lows <= self.closes) & (self.closes <= self.highs) & np.isfinite(self.highs)
        self.has_bar: Booleans = usable
        for array in (self.lows, self.highs, self.closes):
            array[~usable] = np.nan

    @property
    def hours(self) -> int:
        """Number of hours with a usable bar."""
        return int(self.has_bar.sum())

    def fill_holes(self) -> None:
        """Let the price stand still where there is no bar: at the last close, before the first bar at its close."""
        found = np.flatnonzero(self.has_bar)
        if len(found) in (0, len(self.has_bar)):
            return
        last = np.maximum.accumulate(np.where(self.has_bar, np.arange(len(self.has_bar)), found[0]))
        self._source = last
        for name in ("lows", "highs", "closes"):
            filled = np.where(self.has_bar, getattr(self, name), self.closes[last])
            setattr(self, name, filled)

    def exact(self, which: str, hour: int) -> Decimal:
        """Return the exact price: `which` is lows, highs or closes."""
        if not self.has_bar[hour]:
            hour, which = int(self._source[hour]), "closes"
        return Decimal(self._texts[which][hour])

    @cached_property
    def _texts(self) -> Mapping[str, list[str]]:
        return {name: column.split() for name, column in self._columns._asdict().items()}


def build_grid(past: HourlyPast, assets: Iterable[str]) -> dict[str, AssetGrid]:
    """Return the grids of those of the assets that have a history."""
    return {asset: AssetGrid(past.columns[asset], past.hours) for asset in assets if asset in past.columns}


def _floats(column: str, hours: int) -> Floats:
    values = np.array([float(text) for text in column.split()], dtype=np.float64)
    if len(values) != hours:
        raise ValueError(f"a price column has {len(values)} hours, not {hours}")
    return values
