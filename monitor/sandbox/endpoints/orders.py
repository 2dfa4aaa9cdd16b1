"""Margin orders: place, cancel, query."""

from decimal import Decimal

from monitor.sandbox.amounts import ZERO, format_decimal, format_plain
from monitor.sandbox.api.errors import SimApiError, invalid_parameter, missing_parameter
from monitor.sandbox.api.weights import Weight
from monitor.sandbox.endpoints.history_paging import DAY_MS, time_window
from monitor.sandbox.endpoints.order_parsing import (
    cancelled_list_row,
    cancelled_order_row,
    generate_client_id,
    margin_account_of,
    order_side_effect,
    order_weight,
    prevention_mode,
    side_of,
    stop_price,
    time_in_force,
)
from monitor.sandbox.endpoints.registry import EndpointCall, endpoint
from monitor.sandbox.ledger.accounts import SimOrder, SimTrade
from monitor.sandbox.trading import orders
from monitor.sandbox.trading.stop_triggers import STOP_KINDS

BASIC_ORDER_KINDS = ("LIMIT", "MARKET", "LIMIT_MAKER")
MAX_ORDER_PAGE = 500
MAX_TRADE_PAGE = 1000


@endpoint("POST", "/sapi/v1/margin/order", "SIGNED", order_weight, right="trading")
def place_margin_order(call: EndpointCall) -> object:
    """Place a margin order."""
    params = call.params
    symbol = call.require_listed(params.required("symbol"))
    kind = params.choice("type", *BASIC_ORDER_KINDS, *STOP_KINDS)
    margin = margin_account_of(call, symbol)
    quantity, quote = params.decimal("quantity"), params.decimal("quoteOrderQty")
    if quantity is None and (quote is None or kind != "MARKET"):
        raise missing_parameter("quantity")
    at_market = kind in orders.MARKET_ORDER_KINDS
    trailing = params.integer("trailingDelta") or 0
    ticket = orders.OrderRequest(
        pair=call.venue.listings.pairs[symbol],
        side=side_of(call, "side"),
        kind=kind,
        time_in_force=time_in_force(call, "timeInForce", kind),
        quantity=quantity or ZERO,
        quote_quantity=quote or ZERO,
        price=ZERO if at_market else params.required_decimal("price"),
        client_id=params.get("newClientOrderId") or generate_client_id(call, "order"),
        side_effect=order_side_effect(call),
        stop_price=stop_price(call, "stopPrice", kind, trailing),
        trailing_bips=trailing,
        iceberg=params.decimal("icebergQty") or ZERO,
        repays_at_cancel=params.flag("autoRepayAtCancel", default=True),
        prevention=prevention_mode(call),
    )
    detail = params.choice(
        "newOrderRespType", "ACK", "RESULT", "FULL", default="FULL" if kind in ("MARKET", "LIMIT") else "ACK"
    )
    order, trades = orders.place_order(call.venue, call.account, margin, ticket)
    return _placed_answer(order, trades, detail)


@endpoint("DELETE", "/sapi/v1/margin/order", "SIGNED", 10, right="trading")
def cancel_margin_order(call: EndpointCall) -> object:
    """Cancel one open order."""
    symbol = call.require_listed(call.params.required("symbol"))
    margin, order = (
        margin_account_of(call, symbol),
        _find_order(call, symbol, SimApiError(-2011, "Unknown order sent.")),
    )
    orders.cancel_order(
        call.venue,
        call.account,
        margin,
        order,
        new_client_id=call.params.get("newClientOrderId") or f"cancel{order.order_id}",
    )
    return cancelled_order_row(order) | {"orderId": str(order.order_id)}


