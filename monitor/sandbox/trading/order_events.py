"""Stream events of orders: executionReport and listStatus."""

import itertools
from decimal import Decimal
from typing import Literal

from monitor.sandbox.amounts import ZERO, format_decimal, round_down, round_half_up
from monitor.sandbox.ledger.accounts import SimAccount, SimMarginAccount, SimOrder, SimOrderList, SimTrade
from monitor.sandbox.venue import Venue

_execution_ids = itertools.count(8_641_984)


def emit_execution_report(
    venue: Venue,
    margin: SimMarginAccount,
    order: SimOrder,
    execution: str,
    *,
    trade: SimTrade | None = None,
    expiry: str = "",
) -> None:
    """Send one step of an order. `expiry` is the reason of an expiry."""
    now = venue.now_ms()
    last_quote = ZERO if trade is None else round_down(trade.quantity * trade.price)
    fields: dict[str, object] = {
        "s": order.symbol, "c": order.cancelled_as or order.client_id, "S": order.side, "o": order.kind,
        "f": order.time_in_force, "q": format_decimal(order.quantity), "p": format_decimal(order.price),
        "P": format_decimal(order.stop_price),
        "F": format_decimal(order.iceberg), "g": order.list_id, "C": order.client_id if order.cancelled_as else "",
        "x": execution, "X": order.status, "r": "NONE", "i": order.order_id,
        "l": format_decimal(ZERO if trade is None else trade.quantity),
        "z": format_decimal(order.executed), "L": format_decimal(ZERO if trade is None else trade.price),
        "n": "0" if trade is None else format_decimal(trade.commission),
        "N": None if trade is None else trade.commission_asset, "T": now,
        "t": -1 if trade is None else trade.trade_id, "I": next(_execution_ids),
        "w": order.is_working and order.kind != "MARKET", "m": trade is not None and trade.is_maker, "M": False,
        "O": order.created_ms, "Z": format_decimal(order.executed_quote), "Y": format_decimal(last_quote),
        "Q": format_decimal(ZERO),
        "W": order.created_ms, "V": order.prevention,
    }  # fmt: skip
    if order.trailing_bips:
        fields["d"] = order.trailing_bips
    if expiry:
        fields["eR"] = expiry
    venue.feed.emit(margin.account, margin.symbol, "account", "executionReport", fields, now)


def emit_list_status(venue: Venue, account: SimAccount, margin: SimMarginAccount, order_list: SimOrderList) -> None:
    """Send the state of an order list."""
    now, done = venue.now_ms(), is_list_done(account, order_list)
    fields: dict[str, object] = {
        "s": order_list.symbol, "g": order_list.list_id, "c": order_list.contingency,
        "l": "ALL_DONE" if done else "EXEC_STARTED",
        "L": "ALL_DONE" if done else "EXECUTING", "r": "NONE", "C": order_list.client_id, "T": now,
        "O": [
            {"s": order_list.symbol, "i": number, "c": account.orders[number].client_id}
            for number in order_list.order_ids
        ],
    }  # fmt: skip
    venue.feed.emit(margin.account, margin.symbol, "account", "listStatus", fields, now)


def is_list_done(account: SimAccount, order_list: SimOrderList) -> bool:
    """Return whether no order of a list is open any more."""
    return not any(account.orders[number].is_open for number in order_list.order_ids)


def emit_liquidation_fill(
    venue: Venue,
    margin: SimMarginAccount,
    order_id: int,
    symbol: str,
    side: Literal["BUY", "SELL"],
    quantity: Decimal,
    price: Decimal,
) -> None:
    """Send the fill of a liquidation order of the exchange."""
    order = SimOrder(
        order_id=order_id,
        client_id=f"liquidation-{order_id}",
        symbol=symbol,
        isolated=margin.symbol is not None,
        side=side,
        kind="LIMIT",
        time_in_force="IOC",
        price=round_half_up(price),
        quantity=quantity,
        side_effect="NO_SIDE_EFFECT",
        created_ms=venue.now_ms(),
        status="FILLED",
        executed=quantity,
        executed_quote=round_down(quantity * price),
    )
    trade = SimTrade(
        venue.next_trade_id(), order_id, venue.now_ms(), symbol, order.isolated, side == "BUY", False,
        round_half_up(price), quantity, ZERO, venue.listings.pairs[symbol].quote,
    )  # fmt: skip
    emit_execution_report(venue, margin, order, "TRADE", trade=trade)
