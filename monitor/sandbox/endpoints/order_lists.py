"""Order lists: OCO, OTO and OTOCO placed, cancelled and queried."""

from collections.abc import Sequence
from decimal import Decimal

from monitor.sandbox.amounts import ZERO, format_decimal, format_plain
from monitor.sandbox.api.errors import SimApiError, invalid_parameter, missing_parameter
from monitor.sandbox.endpoints.history_paging import time_window
from monitor.sandbox.endpoints.order_parsing import (
    cancelled_list_row,
    generate_client_id,
    list_row,
    margin_account_of,
    order_side_effect,
    order_weight,
    prevention_mode,
    side_of,
    stop_price,
    time_in_force,
)
from monitor.sandbox.endpoints.registry import EndpointCall, endpoint
from monitor.sandbox.ledger.accounts import SimOrder, SimOrderList
from monitor.sandbox.trading import order_lists, orders
from monitor.sandbox.trading.order_events import is_list_done
from monitor.sandbox.trading.orders import OrderRequest

MAX_LIST_PAGE = 1000
# Types of the pending orders; those of a pair.
PENDING_KINDS = (
    "LIMIT", "MARKET", "LIMIT_MAKER", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT",
)  # fmt: skip
PAIR_KINDS = ("LIMIT_MAKER", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")


@endpoint("POST", "/sapi/v1/margin/order/oco", "SIGNED", order_weight, right="trading")
def place_oco(call: EndpointCall) -> object:
    """Place a limit and a stop of which one cancels the other."""
    params = call.params
    symbol = call.require_listed(params.required("symbol"))
    margin, effect = margin_account_of(call, symbol), order_side_effect(call)
    limited = params.decimal("stopLimitPrice")
    stop_kind = "STOP_LOSS" if limited is None else "STOP_LOSS_LIMIT"
    shared = _OrderBuilder(call, symbol, "side", "quantity", effect)
    legs = [
        shared.build_order(
            stop_kind, params.get("stopClientOrderId") or generate_client_id(call, "stop"), price=limited or ZERO,
            stop=params.required_decimal("stopPrice"), holds=time_in_force(call, "stopLimitTimeInForce", stop_kind),
            iceberg="stopIcebergQty",
        ),
        shared.build_order(
            "LIMIT_MAKER", params.get("limitClientOrderId") or generate_client_id(call, "limit"),
            price=params.required_decimal("price"), iceberg="limitIcebergQty",
        ),
    ]  # fmt: skip
    made = order_lists.place_pair(call.venue, call.account, margin, _list_name(call), legs)
    return _placed_answer(call, made)


@endpoint("POST", "/sapi/v1/margin/order/oto", "SIGNED", order_weight, right="trading")
def place_oto(call: EndpointCall) -> object:
    """Place an order that waits until another one is filled."""
    return _place_chain(call, [("pending", PENDING_KINDS)])


@endpoint("POST", "/sapi/v1/margin/order/otoco", "SIGNED", order_weight, right="trading")
def place_otoco(call: EndpointCall) -> object:
    """Place a pair, of which one cancels the other, that waits until another order is filled."""
    legs = [("pendingAbove", PAIR_KINDS)]
    if call.params.get("pendingBelowType") is not None:
        legs.append(("pendingBelow", PAIR_KINDS))
    return _place_chain(call, legs)


@endpoint("DELETE", "/sapi/v1/margin/orderList", "SIGNED", 1, "UID", right="trading")
def cancel_list(call: EndpointCall) -> object:
    """Cancel an order list whole."""
    symbol = call.require_listed(call.params.required("symbol"))
    one = _find_list(call, symbol, "listClientOrderId", SimApiError(-2011, "Unknown order sent."))
    open_orders = [call.account.orders[number] for number in one.order_ids if call.account.orders[number].is_open]
    if not open_orders:
        raise SimApiError(-2011, "Unknown order sent.")
    name = call.params.get("newClientOrderId") or f"cancel{one.list_id}"
    orders.cancel_order(call.venue, call.account, margin_account_of(call, symbol), open_orders[0], new_client_id=name)
    return cancelled_list_row(call, one)


@endpoint("GET", "/sapi/v1/margin/orderList", "SIGNED", 10)
def get_order_list(call: EndpointCall) -> object:
    """One order list, open or not."""
    return list_row(call, _find_list(call, _symbol(call), "origClientOrderId", None))


@endpoint("GET", "/sapi/v1/margin/allOrderList", "SIGNED", 200)
def list_order_lists(call: EndpointCall) -> object:
    """Order lists from a number on, or of a window of at most 24 hours."""
    limit = call.params.integer("limit") or 500
    if not 0 < limit <= MAX_LIST_PAGE:
        raise invalid_parameter("limit")
    first_id = call.params.integer("fromId")
    times = any(name in call.params.values for name in ("startTime", "endTime"))
    if first_id is not None and times:
        raise SimApiError(-1128, "Combination of optional parameters invalid.")
    rows = _own_lists(call)
    if first_id is not None:
        return [list_row(call, row) for row in rows if row.list_id >= first_id][:limit]
    first, last = time_window(call, default_days=1, span_days=1, too_long=_window_too_long)
    return [list_row(call, row) for row in rows if first <= row.at_ms <= last][-limit:]


@endpoint("GET", "/sapi/v1/margin/openOrderList", "SIGNED", 10)
def list_open_oco(call: EndpointCall) -> object:
    """The open OCOs."""
    return [
        list_row(call, order_list)
        for order_list in _own_lists(call)
        if order_list.contingency == "OCO" and not is_list_done(call.account, order_list)
    ]


@endpoint("GET", "/sapi/v1/margin/oto/openOrderList", "SIGNED", 10, "UID")
def list_open_oto(call: EndpointCall) -> object:
    """The open OTOs and OTOCOs, cross and isolated together."""
    symbol = call.params.get("symbol")
    return [
        _chain_row(call, order_list)
        for order_list in call.account.order_lists.values()
        if order_list.contingency == "OTO"
        and not is_list_done(call.account, order_list)
        and symbol in (None, order_list.symbol)
    ]


class _OrderBuilder:
    """The shared fields of one request's orders."""

    def __init__(self, call: EndpointCall, symbol: str, side: str, quantity: str, effect: str) -> None:
        self._call = call
        self._pair = call.venue.listings.pairs[symbol]
        self._side = side_of(call, side)
        self._quantity = call.params.required_decimal(quantity)
        self._effect = effect

    def build_order(
        self,
        kind: str,
        name: str,
        *,
        price: Decimal = ZERO,
        stop: Decimal = ZERO,
        trailing: int = 0,
        holds: str = "GTC",
        iceberg: str = "",
    ) -> OrderRequest:
        """One order of the list. `iceberg` names the parameter that holds that quantity."""
        return OrderRequest(
            pair=self._pair,
            side=self._side,
            kind=kind,
            time_in_force=holds,
            quantity=self._quantity,
            quote_quantity=ZERO,
            price=price,
            client_id=name,
            side_effect=self._effect,
            stop_price=stop,
            trailing_bips=trailing,
            iceberg=self._call.params.decimal(iceberg) or ZERO,
            repays_at_cancel=self._call.params.flag("autoRepayAtCancel", default=True),
            prevention=prevention_mode(self._call),
        )


def _place_chain(call: EndpointCall, legs: Sequence[tuple[str, tuple[str, ...]]]) -> object:
    symbol = call.require_listed(call.params.required("symbol"))
    margin, effect = margin_account_of(call, symbol), order_side_effect(call, repays=False)
    working = _build_order(call, symbol, "working", ("LIMIT", "LIMIT_MAKER"), "working", effect)
    pending = [_build_order(call, symbol, name, kinds, "pending", effect) for name, kinds in legs]
    made = order_lists.place_chain(call.venue, call.account, margin, _list_name(call), working, pending)
    return _placed_answer(call, made)


def _build_order(
    call: EndpointCall, symbol: str, name: str, kinds: tuple[str, ...], group: str, effect: str
) -> OrderRequest:
    params = call.params
    kind = params.choice(f"{name}Type", *kinds)
    trailing = params.integer(f"{name}TrailingDelta") or 0
    at_market = kind in orders.MARKET_ORDER_KINDS
    if trailing:
        params.required_decimal(f"{name}Price")
    return _OrderBuilder(call, symbol, f"{group}Side", f"{group}Quantity", effect).build_order(
        kind,
        params.get(f"{name}ClientOrderId") or generate_client_id(call, name),
        price=ZERO if at_market else params.required_decimal(f"{name}Price"),
        stop=stop_price(call, f"{name}StopPrice", kind, trailing),
        trailing=trailing,
        holds=time_in_force(call, f"{name}TimeInForce", kind),
        iceberg=f"{name}IcebergQty",
    )


def _list_name(call: EndpointCall) -> str:
    return call.params.get("listClientOrderId") or generate_client_id(call, "list")


def _symbol(call: EndpointCall) -> str | None:
    """The symbol of isolated lists; cross must not send one."""
    symbol = call.params.get("symbol")
    if call.params.flag("isIsolated"):
        return call.require_listed(call.params.required("symbol"))
    if symbol is not None:
        raise SimApiError(-1106, "Parameter 'symbol' sent when not required.")
    return None


def _own_lists(call: EndpointCall) -> list[SimOrderList]:
    symbol, isolated = _symbol(call), call.params.flag("isIsolated")
    return [
        order_list
        for order_list in call.account.order_lists.values()
        if order_list.isolated == isolated and symbol in (None, order_list.symbol)
    ]


def _find_list(call: EndpointCall, symbol: str | None, client_id: str, absent: SimApiError | None) -> SimOrderList:
    number, name = call.params.integer("orderListId"), call.params.get(client_id)
    if number is None and name is None:
        raise missing_parameter("orderListId")
    isolated = call.params.flag("isIsolated")
    try:
        return order_lists.find_order_list(
            call.account, isolated=isolated, symbol=symbol, list_id=number, client_id=name
        )
    except SimApiError as error:
        raise absent or error from error


def _window_too_long() -> SimApiError:
    return SimApiError(-1127, "More than 24 hours between startTime and endTime.")


def _placed_answer(call: EndpointCall, order_list: SimOrderList) -> dict[str, object]:
    answer = list_row(call, order_list) | {"listStatusType": "EXEC_STARTED", "listOrderStatus": "EXECUTING"}
    loan = order_lists.total_borrowed(call.account, order_list)
    if loan is not None:
        answer |= {"marginBuyBorrowAmount": format_plain(loan[0]), "marginBuyBorrowAsset": loan[1]}
    reports = [_place_report(call.account.orders[number], order_list) for number in order_list.order_ids]
    return answer | {"orderReports": reports}


def _place_report(order: SimOrder, order_list: SimOrderList) -> dict[str, object]:
    # A pending order is shown as pending even if the one before it was filled at once.
    waits = order_list.working_id is not None and order_list.working_id != order.order_id
    row: dict[str, object] = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_id,
        "transactTime": order_list.at_ms,
        "price": format_decimal(order.price),
        "origQty": format_decimal(order.quantity),
        "executedQty": format_decimal(ZERO if waits else order.executed),
        "cummulativeQuoteQty": format_decimal(ZERO if waits else order.executed_quote),
        "status": "PENDING_NEW" if waits else order.status,
        "timeInForce": order.time_in_force,
        "type": order.kind,
        "side": order.side,
        "selfTradePreventionMode": order.prevention,
    }
    return row | {"stopPrice": format_decimal(order.stop_price)} if order.stop_price else row


def _chain_row(call: EndpointCall, order_list: SimOrderList) -> dict[str, object]:
    row = list_row(call, order_list)
    del row["isIsolated"]
    return row | {"orders": [_chain_leg(call.account.orders[number]) for number in order_list.order_ids]}


def _chain_leg(order: SimOrder) -> dict[str, object]:
    return {
        "symbol": order.symbol,
        # Documented: null until the order before it is filled.
        "orderId": None if order.is_pending else order.order_id,
        "status": order.status,
        "clientOrderId": order.client_id,
    }
