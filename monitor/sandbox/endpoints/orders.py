"""Margin orders: placing, cancelling, looking."""

import hashlib
from decimal import Decimal

from monitor.sandbox import orders
from monitor.sandbox.accounts import Margin, Order, Trade
from monitor.sandbox.endpoints.registry import Call, endpoint
from monitor.sandbox.endpoints.windows import DAY_MS, window
from monitor.sandbox.money import ZERO, plain, text
from monitor.sandbox.refusal import Refusal, invalid, missing
from monitor.sandbox.weights import Weight

KINDS = ("LIMIT", "MARKET", "LIMIT_MAKER")
OTHER_KINDS = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
LARGEST_ORDER_PAGE = 500
LARGEST_TRADE_PAGE = 1000


def _order_weight(call: Call) -> Weight:
    borrows = call.params.values.get("sideEffectType") in ("MARGIN_BUY", "AUTO_BORROW_REPAY")
    return Weight(1500 if borrows else 6, "UID")


@endpoint("POST", "/sapi/v1/margin/order", "SIGNED", _order_weight, right="trading")
def place(call: Call) -> object:
    """Place a margin order."""
    params = call.params
    symbol = call.listed(params.required("symbol"))
    side = params.choice("side", "BUY", "SELL")
    kind = params.choice("type", *KINDS, *OTHER_KINDS)
    if kind in OTHER_KINDS:
        raise Refusal(-1014, "Unsupported order combination.")
    margin = _margin(call, symbol)
    effects = ["NO_SIDE_EFFECT", "MARGIN_BUY", "AUTO_REPAY"]
    if call.venue.scenario.readings.auto_borrow_repay:
        effects.append("AUTO_BORROW_REPAY")
    quantity, quote = params.decimal("quantity"), params.decimal("quoteOrderQty")
    if quantity is None and (quote is None or kind != "MARKET"):
        raise missing("quantity")
    number = len(call.account.orders)
    made_up = hashlib.sha256(f"{call.account.name} order {number}".encode()).hexdigest()[:22]
    ticket = orders.Ticket(
        pair=call.venue.catalogue.pairs[symbol],
        side="BUY" if side == "BUY" else "SELL",
        kind=kind,
        time_in_force=params.choice("timeInForce", "GTC", "IOC", "FOK", default=None if kind == "LIMIT" else "GTC"),
        quantity=quantity or ZERO,
        quote_quantity=quote or ZERO,
        price=ZERO if kind == "MARKET" else params.required_decimal("price"),
        client_id=params.get("newClientOrderId") or made_up,
        side_effect=params.choice("sideEffectType", *effects, default="NO_SIDE_EFFECT"),
    )
    detail = params.choice(
        "newOrderRespType", "ACK", "RESULT", "FULL", default="ACK" if kind == "LIMIT_MAKER" else "FULL"
    )
    order, trades = orders.place(call.venue, call.account, margin, ticket)
    return _placed(order, trades, detail)


@endpoint("DELETE", "/sapi/v1/margin/order", "SIGNED", 10, right="trading")
def cancel(call: Call) -> object:
    """Cancel one open order."""
    symbol = call.listed(call.params.required("symbol"))
    margin, order = _margin(call, symbol), _find(call, symbol, Refusal(-2011, "Unknown order sent."))
    orders.cancel(
        call.venue,
        call.account,
        margin,
        order,
        new_client_id=call.params.get("newClientOrderId") or f"cancel{order.order_id}",
    )
    return _cancelled(order) | {"orderId": str(order.order_id)}


@endpoint("DELETE", "/sapi/v1/margin/openOrders", "SIGNED", 1, right="trading")
def cancel_open(call: Call) -> object:
    """Cancel every open order of a symbol."""
    symbol = call.listed(call.params.required("symbol"))
    margin = _margin(call, symbol)
    rows = [order for order in _own(call, symbol) if order.is_open]
    if not rows:
        raise Refusal(-2011, "Unknown order sent.")
    for order in rows:
        orders.cancel(call.venue, call.account, margin, order, new_client_id=f"cancel{order.order_id}")
    return [
        _cancelled(order) | {"orderId": order.order_id, "orderListId": -1, "selfTradePreventionMode": order.prevention}
        for order in rows
    ]


@endpoint("GET", "/sapi/v1/margin/order", "SIGNED", 10)
def look(call: Call) -> object:
    """One order, open or not."""
    symbol = call.listed(call.params.required("symbol"))
    return _row(_find(call, symbol, Refusal(-2013, "Order does not exist.")))


def _open_orders_weight(call: Call) -> Weight:
    by_symbols = call.venue.scenario.readings.open_orders_weight == "symbols"
    return Weight(len(call.venue.catalogue.pairs) if by_symbols and "symbol" not in call.params.values else 10)


@endpoint("GET", "/sapi/v1/margin/openOrders", "SIGNED", _open_orders_weight)
def open_orders(call: Call) -> object:
    """The orders that rest: of one symbol, or of cross altogether."""
    isolated = call.params.flag("isIsolated")
    symbol = call.params.required("symbol") if isolated else call.params.get("symbol")
    if symbol is not None:
        call.listed(symbol)
    return [
        _row(order)
        for order in call.account.orders.values()
        if order.is_open and order.isolated == isolated and symbol in (None, order.symbol)
    ]


@endpoint("GET", "/sapi/v1/margin/allOrders", "SIGNED", 200, calls_a_minute=60)
def all_orders(call: Call) -> object:
    """Orders of a symbol from an id on, or of a window of at most 24 hours."""
    symbol = call.listed(call.params.required("symbol"))
    limit = _limit(call, LARGEST_ORDER_PAGE)
    first_id = call.params.integer("orderId")
    rows = _own(call, symbol)
    if first_id is not None:
        return [_row(order) for order in rows if order.order_id >= first_id][:limit]
    first, last = _day(call)
    return [_row(order) for order in rows if first <= order.created_ms <= last][-limit:]


