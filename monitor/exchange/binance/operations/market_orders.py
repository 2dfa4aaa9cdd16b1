"""Market orders: placing a reducing one, cancelling open ones, finding the records of both."""

from decimal import Decimal

from monitor.core.model.order import CancelOrders, ExchangeRecord, Outcome, Reduce
from monitor.core.numbers.amounts import ZERO
from monitor.errors import ExchangeRefused, PayloadRejected
from monitor.exchange.binance.api.orders import (
    cancel_all_open_margin_orders,
    create_margin_order,
    get_margin_order,
    get_margin_trades,
    get_open_margin_orders,
)
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.wire.orders import OPEN_STATUSES, OrderStateRow
from monitor.exchange.binance.wire.plain_values import to_datetime, to_decimal

ORDER_NOT_FOUND = -2013


async def send_reduce_order(transport: Transport, order: Reduce) -> Outcome:
    """Send one order, once: what its price can't fill at once is cancelled, and the proceeds repay."""
    sent = await create_margin_order(
        transport,
        symbol=order.symbol,
        side=order.side,
        type="LIMIT",
        is_isolated=bool(order.scope.symbol),
        quantity=order.quantity,
        price=order.price,
        time_in_force="IOC",
        new_client_order_id=order.client_id,
        new_order_resp_type="FULL",
        side_effect_type="AUTO_REPAY",
    )
    return sent.outcome


async def cancel_open_orders(transport: Transport, order: CancelOrders) -> Outcome:
    """Cancel all open orders of the symbol, once."""
    sent = await cancel_all_open_margin_orders(transport, symbol=order.symbol, is_isolated=bool(order.scope.symbol))
    return sent.outcome


async def find_order(transport: Transport, order: Reduce) -> tuple[ExchangeRecord, ...]:
    """Return the order, found by its client id, with the proceeds for the debt; empty where it is unknown."""
    isolated = bool(order.scope.symbol)
    try:
        known = await get_margin_order.with_answer(OrderStateRow)(
            transport, symbol=order.symbol, is_isolated=isolated, orig_client_order_id=order.client_id
        )
    except ExchangeRefused as refusal:
        if refusal.venue_code != ORDER_NOT_FOUND:
            raise
        return ()
    if (known.symbol, known.side) != (order.symbol, order.side) or known.client_order_id not in (None, order.client_id):
        raise PayloadRejected(f"get_margin_order: the answer is about another order than {order.client_id}")
    base, quote = to_decimal(known.executed_qty), to_decimal(known.cummulative_quote_qty)
    if base and quote < ZERO:
        quote = await _traded_quote(transport, known, isolated=isolated)
    brought, spent = (quote, base) if order.side == "SELL" else (base, quote)
    return (
        ExchangeRecord(
            ref=str(known.order_id),
            asset=order.asset,
            amount=brought,
            status="PENDING" if known.status in OPEN_STATUSES else "CONFIRMED" if base else "FAILED",
            at=to_datetime(known.time),
            spent=spent,
        ),
    )


async def find_open_orders(transport: Transport, order: CancelOrders) -> tuple[ExchangeRecord, ...]:
    """Return the orders still open on the symbol, each as a pending record."""
    rows = await get_open_margin_orders.with_answer(list[OrderStateRow])(
        transport, symbol=order.symbol, is_isolated=bool(order.scope.symbol)
    )
    return tuple(
        ExchangeRecord(str(row.order_id), order.asset, to_decimal(row.orig_qty), "PENDING", to_datetime(row.time))
        for row in rows
        if (row.symbol, row.is_isolated) == (order.symbol, bool(order.scope.symbol))
    )


async def _traded_quote(transport: Transport, order: OrderStateRow, *, isolated: bool) -> Decimal:
    """Return the traded amount of the quote asset, where the order itself does not give it."""
    trades = await get_margin_trades(transport, symbol=order.symbol, is_isolated=isolated, order_id=order.order_id)
    return sum((to_decimal(trade.price) * to_decimal(trade.qty) for trade in trades), ZERO)
