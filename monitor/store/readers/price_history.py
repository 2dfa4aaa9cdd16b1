"""Past prices: the histories of assets, and how far each symbol was read."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Connection, Text, func, select, type_coerce

from monitor.core.engine.bar_demand import BarProgress
from monitor.core.margin.past_prices import build_price_history
from monitor.core.model.price_history import PriceBar, PriceHistory, PriceRoute, SymbolBars
from monitor.store.schema import tables
from monitor.store.schema.columns import EPOCH

_BARS = tables.price_bars
# The types' own conversions would cost more than everything else: a history has a hundred thousand rows.
_COLUMNS: tuple[Any, ...] = (
    type_coerce(_BARS.c.at, BigInteger),
    *(type_coerce(_BARS.c[name], Text) for name in ("open", "high", "low", "close", "volume")),
)


def read_price_histories(
    connection: Connection, assets: Iterable[str], since: datetime, until: datetime
) -> dict[str, PriceHistory]:
    """Return the history of each asset from `since` to `until`, as far as the store holds it.

    Every asset has one; where nothing is known its `missing` says why.
    """
    wanted = tuple(dict.fromkeys(assets))
    routes = read_price_routes(connection, wanted)
    symbols = dict.fromkeys(symbol for route in routes.values() if route is not None for symbol in route.symbols)
    series = {symbol: read_symbol_bars(connection, symbol, since, until) for symbol in symbols}
    return {
        asset: build_price_history(asset, routes[asset], series, since, until)
        if asset in routes
        else PriceHistory(asset, since, until, missing=f"past prices of {asset} are not read yet")
        for asset in wanted
    }


def read_price_routes(connection: Connection, assets: Iterable[str] | None = None) -> dict[str, PriceRoute | None]:
    """Return the saved routes of these assets, or of all; None: no pair leads to USDT. Unknown assets are left out."""
    table = tables.price_routes
    query = select(table) if assets is None else select(table).where(table.c.asset.in_(tuple(assets)))
    return {
        row.asset: PriceRoute(row.pair, row.is_inverted, row.bridge_pair, row.peg) if row.is_known else None
        for row in connection.execute(query)
    }


def read_symbol_bars(connection: Connection, symbol: str, since: datetime, until: datetime) -> SymbolBars:
    """Return the bars of one symbol that open from `since` to before `until`, and how far it was read."""
    query = (
        select(*_COLUMNS).where(_BARS.c.symbol == symbol, _BARS.c.at >= since, _BARS.c.at < until).order_by(_BARS.c.at)
    )
    bars = tuple(_bar(*row) for row in connection.execute(query))
    table = tables.price_series
    known = connection.execute(select(table).where(table.c.symbol == symbol)).one_or_none()
    if known is None:
        return SymbolBars(symbol, bars)
    return SymbolBars(symbol, bars, known.read_from, known.read_until, known.listed_at, known.refusal)


def read_progress(connection: Connection) -> tuple[dict[str, PriceRoute | None], dict[str, BarProgress]]:
    """Return the saved route of every asset, and how far every symbol was read."""
    table = tables.price_series
    first_bar = select(func.min(_BARS.c.at)).where(_BARS.c.symbol == table.c.symbol).scalar_subquery()
    found = {
        row.symbol: BarProgress(row.symbol, row.read_from, row.read_until, row.first, row.listed_at, row.refusal)
        for row in connection.execute(select(table, first_bar.label("first")))
    }
    return read_price_routes(connection), found


def _bar(at: int, opened: Any, high: Any, low: Any, close: Any, volume: Any) -> PriceBar:
    opens_at = EPOCH + timedelta(milliseconds=at)
    traded = None if volume is None else Decimal(volume)
    return PriceBar(opens_at, Decimal(opened), Decimal(high), Decimal(low), Decimal(close), traded)
