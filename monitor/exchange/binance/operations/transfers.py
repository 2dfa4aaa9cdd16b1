"""Transfers into margin: sending one, finding its records."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.core.model.order import ExchangeRecord, Outcome, Refused, TimeWindow, Transfer
from monitor.core.numbers.amounts import format_decimal
from monitor.errors import ExchangeRefused
from monitor.exchange.binance.api.endpoint import Endpoint
from monitor.exchange.binance.api.pages import PAGE_SIZE, Page, read_records
from monitor.exchange.binance.api.transfers import TRANSFER_WEIGHT
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.rate_limits import Priority
from monitor.exchange.binance.translate import histories
from monitor.exchange.binance.wire.histories_text import TextTransactionId, TextTransferPage
from monitor.exchange.binance.wire.numbers import to_milliseconds

TRANSFER = Endpoint("POST", "/sapi/v1/asset/transfer", TextTransactionId, weight=TRANSFER_WEIGHT, counted="uid")
TRANSFER_RECORDS = Endpoint("GET", "/sapi/v1/asset/transfer", TextTransferPage, priority=Priority.FIRST)

NO_SUCH_ROUTE_CODES = frozenset({-1102, -1130})
"""Codes by which the exchange refuses a route between two wallets that it has dropped."""

_MAX_WINDOW = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class TransferRoute:
    """The exchange's name of a route between two wallets."""

    type: str
    to_symbol: str | None = None


def transfer_route(order: Transfer) -> TransferRoute | None:
    """Return the exchange's route for the order, or None where there is none in one step.

    The direct route from spot into an isolated pair is absent from today's official list and may be refused with -1102
    or -1130; the transfer then goes through cross. The spellings of the two isolated types differ on purpose.
    """
    symbol = order.scope.symbol
    match order.source, bool(symbol):
        case "spot", False:
            return TransferRoute("MAIN_MARGIN")
        case "funding", False:
            return TransferRoute("FUNDING_MARGIN")
        case "spot", True:
            return TransferRoute("MAIN_ISOLATED_MARGIN", symbol)
        case "cross", True:
            return TransferRoute("MARGIN_ISOLATEDMARGIN", symbol)
        case _:
            return None


async def send_transfer(transport: Transport, order: Transfer) -> Outcome:
    """Send one transfer, once. Refused without a request where the exchange has no route in one step."""
    route = transfer_route(order)
    if route is None:
        return Refused(-1130, f"no direct transfer from {order.source} to {order.scope}")
    return await transport.write(
        TRANSFER,
        {"type": route.type, "asset": order.asset, "amount": format_decimal(order.amount), "toSymbol": route.to_symbol},
    )


async def find_transfers(transport: Transport, order: Transfer, window: TimeWindow) -> tuple[ExchangeRecord, ...]:
    """Return every transfer of the order's asset on its route within the window, newest first, each once.

    Empty where the exchange has dropped the route: it refuses requests for that route's history.
    """
    route = transfer_route(order)
    if route is None:
        return ()
    known_route = route

    async def read(start: datetime, end: datetime, number: int) -> Page[ExchangeRecord]:
        parameters = {
            "type": known_route.type,
            "toSymbol": known_route.to_symbol,
            "startTime": to_milliseconds(start),
            "endTime": to_milliseconds(end),
            "current": number,
            "size": PAGE_SIZE,
        }
        return await transport.fetch(TRANSFER_RECORDS, parameters, lambda page, _: _parse_records(page, order))

    try:
        return await read_records(window, _MAX_WINDOW, read)
    except ExchangeRefused as refusal:
        if refusal.venue_code in NO_SUCH_ROUTE_CODES:
            return ()
        raise


def _parse_records(page: TextTransferPage, order: Transfer) -> Page[ExchangeRecord]:
    wanted = [histories.parse_transfer_record(row) for row in page.rows if row.asset == order.asset]
    return Page(wanted, len(page.rows), page.total)
