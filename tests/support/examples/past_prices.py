"""A past of hourly bars in a database: prices that stand still, but for falls of single hours."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from monitor.core.model.price_history import HOUR, HourSpan, PriceBar, PriceRoute
from monitor.store.store import Store
from monitor.store.writes.price_bars import save_bars, save_routes

DAY_HOURS = 24

STILL_PRICE = Decimal(100)


def still_bars(since: datetime, hours: int, lows: Mapping[int, str]) -> list[PriceBar]:
    """Return bars of one price; `lows` are falls by the hour, as a fraction of it, which are over within the hour."""
    bars = []
    for number in range(hours):
        low = STILL_PRICE * (1 + Decimal(lows.get(number, "0")))
        bars.append(PriceBar(since + HOUR * number, STILL_PRICE, STILL_PRICE, low, STILL_PRICE, Decimal(10)))
    return bars


async def write_past(store: Store, until: datetime, days: int, **lows: Mapping[int, str]) -> None:
    """Save the past of each asset up to `until`, a whole hour. The hours of `lows` count from its beginning."""
    since = until - HOUR * DAY_HOURS * days

    def save(connection: Connection) -> None:
        save_routes(connection, {asset: PriceRoute(f"{asset}USDT") for asset in lows})
        for asset, falls in lows.items():
            bars = still_bars(since, DAY_HOURS * days, falls)
            save_bars(connection, f"{asset}USDT", HourSpan(since, until), bars)

    await store.execute(save)