@endpoint("GET", "/sapi/v1/margin/myTrades", "SIGNED", 10)
def my_trades(call: Call) -> object:
    """Fills of a symbol from an id on, or of a window of at most 24 hours."""
    symbol = call.listed(call.params.required("symbol"))
    isolated = call.params.flag("isIsolated")
    limit = _limit(call, LARGEST_TRADE_PAGE)
    first_id, order_id = call.params.integer("fromId"), call.params.integer("orderId")
    rows = [
        trade
        for trade in call.account.trades
        if trade.symbol == symbol and trade.isolated == isolated and order_id in (None, trade.order_id)
    ]
    if first_id is not None:
        return [_trade(trade) for trade in rows if trade.trade_id >= first_id][:limit]
    if order_id is not None:
        return [_trade(trade) for trade in rows][-limit:]
    first, last = _day(call)
    return [_trade(trade) for trade in rows if first <= trade.at_ms <= last][-limit:]


@endpoint("GET", "/sapi/v1/margin/rateLimit/order", "SIGNED", 20)
def order_counts(call: Call) -> object:
    """How many orders were placed, against the limits."""
    if call.params.flag("isIsolated"):
        call.params.required("symbol")
    today = call.now_ms // DAY_MS
    count = sum(order.created_ms // DAY_MS == today for order in call.account.orders.values())
    return [
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 10_000, "count": 0},
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 20_000, "count": count},
    ]


def _margin(call: Call, symbol: str) -> Margin:
    return call.isolated(symbol) if call.params.flag("isIsolated") else call.cross()


def _own(call: Call, symbol: str) -> list[Order]:
    isolated = call.params.flag("isIsolated")
    return [one for one in call.account.orders.values() if one.symbol == symbol and one.isolated == isolated]


def _find(call: Call, symbol: str, absent: Refusal) -> Order:
    order_id, client_id = call.params.integer("orderId"), call.params.get("origClientOrderId")
    if order_id is None and client_id is None:
        raise missing("orderId")
    for order in reversed(_own(call, symbol)):
        if order.order_id == order_id or (order_id is None and order.client_id == client_id):
            return order
    raise absent


def _limit(call: Call, largest: int) -> int:
    limit = call.params.integer("limit") or 500
    if not 0 < limit <= largest:
        raise invalid("limit")
    return limit


def _day(call: Call) -> tuple[int, int]:
    return window(call, default_days=1, span_days=1, too_long=_too_long)


def _too_long() -> Refusal:
    return Refusal(-1127, "More than 24 hours between startTime and endTime.")


def _placed(order: Order, trades: list[Trade], detail: str) -> dict[str, object]:
    answer: dict[str, object] = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "clientOrderId": order.client_id,
        "isIsolated": order.isolated,
        "transactTime": order.updated_ms,
    }
    if detail == "ACK":
        return answer
    answer |= {
        "price": plain(order.price),
        "origQty": plain(order.quantity),
        "executedQty": plain(order.executed),
        "cummulativeQuoteQty": plain(order.executed_quote),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.kind,
        "side": order.side,
        "selfTradePreventionMode": order.prevention,
    }
    if order.borrowed_asset:
        answer |= {"marginBuyBorrowAmount": _number(order.borrowed), "marginBuyBorrowAsset": order.borrowed_asset}
    if detail == "FULL":
        answer["fills"] = [
            {
                "price": plain(trade.price),
                "qty": plain(trade.quantity),
                "commission": plain(trade.commission),
                "commissionAsset": trade.commission_asset,
                "tradeId": trade.trade_id,
            }
            for trade in trades
        ]
    return answer


def _cancelled(order: Order) -> dict[str, object]:
    return {
        "symbol": order.symbol,
        "isIsolated": order.isolated,
        "origClientOrderId": order.client_id,
        "clientOrderId": order.cancelled_as,
        "price": text(order.price),
        "origQty": text(order.quantity),
        "executedQty": text(order.executed),
        "cummulativeQuoteQty": text(order.executed_quote),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.kind,
        "side": order.side,
    }


def _row(order: Order) -> dict[str, object]:
    return {
        "clientOrderId": order.client_id,
        "cummulativeQuoteQty": text(order.executed_quote),
        "executedQty": text(order.executed),
        "icebergQty": text(ZERO),
        "isWorking": order.is_open,
        "orderId": order.order_id,
        "origQty": text(order.quantity),
        "price": text(order.price),
        "side": order.side,
        "status": order.status,
        "stopPrice": text(ZERO),
        "symbol": order.symbol,
        "isIsolated": order.isolated,
        "time": order.created_ms,
        "timeInForce": order.time_in_force,
        "type": order.kind,
        "selfTradePreventionMode": order.prevention,
        "updateTime": order.updated_ms,
    }


def _trade(trade: Trade) -> dict[str, object]:
    return {
        "commission": text(trade.commission),
        "commissionAsset": trade.commission_asset,
        "id": trade.trade_id,
        "isBestMatch": True,
        "isBuyer": trade.is_buyer,
        "isMaker": trade.is_maker,
        "orderId": trade.order_id,
        "price": text(trade.price),
        "qty": text(trade.quantity),
        "symbol": trade.symbol,
        "isIsolated": trade.isolated,
        "time": trade.at_ms,
    }


def _number(amount: Decimal) -> float:
    # The wire wants a JSON number here, against its own rule; nothing computes with it.
    return float(amount)
