"""Reads of forced liquidation orders."""

from collections.abc import Iterable
from datetime import datetime

from monitor.core.model.account import LiquidationOrder
from monitor.exchange.binance.api.endpoint import Endpoint
from monitor.exchange.binance.api.pages import PAGE_SIZE, Page, iterate_pages
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.translate import histories
from monitor.exchange.binance.wire.histories_text import TextLiquidationPage
from monitor.exchange.binance.wire.numbers import to_milliseconds

LIQUIDATION_HISTORY = Endpoint("GET", "/sapi/v1/margin/forceLiquidationRec", TextLiquidationPage)


async def read_liquidations(
    transport: Transport, symbols: Iterable[str], since: datetime, until: datetime
) -> tuple[LiquidationOrder, ...]:
    """Return liquidation orders of cross and of the pairs `symbols` in the window, oldest first, each once.

    It is not documented whether the answer without a pair includes isolated orders: each order counts once anyway.
    The window must not exceed 30 days.
    """
    found: dict[tuple[str, int], LiquidationOrder] = {}
    for symbol in ("", *symbols):

        async def read(number: int, symbol: str = symbol) -> Page[LiquidationOrder]:
            parameters = {
                "isolatedSymbol": symbol or None,
                "startTime": to_milliseconds(since),
                "endTime": to_milliseconds(until),
                "current": number,
                "size": PAGE_SIZE,
            }
            return await transport.fetch(LIQUIDATION_HISTORY, parameters, lambda page, _: _parse_orders(page))

        async for order in iterate_pages(read):
            found[order.symbol, order.order_id] = order
    return tuple(sorted(found.values(), key=lambda order: (order.at, order.order_id)))


def _parse_orders(page: TextLiquidationPage) -> Page[LiquidationOrder]:
    return Page([histories.parse_liquidation(row) for row in page.rows], len(page.rows), page.total)
