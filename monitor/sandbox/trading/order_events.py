"""What the account stream tells about orders: executionReport and listStatus."""

import itertools
from decimal import Decimal
from typing import Literal

from monitor.sandbox.amounts import ZERO, down, nearest, text
from monitor.sandbox.ledger.accounts import Account, Margin, Order, OrderList, Trade
from monitor.sandbox.venue import Venue

_execution_ids = itertools.count(8_641_984)


def report(
    venue: Venue, margin: Margin, order: Order, execution: str, *, trade: Trade | None = None, expiry: str = ""
) -> None:
    """Tell about one step in the life of an order. `expiry` is why it expired."""
    now = venue.now_ms()
    last_quote = ZERO if trade is None else down(trade.quantity * trade.price)
    fields: dict[str, object] = {
        "s": order.symbol, "c": order.cancelled_as or order.client_id, "S": order.side, "o": order.kind,
        "f": order.time_in_force, "q": text(order.quantity), "p": text(order.price), "P": text(order.stop_price),
        "F": text(order.iceberg), "g": order.list_id, "C": order.client_id if order.cancelled_as else "",
        "x": execution, "X": order.status, "r": "NONE", "i": order.order_id,
        "l": text(ZERO if trade is None else trade.quantity),
        "z": text(order.executed), "L": text(ZERO if trade is None else trade.price),
        "n": "0" if trade is None else text(trade.commission),
        "N": None if trade is None else trade.commission_asset, "T": now,
        "t": -1 if trade is None else trade.trade_id, "I": next(_execution_ids),
        "w": order.is_working and order.kind != "MARKET", "m": trade is not None and trade.is_maker, "M": False,
        "O": order.created_ms, "Z": text(order.executed_quote), "Y": text(last_quote), "Q": text(ZERO),
        "W": order.created_ms, "V": order.prevention,
    }  # fmt: skip
    if order.trailing_bips:
        fields["d"] = order.trailing_bips
    if expiry:
        fields["eR"] = expiry
    venue.feed.emit(margin.account, margin.symbol, "account", "executionReport", fields, now)


def report_list(venue: Venue, account: Account, margin: Margin, one: OrderList) -> None:
    """Tell where an order list stands."""
    now, done = venue.now_ms(), is_done(account, one)
    fields: dict[str, object] = {
        "s": one.symbol, "g": one.list_id, "c": one.contingency, "l": "ALL_DONE" if done else "EXEC_STARTED",
        "L": "ALL_DONE" if done else "EXECUTING", "r": "NONE", "C": one.client_id, "T": now,
        "O": [
            {"s": one.symbol, "i": number, "c": account.orders[number].client_id} for number in one.order_ids
        ],
    }  # fmt: skip
    venue.feed.emit(margin.account, margin.symbol, "account", "listStatus", fields, now)


def is_done(account: Account, one: OrderList) -> bool:
    """Whether no order of a list is open any more."""
    return not any(account.orders[number].is_open for number in one.order_ids)


def tell_exchange_fill(
    venue: Venue,
    margin: Margin,
    order_id: int,
    symbol: str,
    side: Literal["BUY", "SELL"],
    quantity: Decimal,
    price: Decimal,
) -> None:
    """Report a liquidation order of the exchange's own as filled."""
    order = Order(
        order_id=order_id,
        client_id=f"liquidation-{order_id}",
        symbol=symbol,
        isolated=margin.symbol is not None,
        side=side,
        kind="LIMIT",
        time_in_force="IOC",
        price=nearest(price),
        quantity=quantity,
        side_effect="NO_SIDE_EFFECT",
        created_ms=venue.now_ms(),
        status="FILLED",
        executed=quantity,
        executed_quote=down(quantity * price),
    )
    trade = Trade(
        venue.next_trade_id(), order_id, venue.now_ms(), symbol, order.isolated, side == "BUY", False,
        nearest(price), quantity, ZERO, venue.catalogue.pairs[symbol].quote,
    )  # fmt: skip
    report(venue, margin, order, "TRADE", trade=trade)
