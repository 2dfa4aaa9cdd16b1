"""Orders of margin accounts, their trades and cancellations."""

from datetime import datetime, timedelta
from decimal import Decimal

from monitor.exchange.binance.api.endpoint_function import HistoryPaging, declaration_only, read, write
from monitor.exchange.binance.signing import Parameters
from monitor.exchange.binance.wire.orders import (
    CancelledOrderPayload,
    CancelledRow,
    NewOrderPayload,
    OrderCountRow,
    OrderListRow,
    OrderRow,
    PreventedMatchRow,
    TradeRow,
)

_ORDER = "/sapi/v1/margin/order"
BORROWING_SIDE_EFFECTS = frozenset({"MARGIN_BUY", "AUTO_BORROW_REPAY"})
"""Side effects whose orders weigh 1500 instead of 6."""

# A window must be shorter than 24 hours, not as long.
_MAX_WINDOW = timedelta(hours=24) - timedelta(milliseconds=1)


ALL_SYMBOLS_WEIGHT = 2000
"""Weight of open orders without a symbol: as much as there are symbols, if the documents are right."""


def _open_orders_weight(params: Parameters) -> int:
    return 10 if params.get("symbol") else ALL_SYMBOLS_WEIGHT


def _order_weight(params: Parameters) -> int:
    return 1500 if params.get("sideEffectType") in BORROWING_SIDE_EFFECTS else 6


@write("order", "POST", _ORDER, weight=1500, weight_of=_order_weight)
def create_margin_order(
    *,
    symbol: str,
    side: str,
    type: str,
    is_isolated: bool | None = None,
    quantity: Decimal | None = None,
    quote_order_qty: Decimal | None = None,
    price: Decimal | None = None,
    stop_price: Decimal | None = None,
    trailing_delta: int | None = None,
    iceberg_qty: Decimal | None = None,
    time_in_force: str | None = None,
    new_client_order_id: str | None = None,
    new_order_resp_type: str | None = None,
    side_effect_type: str | None = None,
    auto_repay_at_cancel: str | None = None,
    self_trade_prevention_mode: str | None = None,
) -> NewOrderPayload:
    """Places an order. Without `sideEffectType` it neither borrows nor repays."""
    declaration_only()


@write("cancel_orders", "DELETE", _ORDER, weight=10, counted="ip")
def cancel_margin_order(
    *,
    symbol: str,
    is_isolated: bool | None = None,
    order_id: int | None = None,
    orig_client_order_id: str | None = None,
    new_client_order_id: str | None = None,
) -> CancelledOrderPayload:
    """Cancels one order, named by `orderId` or `origClientOrderId`."""
    declaration_only()


@write("cancel_orders", "DELETE", "/sapi/v1/margin/openOrders", counted="ip")
def cancel_all_open_margin_orders(*, symbol: str, is_isolated: bool | None = None) -> list[CancelledRow]:
    """Cancels all open orders of a symbol, lists of orders among them."""
    declaration_only()


@read("GET", _ORDER, weight=10)
def get_margin_order(
    *,
    symbol: str,
    is_isolated: bool | None = None,
    order_id: int | None = None,
    orig_client_order_id: str | None = None,
) -> OrderRow:
    """One order, named by `orderId` or `origClientOrderId`."""
    declaration_only()


@read("GET", "/sapi/v1/margin/openOrders", weight=ALL_SYMBOLS_WEIGHT, weight_of=_open_orders_weight)
def get_open_margin_orders(*, symbol: str | None = None, is_isolated: bool | None = None) -> list[OrderRow]:
    """Open orders. Isolated ones only with their symbol; without one it costs as much as there are symbols."""
    declaration_only()


@read(
    "GET",
    "/sapi/v1/margin/allOrders",
    weight=200,
    history=HistoryPaging("from", _MAX_WINDOW, ("order_id",), "time", page_size=500, cursor_param="orderId"),
)
def get_all_margin_orders(
    *,
    symbol: str,
    is_isolated: bool | None = None,
    order_id: int | None = None,
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    limit: int | None = None,
) -> list[OrderRow]:
    """Orders of a symbol: from `orderId` on, or of less than 24 hours; at most 60 calls a minute."""
    declaration_only()


@read(
    "GET",
    "/sapi/v1/margin/myTrades",
    weight=10,
    history=HistoryPaging("from", _MAX_WINDOW, ("id",), "time", page_size=1000, cursor_param="fromId"),
)
def get_margin_trades(
    *,
    symbol: str,
    is_isolated: bool | None = None,
    order_id: int | None = None,
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    from_id: int | None = None,
    limit: int | None = None,
) -> list[TradeRow]:
    """Trades of a symbol: from `fromId` on, itself included, or of less than 24 hours."""
    declaration_only()


@read("GET", "/sapi/v1/margin/rateLimit/order", weight=20)
def get_margin_order_rate_limit(*, is_isolated: bool | None = None, symbol: str | None = None) -> list[OrderCountRow]:
    """How many orders were used of what is allowed."""
    declaration_only()


@read("GET", "/sapi/v1/margin/openOrderList", weight=10)
def get_open_margin_oco_orders(*, is_isolated: bool | None = None, symbol: str | None = None) -> list[OrderListRow]:
    """Open lists of orders; a symbol for isolated ones, none for cross."""
    declaration_only()


@read("GET", "/sapi/v1/margin/myPreventedMatches", weight=10)
def get_margin_prevented_matches(
    *,
    symbol: str,
    is_isolated: bool | None = None,
    prevented_match_id: int | None = None,
    order_id: int | None = None,
    from_prevented_match_id: int | None = None,
) -> list[PreventedMatchRow]:
    """Matches with an order of one's own that were prevented: one by `preventedMatchId`, or those of `orderId`."""
    declaration_only()
