"""Orders, trades and lists of orders."""

from decimal import Decimal

from monitor.exchange.binance.wire.field_types import DecimalText, FlexibleInt, Payload, Timestamp, require_finite

OPEN_STATUSES = frozenset({"NEW", "PENDING_NEW", "PARTIALLY_FILLED", "PENDING_CANCEL"})
CLOSED_STATUSES = frozenset({"FILLED", "CANCELED", "REJECTED", "EXPIRED", "EXPIRED_IN_MATCH"})
"""Statuses of orders that can't be filled any more."""


class FillRow(Payload, frozen=True):
    """One execution of an order just placed."""

    price: DecimalText
    qty: DecimalText
    commission: DecimalText
    commission_asset: str
    trade_id: int | None = None


class NewOrderPayload(Payload, frozen=True, kw_only=True):
    """The answer to an order: ACK has the first fields, RESULT most, FULL the fills too.

    `margin_buy_borrow_amount` comes as a number here and as a text in lists of orders.
    """

    symbol: str
    order_id: int
    client_order_id: str
    transact_time: Timestamp
    is_isolated: bool = False
    price: DecimalText | None = None
    orig_qty: DecimalText | None = None
    executed_qty: DecimalText | None = None
    cummulative_quote_qty: DecimalText | None = None
    status: str | None = None
    time_in_force: str | None = None
    type: str | None = None
    side: str | None = None
    self_trade_prevention_mode: str | None = None
    margin_buy_borrow_amount: Decimal | None = None
    margin_buy_borrow_asset: str | None = None
    fills: tuple[FillRow, ...] = ()

    def __post_init__(self) -> None:
        require_finite(self.margin_buy_borrow_amount)


class OrderNameRow(Payload, frozen=True):
    """An order that belongs to a list."""

    symbol: str
    order_id: int
    client_order_id: str


class CancelledOrderPayload(Payload, frozen=True, kw_only=True):
    """A cancelled order. Its number comes as a text."""

    symbol: str
    order_id: FlexibleInt
    client_order_id: str
    status: str
    orig_qty: DecimalText
    executed_qty: DecimalText
    price: DecimalText | None = None
    cummulative_quote_qty: DecimalText | None = None
    orig_client_order_id: str | None = None
    time_in_force: str | None = None
    type: str | None = None
    side: str | None = None
    is_isolated: bool = False


class CancelledRow(Payload, frozen=True, kw_only=True):
    """An order, or a list of orders, that was cancelled with all open ones."""

    symbol: str
    is_isolated: bool = False
    order_list_id: int = -1
    order_id: FlexibleInt | None = None
    client_order_id: str | None = None
    orig_client_order_id: str | None = None
    status: str | None = None
    side: str | None = None
    type: str | None = None
    price: DecimalText | None = None
    orig_qty: DecimalText | None = None
    executed_qty: DecimalText | None = None
    cummulative_quote_qty: DecimalText | None = None
    contingency_type: str | None = None
    list_order_status: str | None = None
    orders: tuple[OrderNameRow, ...] = ()


class OrderStateRow(Payload, frozen=True, kw_only=True):
    """The state of an order. A negative `cummulative_quote_qty` means that it is not known any more."""

    symbol: str
    order_id: int
    client_order_id: str | None = None
    side: str
    status: str
    orig_qty: DecimalText
    executed_qty: DecimalText
    cummulative_quote_qty: DecimalText
    time: Timestamp
    is_isolated: bool = False


class OrderRow(OrderStateRow, frozen=True, kw_only=True):
    """An order in its present state, and all that was ordered."""

    client_order_id: str
    type: str
    price: DecimalText
    update_time: Timestamp | None = None
    stop_price: DecimalText | None = None
    iceberg_qty: DecimalText | None = None
    time_in_force: str | None = None
    is_working: bool = True
    self_trade_prevention_mode: str | None = None


class OrderListRow(Payload, frozen=True, kw_only=True):
    """Orders that depend on one another."""

    order_list_id: int
    contingency_type: str
    list_order_status: str
    symbol: str
    orders: tuple[OrderNameRow, ...]
    transaction_time: Timestamp
    list_status_type: str | None = None
    list_client_order_id: str | None = None
    is_isolated: bool = False
    margin_buy_borrow_amount: Decimal | None = None
    margin_buy_borrow_asset: str | None = None

    def __post_init__(self) -> None:
        require_finite(self.margin_buy_borrow_amount)


class TradeRow(Payload, frozen=True, kw_only=True):
    """One execution. Its cost in the quote asset is `price * qty`."""

    id: int
    order_id: int
    symbol: str
    price: DecimalText
    qty: DecimalText
    commission: DecimalText
    commission_asset: str
    time: Timestamp
    is_buyer: bool
    is_maker: bool
    is_best_match: bool = True
    is_isolated: bool = False


class OrderCountRow(Payload, frozen=True, kw_only=True):
    """Number of orders used in an interval, and its limit."""

    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int
    count: int = 0


class PreventedMatchRow(Payload, frozen=True, kw_only=True):
    """A match of two own orders that the exchange prevented."""

    symbol: str
    prevented_match_id: int
    taker_order_id: int
    maker_symbol: str
    maker_order_id: int
    trade_group_id: int
    self_trade_prevention_mode: str
    price: DecimalText
    transact_time: Timestamp
    maker_prevented_quantity: DecimalText | None = None
