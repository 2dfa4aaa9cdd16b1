"""Transfers into margin: sending one, finding its records."""

from monitor.core.model.order import ExchangeRecord, Outcome, Refused, TimeWindow, Transfer
from monitor.errors import ExchangeRefused
from monitor.exchange.binance.api.history import HistoryReader
from monitor.exchange.binance.api.order_mapping import TRANSFER_TYPES
from monitor.exchange.binance.api.transfers import make_universal_transfer, query_universal_transfer_history
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.rate_limits import Priority
from monitor.exchange.binance.translate.histories import parse_transfer_record

NO_SUCH_ROUTE_CODES = frozenset({-1102, -1130})
"""Codes by which the exchange refuses a route between two wallets that it has dropped.

The direct route from spot into an isolated pair is absent from today's official list and may be refused; the transfer
then goes through cross.
"""


async def send_transfer(transport: Transport, order: Transfer) -> Outcome:
    """Send one transfer, once. Refused without a request where the exchange has no route in one step."""
    symbol = order.scope.symbol
    kind = TRANSFER_TYPES.get((order.source, bool(symbol)))
    if kind is None:
        return Refused(-1130, f"no direct transfer from {order.source} to {order.scope}")
    sent = await make_universal_transfer(
        transport, type=kind, asset=order.asset, amount=order.amount, to_symbol=symbol or None
    )
    return sent.outcome


async def find_transfers(transport: Transport, order: Transfer, window: TimeWindow) -> tuple[ExchangeRecord, ...]:
    """Return every transfer of the order's asset on its route within the window, newest first, each once.

    Empty where the exchange has dropped the route: it refuses requests for that route's history.
    """
    symbol = order.scope.symbol
    kind = TRANSFER_TYPES.get((order.source, bool(symbol)))
    if kind is None:
        return ()
    walk = HistoryReader(
        transport,
        query_universal_transfer_history.with_priority(Priority.FIRST),
        {"type": kind, "toSymbol": symbol or None},
        window.since,
        window.until,
    )
    try:
        found = [parse_transfer_record(row) async for row in walk if row.asset == order.asset]
    except ExchangeRefused as refusal:
        if refusal.venue_code in NO_SUCH_ROUTE_CODES:
            return ()
        raise
    return tuple(reversed(found))