@endpoint("DELETE", "/sapi/v1/margin/openOrders", "SIGNED", 1, right="trading")
def cancel_open_orders(call: EndpointCall) -> object:
    """Cancel every open order of a symbol."""
    symbol = call.require_listed(call.params.required("symbol"))
    margin = margin_account_of(call, symbol)
    rows = [order for order in _own_orders(call, symbol) if order.is_open]
    if not rows:
        raise SimApiError(-2011, "Unknown order sent.")
    answer: list[object] = []
    for order in rows:
        if not order.is_open:
            continue
        orders.cancel_order(call.venue, call.account, margin, order, new_client_id=f"cancel{order.order_id}")
        bound = call.account.order_lists.get(order.list_id)
        if bound is None:
            answer.append(cancelled_order_row(order) | {"orderListId": -1, "selfTradePreventionMode": order.prevention})
        else:
            answer.append(cancelled_list_row(call, bound))
    return answer


@endpoint("GET", "/sapi/v1/margin/order", "SIGNED", 10)
def get_order(call: EndpointCall) -> object:
    """One order, open or not."""
    symbol = call.require_listed(call.params.required("symbol"))
    return _order_row(_find_order(call, symbol, SimApiError(-2013, "Order does not exist.")))


def _open_orders_weight(call: EndpointCall) -> Weight:
    by_symbols = call.venue.scenario.readings.open_orders_weight == "symbols"
    return Weight(len(call.venue.listings.pairs) if by_symbols and "symbol" not in call.params.values else 10)


@endpoint("GET", "/sapi/v1/margin/openOrders", "SIGNED", _open_orders_weight)
def list_open_orders(call: EndpointCall) -> object:
    """The open orders: of one symbol, or of cross altogether."""
    isolated = call.params.flag("isIsolated")
    symbol = call.params.required("symbol") if isolated else call.params.get("symbol")
    if symbol is not None:
        call.require_listed(symbol)
    return [
        _order_row(order)
        for order in call.account.orders.values()
        if order.is_open and order.isolated == isolated and symbol in (None, order.symbol)
    ]


@endpoint("GET", "/sapi/v1/margin/allOrders", "SIGNED", 200, max_calls_per_minute=60)
def list_all_orders(call: EndpointCall) -> object:
    """Orders of a symbol from an id on, or of a window of at most 24 hours."""
    symbol = call.require_listed(call.params.required("symbol"))
    limit = _page_limit(call, MAX_ORDER_PAGE)
    first_id = call.params.integer("orderId")
    rows = _own_orders(call, symbol)
    if first_id is not None:
        return [_order_row(order) for order in rows if order.order_id >= first_id][:limit]
    first, last = _day_window(call)
    return [_order_row(order) for order in rows if first <= order.created_ms <= last][-limit:]


@endpoint("GET", "/sapi/v1/margin/myTrades", "SIGNED", 10)
def list_trades(call: EndpointCall) -> object:
    """Fills of a symbol from an id on, or of a window of at most 24 hours."""
    symbol = call.require_listed(call.params.required("symbol"))
    isolated = call.params.flag("isIsolated")
    limit = _page_limit(call, MAX_TRADE_PAGE)
    first_id, order_id = call.params.integer("fromId"), call.params.integer("orderId")
    rows = [
        trade
        for trade in call.account.trades
        if trade.symbol == symbol and trade.isolated == isolated and order_id in (None, trade.order_id)
    ]
    if first_id is not None:
        return [_trade_row(trade) for trade in rows if trade.trade_id >= first_id][:limit]
    if order_id is not None:
        return [_trade_row(trade) for trade in rows][-limit:]
    first, last = _day_window(call)
    return [_trade_row(trade) for trade in rows if first <= trade.at_ms <= last][-limit:]


@endpoint("GET", "/sapi/v1/margin/rateLimit/order", "SIGNED", 20)
def count_orders(call: EndpointCall) -> object:
    """The numbers of orders placed, against the limits."""
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
def list_prevented_matches(call: EndpointCall) -> object:
    """Matches with an own order that were prevented: one by its number, or those of an order."""
    symbol, params = call.require_listed(call.params.required("symbol")), call.params
    isolated = params.flag("isIsolated")
    number, order_id = params.integer("preventedMatchId"), params.integer("orderId")
    if number is None and order_id is None:
        raise missing_parameter("preventedMatchId")
    first = params.integer("fromPreventedMatchId") or 0
    rows = [
        row
        for row in call.account.prevented_matches
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
            "price": format_decimal(row.price),
            "makerPreventedQuantity": format_decimal(row.quantity),
            "transactTime": row.at_ms,
        }
        for row in rows[:MAX_ORDER_PAGE]
    ]


