"""Universal transfers into margin, and the traces that they leave."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.core.model.order import Outcome, Record, Refused, Transfer, Window
from monitor.core.numbers.amounts import plain
from monitor.errors import ExchangeRefused
from monitor.exchange.binance.api.endpoint import Endpoint
from monitor.exchange.binance.api.pages import PAGE_SIZE, Page, records
from monitor.exchange.binance.api.transfers import WEIGHT
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.rate_limits import Priority
from monitor.exchange.binance.translate import histories
from monitor.exchange.binance.wire.histories_text import TranId, TransferPage
from monitor.exchange.binance.wire.numbers import milliseconds

TRANSFER = Endpoint("POST", "/sapi/v1/asset/transfer", TranId, weight=WEIGHT, counted="uid")
RECORDS = Endpoint("GET", "/sapi/v1/asset/transfer", TransferPage, priority=Priority.FIRST)

NO_SUCH_WAY = frozenset({-1102, -1130})
"""Codes by which the venue refuses a way between two wallets that it has dropped."""

_SPAN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Route:
    """How the venue names a way between two wallets."""

    type: str
    to_symbol: str | None = None


def route_of(order: Transfer) -> Route | None:
    """The venue's way for the order, or None where it has none in one step.

    The direct way from spot into an isolated pair is absent from today's official list and may be refused with -1102
    or -1130; then cross is the stop between. The spelling of the two isolated types differs on purpose.
    """
    symbol = order.scope.symbol
    match order.source, bool(symbol):
        case "spot", False:
            return Route("MAIN_MARGIN")
        case "funding", False:
            return Route("FUNDING_MARGIN")
        case "spot", True:
            return Route("MAIN_ISOLATED_MARGIN", symbol)
        case "cross", True:
            return Route("MARGIN_ISOLATEDMARGIN", symbol)
        case _:
            return None


async def transfer(transport: Transport, order: Transfer) -> Outcome:
    """Send one transfer, once. Refused without a request where the venue has no way in one step."""
    route = route_of(order)
    if route is None:
        return Refused(-1130, f"no direct transfer from {order.source} to {order.scope}")
    return await transport.write(
        TRANSFER,
        {"type": route.type, "asset": order.asset, "amount": plain(order.amount), "toSymbol": route.to_symbol},
    )


async def find_transfers(transport: Transport, order: Transfer, window: Window) -> tuple[Record, ...]:
    """Every transfer of the order's asset on its way within the window, newest first, each once.

    Nothing where the venue has dropped the way: whoever asks for the history of it is refused.
    """
    route = route_of(order)
    if route is None:
        return ()
    way = route

    async def read(start: datetime, end: datetime, number: int) -> Page[Record]:
        parameters = {
            "type": way.type,
            "toSymbol": way.to_symbol,
            "startTime": milliseconds(start),
            "endTime": milliseconds(end),
            "current": number,
            "size": PAGE_SIZE,
        }
        return await transport.fetch(RECORDS, parameters, lambda page, _: _records(page, order))

    try:
        return await records(window, _SPAN, read)
    except ExchangeRefused as refusal:
        if refusal.venue_code in NO_SUCH_WAY:
            return ()
        raise


def _records(page: TransferPage, order: Transfer) -> Page[Record]:
    wanted = [histories.transfer_record(row) for row in page.rows if row.asset == order.asset]
    return Page(wanted, len(page.rows), page.total)
