"""Reads of hourly bars of the past, with the least priority."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from monitor.core.model.price_history import HourSpan, PriceBar
from monitor.exchange.binance.api.market import get_klines
from monitor.exchange.binance.api.response import ApiResponse
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.translate.hourly_bars import HOURLY, parse_hourly_bars, parse_listing_time
from monitor.exchange.binance.wire.market_data import BarRow
from monitor.exchange.port import MAX_HOURS

_get_bars = get_klines.with_answer(list[BarRow])
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


async def read_hourly_bars(transport: Transport, symbol: str, span: HourSpan) -> tuple[PriceBar, ...]:
    """Return the finished bars of `symbol` that open in the span, oldest first. Raises ValueError for a long span."""
    if not 0 < span.hours <= MAX_HOURS:
        raise ValueError(f"{span.hours} hours can't be read at once")

    def translated(rows: Iterable[BarRow], answer: ApiResponse) -> tuple[PriceBar, ...]:
        return parse_hourly_bars(rows, symbol, span, now=answer.as_of, rejected_rows=answer.rejected_rows)

    # Both times are included.
    return await _get_bars.fetch(
        transport,
        translated,
        symbol=symbol,
        interval=HOURLY,
        start_time=span.since,
        end_time=span.until - _MILLISECOND,
        limit=MAX_HOURS,
    )


async def read_listing_time(transport: Transport, symbol: str) -> datetime | None:
    """Return the open of the first bar of `symbol`; None if there is none."""

    def translated(rows: Iterable[BarRow], answer: ApiResponse) -> datetime | None:
        return parse_listing_time(rows, symbol, now=answer.as_of)

    return await _get_bars.fetch(transport, translated, symbol=symbol, interval=HOURLY, start_time=_BEGINNING, limit=1)


def take_rejected_bars(transport: Transport) -> tuple[str, ...]:
    """Return the bars left out of answers since the last call, and why."""
    return transport.rejected_rows.take(lambda read: read == get_klines.endpoint.name)
