"""Margin orders: placing, cancelling, looking."""

from decimal import Decimal

from monitor.sandbox.amounts import ZERO, plain, text
from monitor.sandbox.api.errors import Refusal, invalid, missing
from monitor.sandbox.api.weights import Weight
from monitor.sandbox.endpoints.history_paging import DAY_MS, window
from monitor.sandbox.endpoints.order_parsing import (
    cancelled,
    cancelled_list,
    made_up_id,
    margin_of,
    order_weight,
    prevention,
    side_effect,
    side_of,
    stop_price,
    time_in_force,
)
from monitor.sandbox.endpoints.registry import Call, endpoint
from monitor.sandbox.ledger.accounts import Order, Trade
from monitor.sandbox.trading import orders
from monitor.sandbox.trading.stop_triggers import STOPS

PLAIN_KINDS = ("LIMIT", "MARKET", "LIMIT_MAKER")
LARGEST_ORDER_PAGE = 500
LARGEST_TRADE_PAGE = 1000


@endpoint("POST", "/sapi/v1/margin/order", "SIGNED", order_weight, right="trading")
def place(call: Call) -> object:
    """Place a margin order."""
    params = call.params
    symbol = call.listed(params.required("symbol"))
    kind = params.choice("type", *PLAIN_KINDS, *STOPS)
    margin = margin_of(call, symbol)
    quantity, quote = params.decimal("quantity"), params.decimal("quoteOrderQty")
    if quantity is None and (quote is None or kind != "MARKET"):
        raise missing("quantity")
    at_market = kind in orders.MARKET_KINDS
    trailing = params.integer("trailingDelta") or 0
    ticket = orders.Ticket(
        pair=call.venue.catalogue.pairs[symbol],
        side=side_of(call, "side"),
        kind=kind,
        time_in_force=time_in_force(call, "timeInForce", kind),
        quantity=quantity or ZERO,
        quote_quantity=quote or ZERO,
        price=ZERO if at_market else params.required_decimal("price"),
        client_id=params.get("newClientOrderId") or made_up_id(call, "order"),
        side_effect=side_effect(call),
        stop_price=stop_price(call, "stopPrice", kind, trailing),
        trailing_bips=trailing,
        iceberg=params.decimal("icebergQty") or ZERO,
        repays_at_cancel=params.flag("autoRepayAtCancel", default=True),
        prevention=prevention(call),
    )
    detail = params.choice(
        "newOrderRespType", "ACK", "RESULT", "FULL", default="FULL" if kind in ("MARKET", "LIMIT") else "ACK"
    )
    order, trades = orders.place(call.venue, call.account, margin, ticket)
    return _placed(order, trades, detail)


@endpoint("DELETE", "/sapi/v1/margin/order", "SIGNED", 10, right="trading")
def cancel(call: Call) -> object:
    """Cancel one open order."""
    symbol = call.listed(call.params.required("symbol"))
    margin, order = margin_of(call, symbol), _find(call, symbol, Refusal(-2011, "Unknown order sent."))
    orders.cancel(
        call.venue,
        call.account,
        margin,
        order,
        new_client_id=call.params.get("newClientOrderId") or f"cancel{order.order_id}",
    )
    return cancelled(order) | {"orderId": str(order.order_id)}


@endpoint("DELETE", "/sapi/v1/margin/openOrders", "SIGNED", 1, right="trading")
def cancel_open(call: Call) -> object:
    """Cancel every open order of a symbol."""
    symbol = call.listed(call.params.required("symbol"))
    margin = margin_of(call, symbol)
    rows = [order for order in _own(call, symbol) if order.is_open]
    if not rows:
        raise Refusal(-2011, "Unknown order sent.")
    answer: list[object] = []
    for order in rows:
        if not order.is_open:
            continue
        orders.cancel(call.venue, call.account, margin, order, new_client_id=f"cancel{order.order_id}")
        bound = call.account.order_lists.get(order.list_id)
        if bound is None:
            answer.append(cancelled(order) | {"orderListId": -1, "selfTradePreventionMode": order.prevention})
        else:
            answer.append(cancelled_list(call, bound))
    return answer


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
    placed = [order.created_ms for order in call.account.orders.values()]

    def count(span_ms: int) -> int:
        return sum(moment // span_ms == call.now_ms // span_ms for moment in placed)

    return [
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 10_000, "count": count(10_000)},
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 20_000, "count": count(DAY_MS)},
    ]


@endpoint("GET", "/sapi/v1/margin/myPreventedMatches", "SIGNED", 10)
def prevented_matches(call: Call) -> object:
    """Matches with an own order that were prevented: one by its number, or those of an order."""
    symbol, params = call.listed(call.params.required("symbol")), call.params
    isolated = params.flag("isIsolated")
    number, order_id = params.integer("preventedMatchId"), params.integer("orderId")
    if number is None and order_id is None:
        raise missing("preventedMatchId")
    first = params.integer("fromPreventedMatchId") or 0
    rows = [
        row
        for row in call.account.prevented
        if (row.symbol, row.isolated) == (symbol, isolated)
        and number in (None, row.number)
        and order_id in (None, row.taker_id, row.maker_id)
        and row.number >= first
    ]
    return [
        {
            "symbol": row.symbol,
            "preventedMatchId": row.number,
            "takerOrderId": row.taker_id,
            "makerSymbol": row.symbol,
            "makerOrderId": row.maker_id,
            "tradeGroupId": 1,
            "selfTradePreventionMode": row.mode,
            "price": text(row.price),
            "makerPreventedQuantity": text(row.quantity),
            "transactTime": row.at_ms,
        }
        for row in rows[:LARGEST_ORDER_PAGE]
    ]


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


def _row(order: Order) -> dict[str, object]:
    return {
        "clientOrderId": order.client_id,
        "cummulativeQuoteQty": text(order.executed_quote),
        "executedQty": text(order.executed),
        "icebergQty": text(order.iceberg),
        "isWorking": order.is_working,
        "orderId": order.order_id,
        "origQty": text(order.quantity),
        "price": text(order.price),
        "side": order.side,
        "status": order.status,
        "stopPrice": text(order.stop_price),
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
