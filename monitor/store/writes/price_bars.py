"""Writes of past prices: bars of a symbol, how far they were read, and the routes of assets."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from monitor.core.model.price_history import HourSpan, PriceBar, PriceRoute
from monitor.store.db.prepared_statements import prepare_insert, upsert
from monitor.store.schema import tables
from monitor.store.writes.retention import MAX_ROWS_PER_STEP

BAR_COLUMNS = ("symbol", "at", "open", "high", "low", "close", "volume")


def save_bars(connection: Connection, symbol: str, span: HourSpan, bars: Iterable[PriceBar]) -> None:
    """Save all bars that the exchange has in `span`, in place of known ones.

    The hours must touch those that were read before. Raises ValueError if they do not, or if a bar lies outside.
    """
    rows = [(symbol, *bar) for bar in bars]
    if any(not span.since <= row[1] < span.until for row in rows):
        raise ValueError(f"a bar of {symbol} lies outside of the span that was read")
    known = connection.execute(select(tables.price_series).where(tables.price_series.c.symbol == symbol)).one_or_none()
    read_from, read_until = span
    if known is not None and known.read_from is not None and known.read_until is not None:
        if known.read_from > span.until or known.read_until < span.since:
            raise ValueError(f"bars of {symbol} must touch those that were read before")
        read_from, read_until = min(known.read_from, read_from), max(known.read_until, read_until)
    table = tables.price_bars
    connection.execute(delete(table).where(table.c.symbol == symbol, table.c.at >= span.since, table.c.at < span.until))
    prepare_insert(table, BAR_COLUMNS, connection.dialect).run(connection, rows)
    _save_series(connection, symbol, read_from=read_from, read_until=read_until, refusal="")


def save_listing(connection: Connection, symbol: str, listed_at: datetime) -> None:
    """Save the open of a symbol's first bar."""
    _save_series(connection, symbol, listed_at=listed_at)


def save_refusal(connection: Connection, symbol: str, refusal: str) -> None:
    """Save the exchange's refusal of a symbol, until bars of it are saved again."""
    _save_series(connection, symbol, refusal=refusal)


def save_routes(connection: Connection, routes: Mapping[str, PriceRoute | None]) -> None:
    """Save the routes of these assets; None: no pair leads to USDT."""
    for asset, route in routes.items():
        values = (route or PriceRoute(""))._asdict()
        row = {"asset": asset, **values, "is_known": route is not None}
        connection.execute(upsert(tables.price_routes, connection.dialect, ("asset",)), row)


def forget_bars(connection: Connection, since: datetime) -> int:
    """Delete bars that open at `since` or later, and that they were read; return how many."""
    bars, series = tables.price_bars, tables.price_series
    gone = connection.execute(delete(bars).where(bars.c.at >= since)).rowcount
    connection.execute(delete(series).where(series.c.read_from >= since))
    connection.execute(update(series).where(series.c.read_until > since).values(read_until=since))
    return gone


def prune_bars(connection: Connection, before: datetime, batch: int = MAX_ROWS_PER_STEP) -> int:
    """Delete bars older than `before`, about `batch` at most; return how many, 0 when none is left.

    A symbol whose last bar is gone is forgotten.
    """
    bars, series = tables.price_bars, tables.price_series
    for symbol in connection.execute(select(series.c.symbol).order_by(series.c.symbol)).scalars().all():
        own_old = (bars.c.symbol == symbol, bars.c.at < before)
        edge = connection.execute(select(bars.c.at).where(*own_old).order_by(bars.c.at).offset(batch).limit(1)).scalar()
        gone = connection.execute(delete(bars).where(*own_old, *(() if edge is None else (bars.c.at < edge,))))
        if gone.rowcount:
            return gone.rowcount
    connection.execute(delete(series).where(series.c.read_until <= before))
    connection.execute(update(series).where(series.c.read_from < before).values(read_from=before))
    return 0


def _save_series(connection: Connection, symbol: str, **values: Any) -> None:
    table = tables.price_series
    if not connection.execute(update(table).where(table.c.symbol == symbol).values(**values)).rowcount:
        connection.execute(insert(table).values(symbol=symbol, **{"refusal": "", **values}))
