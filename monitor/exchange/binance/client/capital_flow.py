"""The margin ledger: a second witness of what moved."""

from datetime import timedelta

from monitor.core.intents import Order, Record, Repay, Window
from monitor.exchange.binance.client.endpoint import Endpoint
from monitor.exchange.binance.client.transport import Transport
from monitor.exchange.binance.client.walking import windows
from monitor.exchange.binance.limits import Priority
from monitor.exchange.binance.translate import histories
from monitor.exchange.binance.wire.history import CapitalFlowRow
from monitor.exchange.binance.wire.numbers import milliseconds

FLOW = Endpoint("GET", "/sapi/v1/margin/capital-flow", list[CapitalFlowRow], weight=100, priority=Priority.FIRST)

_SPAN = timedelta(days=7)
_PAGE_SIZE = 1000


async def find_flow(transport: Transport, order: Order, window: Window) -> tuple[Record, ...]:
    """Rows of the order's kind, scope and asset in the window, oldest first, each once."""
    found: dict[int, Record] = {}
    for start, end in windows(window.since, window.until, _SPAN):
        after = 0
        while True:
            reading = await transport.fetch(
                FLOW,
                {
                    "asset": order.asset,
                    "symbol": order.scope.symbol or None,
                    "type": "REPAY" if isinstance(order, Repay) else "TRANSFER",
                    "startTime": milliseconds(start),
                    "endTime": milliseconds(end),
                    "fromId": after,
                    "limit": _PAGE_SIZE,
                },
                lambda rows, _: [(row.id, histories.flow_record(row)) for row in rows],
            )
            found.update(reading)
            # The id is exclusive; without one only the newest rows would come.
            if len(reading) < _PAGE_SIZE:
                break
            after = max(number for number, _ in reading)
    return tuple(record for _, record in sorted(found.items()))
