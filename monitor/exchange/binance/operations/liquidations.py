"""Forced liquidations: the orders by which the venue closed positions."""

from collections.abc import Iterable
from datetime import datetime

from monitor.core.model.account import Liquidation
from monitor.exchange.binance.api.endpoint import Endpoint
from monitor.exchange.binance.api.pages import PAGE_SIZE, Page, pages
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.translate import histories
from monitor.exchange.binance.wire.histories_text import LiquidationPage
from monitor.exchange.binance.wire.numbers import milliseconds

HISTORY = Endpoint("GET", "/sapi/v1/margin/forceLiquidationRec", LiquidationPage)


async def read_liquidations(
    transport: Transport, symbols: Iterable[str], since: datetime, until: datetime
) -> tuple[Liquidation, ...]:
    """Orders of cross and of the pairs `symbols` in the window, oldest first, each once.

    Whether the answer without a pair names isolated orders too is not documented: each order counts once anyway.
    The window must not exceed 30 days.
    """
    found: dict[tuple[str, int], Liquidation] = {}
    for symbol in ("", *symbols):

        async def read(number: int, symbol: str = symbol) -> Page[Liquidation]:
            parameters = {
                "isolatedSymbol": symbol or None,
                "startTime": milliseconds(since),
                "endTime": milliseconds(until),
                "current": number,
                "size": PAGE_SIZE,
            }
            return await transport.fetch(HISTORY, parameters, lambda page, _: _orders(page))

        async for order in pages(read):
            found[order.symbol, order.order_id] = order
    return tuple(sorted(found.values(), key=lambda order: (order.at, order.order_id)))


def _orders(page: LiquidationPage) -> Page[Liquidation]:
    return Page([histories.liquidation(row) for row in page.rows], len(page.rows), page.total)
