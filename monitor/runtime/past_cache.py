"""Past prices of the assets that odds are measured for, kept as text between two measurements."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monitor.clock import Clock
from monitor.core.margin.past_prices import floor_hour
from monitor.core.model.price_history import HOUR
from monitor.odds.past import HourlyPast, PriceColumns, price_columns
from monitor.store.readers.price_history import read_price_histories
from monitor.store.store import Store

NEW_BARS_AFTER = timedelta(minutes=5)
"""Time after a full hour by which its bars are usually read."""

RELOAD_AFTER = timedelta(minutes=10)
"""Time between two reads of bars while some are missing: the first fill brings new ones each minute."""

PAUSE_S = 0.02
"""Machine seconds between the reads of two assets: each keeps the interpreter for some hundredths of a second."""


@dataclass(frozen=True, slots=True)
class _AssetPast:
    columns: PriceColumns
    is_complete: bool


class PastCache:
    """Past prices by asset on one grid of hours. `version` counts the changes of prices or grid."""

    def __init__(self, store: Store, clock: Clock, span: timedelta) -> None:
        self._store = store
        self._clock = clock
        self._span = span
        self._since: datetime | None = None
        self._until: datetime | None = None
        self._assets: dict[str, _AssetPast] = {}
        self._asked: set[str] = set()
        self._due_at: datetime | None = None
        self.version = 0

    def past(self) -> HourlyPast | None:
        """Return the past as last read; None before the first read."""
        if self._since is None or self._until is None:
            return None
        columns = {asset: found.columns for asset, found in self._assets.items()}
        return HourlyPast(self._since, (self._until - self._since) // HOUR, columns)

    async def refresh(self, assets: Iterable[str]) -> None:
        """Read the bars of these assets: all of them when new ones may have come, else those that are new here.

        Raises StoreError; what is known stays as it was.
        """
        now = self._clock.now()
        wanted = set(assets) - {"USDT", ""}
        # Those of the other accounts, too; what nobody asks for until the next read is dropped then.
        self._asked |= wanted
        # Bars of an hour count once they are there, unless they do not come.
        until = floor_hour(now - NEW_BARS_AFTER)
        is_due = self._due_at is None or now >= self._due_at or until != self._until
        lacking = sorted(self._asked if is_due else wanted - self._assets.keys())
        if not lacking:
            return
        since = until - self._span if is_due or self._since is None else self._since
        found = {} if is_due else dict(self._assets)
        for asset in lacking:
            found[asset] = await self._store.read(_read_columns, asset, since, until)
            await asyncio.sleep(PAUSE_S)
        if (since, until, found) != (self._since, self._until, self._assets):
            self.version += 1
        self._since, self._until, self._assets = since, until, found
        self._asked = wanted if is_due else self._asked
        is_complete = all(past.is_complete for past in found.values())
        self._due_at = until + HOUR + NEW_BARS_AFTER if is_complete else now + RELOAD_AFTER


def _read_columns(connection: Any, asset: str, since: datetime, until: datetime) -> _AssetPast:
    history = read_price_histories(connection, (asset,), since, until)[asset]
    columns = price_columns(history.bars, since, (until - since) // HOUR)
    # Bars older than the span are deleted, so the first hour or two may be gone.
    is_begun = history.known_from is not None and history.known_from <= since + 2 * HOUR
    is_complete = is_begun and history.known_until is not None and history.known_until >= until
    return _AssetPast(columns, is_complete)
