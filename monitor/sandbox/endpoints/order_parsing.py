"""What the endpoints of orders and of order lists share: reading tickets, showing what was cancelled."""

import hashlib
from decimal import Decimal

from monitor.sandbox.amounts import ZERO, text
from monitor.sandbox.api.errors import missing
from monitor.sandbox.api.weights import Weight
from monitor.sandbox.endpoints.registry import Call
from monitor.sandbox.ledger.accounts import Margin, Order, OrderList
from monitor.sandbox.trading.order_events import is_done
from monitor.sandbox.trading.orders import Side
from monitor.sandbox.trading.stop_triggers import STOPS


def order_weight(call: Call) -> Weight:
    """What placing costs: far more when it may borrow."""
    borrows = call.params.values.get("sideEffectType") in ("MARGIN_BUY", "AUTO_BORROW_REPAY")
    return Weight(1500 if borrows else 6, "UID")


def margin_of(call: Call, symbol: str) -> Margin:
    """Cross, or the isolated account of `symbol` when `isIsolated` says so."""
    return call.isolated(symbol) if call.params.flag("isIsolated") else call.cross()


def side_of(call: Call, name: str) -> Side:
    """BUY or SELL."""
    return "BUY" if call.params.choice(name, "BUY", "SELL") == "BUY" else "SELL"


def time_in_force(call: Call, name: str, kind: str) -> str:
    """How long an order holds; limits must say so."""
    needs = kind in ("LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")
    return call.params.choice(name, "GTC", "IOC", "FOK", default=None if needs else "GTC")


def side_effect(call: Call, *, repays: bool = True) -> str:
    """What an order does beside trading. Without `repays` the repaying ones are refused."""
    effects = ["NO_SIDE_EFFECT", "MARGIN_BUY"]
    if repays:
        effects.append("AUTO_REPAY")
    if call.venue.scenario.readings.auto_borrow_repay:
        effects.append("AUTO_BORROW_REPAY")
    return call.params.choice("sideEffectType", *effects, default="NO_SIDE_EFFECT")


def prevention(call: Call) -> str:
    """What becomes of an order that would trade with another one of the same user."""
    modes = ("EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "NONE")
    return call.params.choice("selfTradePreventionMode", *modes, default="EXPIRE_MAKER")


def stop_price(call: Call, name: str, kind: str, trailing_bips: int) -> Decimal:
    """The stop price of a stop, 0 for other kinds and where trailing does without."""
    if kind not in STOPS:
        return ZERO
    price = call.params.decimal(name)
    if price is None and not trailing_bips:
        raise missing(name)
    return price or ZERO


def made_up_id(call: Call, what: str) -> str:
    """A client id for an order whose sender gave none."""
    number = len(call.account.orders)
    return hashlib.sha256(f"{call.account.name} {what} {number}".encode()).hexdigest()[:22]


def cancelled(order: Order) -> dict[str, object]:
    """A cancelled order as the answers show it."""
    return {
        "symbol": order.symbol,
        "isIsolated": order.isolated,
        "origClientOrderId": order.client_id,
        "orderId": order.order_id,
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


def cancelled_list(call: Call, one: OrderList) -> dict[str, object]:
    """A cancelled order list as the answers show it."""
    return list_row(call, one) | {
        "orderReports": [_cancel_report(call.account.orders[number]) for number in one.order_ids]
    }


def list_row(call: Call, one: OrderList) -> dict[str, object]:
    """An order list as the queries show it."""
    done = is_done(call.account, one)
    return {
        "orderListId": one.list_id,
        "contingencyType": one.contingency,
        "listStatusType": "ALL_DONE" if done else "EXEC_STARTED",
        "listOrderStatus": "ALL_DONE" if done else "EXECUTING",
        "listClientOrderId": one.client_id,
        "transactionTime": one.at_ms,
        "symbol": one.symbol,
        "isIsolated": one.isolated,
        "orders": [
            {"symbol": one.symbol, "orderId": number, "clientOrderId": call.account.orders[number].client_id}
            for number in one.order_ids
        ],
    }


def _cancel_report(order: Order) -> dict[str, object]:
    row = cancelled(order) | {"orderListId": order.list_id, "selfTradePreventionMode": order.prevention}
    del row["isIsolated"]
    return row | {"stopPrice": text(order.stop_price)} if order.stop_price else row