def _own_orders(call: EndpointCall, symbol: str) -> list[SimOrder]:
    isolated = call.params.flag("isIsolated")
    return [order for order in call.account.orders.values() if order.symbol == symbol and order.isolated == isolated]


def _find_order(call: EndpointCall, symbol: str, absent: SimApiError) -> SimOrder:
    order_id, client_id = call.params.integer("orderId"), call.params.get("origClientOrderId")
    if order_id is None and client_id is None:
        raise missing_parameter("orderId")
    for order in reversed(_own_orders(call, symbol)):
        if order.order_id == order_id or (order_id is None and order.client_id == client_id):
            return order
    raise absent


def _page_limit(call: EndpointCall, max_rows: int) -> int:
    limit = call.params.integer("limit") or 500
    if not 0 < limit <= max_rows:
        raise invalid_parameter("limit")
    return limit


def _day_window(call: EndpointCall) -> tuple[int, int]:
    return time_window(call, default_days=1, span_days=1, too_long=_window_too_long)


def _window_too_long() -> SimApiError:
    return SimApiError(-1127, "More than 24 hours between startTime and endTime.")


def _placed_answer(order: SimOrder, trades: list[SimTrade], detail: str) -> dict[str, object]:
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
        "price": format_plain(order.price),
        "origQty": format_plain(order.quantity),
        "executedQty": format_plain(order.executed),
        "cummulativeQuoteQty": format_plain(order.executed_quote),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.kind,
        "side": order.side,
        "selfTradePreventionMode": order.prevention,
    }
    if order.borrowed_asset:
        answer |= {
            "marginBuyBorrowAmount": _format_number(order.borrowed),
            "marginBuyBorrowAsset": order.borrowed_asset,
        }
    if detail == "FULL":
        answer["fills"] = [
            {
                "price": format_plain(trade.price),
                "qty": format_plain(trade.quantity),
                "commission": format_plain(trade.commission),
                "commissionAsset": trade.commission_asset,
                "tradeId": trade.trade_id,
            }
            for trade in trades
        ]
    return answer


def _order_row(order: SimOrder) -> dict[str, object]:
    return {
        "clientOrderId": order.client_id,
        "cummulativeQuoteQty": format_decimal(order.executed_quote),
        "executedQty": format_decimal(order.executed),
        "icebergQty": format_decimal(order.iceberg),
        "isWorking": order.is_working,
        "orderId": order.order_id,
        "origQty": format_decimal(order.quantity),
        "price": format_decimal(order.price),
        "side": order.side,
        "status": order.status,
        "stopPrice": format_decimal(order.stop_price),
        "symbol": order.symbol,
        "isIsolated": order.isolated,
        "time": order.created_ms,
        "timeInForce": order.time_in_force,
        "type": order.kind,
        "selfTradePreventionMode": order.prevention,
        "updateTime": order.updated_ms,
    }


def _trade_row(trade: SimTrade) -> dict[str, object]:
    return {
        "commission": format_decimal(trade.commission),
        "commissionAsset": trade.commission_asset,
        "id": trade.trade_id,
        "isBestMatch": True,
        "isBuyer": trade.is_buyer,
        "isMaker": trade.is_maker,
        "orderId": trade.order_id,
        "price": format_decimal(trade.price),
        "qty": format_decimal(trade.quantity),
        "symbol": trade.symbol,
        "isIsolated": trade.isolated,
        "time": trade.at_ms,
    }


def _format_number(amount: Decimal) -> float:
    # The API sends a JSON number here, against its own rule; nothing computes with it.
    return float(amount)
