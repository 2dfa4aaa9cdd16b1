"""Reads of forced liquidation orders."""

from collections.abc import Iterable
from datetime import datetime

from monitor.core.model.account import LiquidationOrder
from monitor.exchange.binance.api.history import HistoryReader
from monitor.exchange.binance.api.loans import get_margin_force_liquidation_record
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.translate.histories import parse_liquidation
from monitor.exchange.binance.wire.field_types import HistoryPage
from monitor.exchange.binance.wire.loans import LiquidationFillRow

_read_fills = get_margin_force_liquidation_record.with_answer(HistoryPage[LiquidationFillRow])


async def read_liquidations(
    transport: Transport, symbols: Iterable[str], since: datetime, until: datetime
) -> tuple[LiquidationOrder, ...]:
    """Return liquidation orders of cross and of the pairs `symbols` in the window, oldest first, each once.

    It is not documented whether the answer without a pair includes isolated orders: each order counts once anyway.
    """
    found: dict[tuple[str, int], LiquidationOrder] = {}
    for symbol in ("", *symbols):
        given = {"isolatedSymbol": symbol or None}
        async for row in HistoryReader(transport, _read_fills, given, since, until):
            found[row.symbol, row.order_id] = parse_liquidation(row)
    return tuple(sorted(found.values(), key=lambda order: (order.at, order.order_id)))
