"""Order parameters, and rows of cancelled orders; shared by orders and order lists."""

import hashlib
from decimal import Decimal

from monitor.sandbox.amounts import ZERO, format_decimal
from monitor.sandbox.api.errors import missing_parameter
from monitor.sandbox.api.weights import Weight
from monitor.sandbox.endpoints.registry import EndpointCall
from monitor.sandbox.ledger.accounts import SimMarginAccount, SimOrder, SimOrderList
from monitor.sandbox.trading.order_events import is_list_done
from monitor.sandbox.trading.orders import Side
from monitor.sandbox.trading.stop_triggers import STOP_KINDS


def order_weight(call: EndpointCall) -> Weight:
    """The weight of placing an order: far more when it may borrow."""
    borrows = call.params.values.get("sideEffectType") in ("MARGIN_BUY", "AUTO_BORROW_REPAY")
    return Weight(1500 if borrows else 6, "UID")


def margin_account_of(call: EndpointCall, symbol: str) -> SimMarginAccount:
    """Cross, or the isolated account of `symbol` when `isIsolated` says so."""
    return call.isolated(symbol) if call.params.flag("isIsolated") else call.cross()


def side_of(call: EndpointCall, name: str) -> Side:
    """BUY or SELL."""
    return "BUY" if call.params.choice(name, "BUY", "SELL") == "BUY" else "SELL"


def time_in_force(call: EndpointCall, name: str, kind: str) -> str:
    """The time in force; mandatory for limit orders."""
    needs = kind in ("LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")
    return call.params.choice(name, "GTC", "IOC", "FOK", default=None if needs else "GTC")


def order_side_effect(call: EndpointCall, *, repays: bool = True) -> str:
    """The side effect of an order on the margin account. Without `repays` the repaying ones are refused."""
    effects = ["NO_SIDE_EFFECT", "MARGIN_BUY"]
    if repays:
        effects.append("AUTO_REPAY")
    if call.venue.scenario.readings.auto_borrow_repay:
        effects.append("AUTO_BORROW_REPAY")
    return call.params.choice("sideEffectType", *effects, default="NO_SIDE_EFFECT")


def prevention_mode(call: EndpointCall) -> str:
    """The handling of an order that would trade with another one of the same user."""
    modes = ("EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "NONE")
    return call.params.choice("selfTradePreventionMode", *modes, default="EXPIRE_MAKER")


def stop_price(call: EndpointCall, name: str, kind: str, trailing_bips: int) -> Decimal:
    """The stop price of a stop, 0 for other kinds and for a trailing stop without one."""
    if kind not in STOP_KINDS:
        return ZERO
    price = call.params.decimal(name)
    if price is None and not trailing_bips:
        raise missing_parameter(name)
    return price or ZERO


def generate_client_id(call: EndpointCall, what: str) -> str:
    """A client id for an order sent without one."""
    number = len(call.account.orders)
    return hashlib.sha256(f"{call.account.name} {what} {number}".encode()).hexdigest()[:22]


def cancelled_order_row(order: SimOrder) -> dict[str, object]:
    """The row of a cancelled order."""
    return {
        "symbol": order.symbol,
        "isIsolated": order.isolated,
        "origClientOrderId": order.client_id,
        "orderId": order.order_id,
        "clientOrderId": order.cancelled_as,
        "price": format_decimal(order.price),
        "origQty": format_decimal(order.quantity),
        "executedQty": format_decimal(order.executed),
        "cummulativeQuoteQty": format_decimal(order.executed_quote),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.kind,
        "side": order.side,
    }


def cancelled_list_row(call: EndpointCall, order_list: SimOrderList) -> dict[str, object]:
    """The row of a cancelled order list."""
    return list_row(call, order_list) | {
        "orderReports": [_cancel_report(call.account.orders[number]) for number in order_list.order_ids]
    }


def list_row(call: EndpointCall, order_list: SimOrderList) -> dict[str, object]:
    """The row of an order list in queries."""
    done = is_list_done(call.account, order_list)
    return {
        "orderListId": order_list.list_id,
        "contingencyType": order_list.contingency,
        "listStatusType": "ALL_DONE" if done else "EXEC_STARTED",
        "listOrderStatus": "ALL_DONE" if done else "EXECUTING",
        "listClientOrderId": order_list.client_id,
        "transactionTime": order_list.at_ms,
        "symbol": order_list.symbol,
        "isIsolated": order_list.isolated,
        "orders": [
            {"symbol": order_list.symbol, "orderId": number, "clientOrderId": call.account.orders[number].client_id}
            for number in order_list.order_ids
        ],
    }


def _cancel_report(order: SimOrder) -> dict[str, object]:
    row = cancelled_order_row(order) | {"orderListId": order.list_id, "selfTradePreventionMode": order.prevention}
    del row["isIsolated"]
    return row | {"stopPrice": format_decimal(order.stop_price)} if order.stop_price else row
