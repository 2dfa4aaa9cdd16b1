"""Orders, trades and lists of orders."""

from decimal import Decimal

from monitor.exchange.binance.wire.field_types import Amount, Moment, Number, Typed, finite


class Fill(Typed, frozen=True):
    """One execution of an order just placed."""

    price: Amount
    qty: Amount
    commission: Amount
    commission_asset: str
    trade_id: int | None = None


class NewOrder(Typed, frozen=True, kw_only=True):
    """The answer to an order: ACK has the first fields, RESULT most, FULL the fills too.

    `margin_buy_borrow_amount` comes as a number here and as a text in lists of orders.
    """

    symbol: str
    order_id: int
    client_order_id: str
    transact_time: Moment
    is_isolated: bool = False
    price: Amount | None = None
    orig_qty: Amount | None = None
    executed_qty: Amount | None = None
    cummulative_quote_qty: Amount | None = None
    status: str | None = None
    time_in_force: str | None = None
    type: str | None = None
    side: str | None = None
    self_trade_prevention_mode: str | None = None
    margin_buy_borrow_amount: Decimal | None = None
    margin_buy_borrow_asset: str | None = None
    fills: tuple[Fill, ...] = ()

    def __post_init__(self) -> None:
        finite(self.margin_buy_borrow_amount)


class OrderName(Typed, frozen=True):
    """An order that belongs to a list."""

    symbol: str
    order_id: int
    client_order_id: str


class CancelledOrder(Typed, frozen=True, kw_only=True):
    """A cancelled order. Its number comes as a text."""

    symbol: str
    order_id: Number
    client_order_id: str
    status: str
    orig_qty: Amount
    executed_qty: Amount
    price: Amount | None = None
    cummulative_quote_qty: Amount | None = None
    orig_client_order_id: str | None = None
    time_in_force: str | None = None
    type: str | None = None
    side: str | None = None
    is_isolated: bool = False


class Cancelled(Typed, frozen=True, kw_only=True):
    """An order, or a list of orders, that went when all open ones were cancelled."""

    symbol: str
    is_isolated: bool = False
    order_list_id: int = -1
    order_id: Number | None = None
    client_order_id: str | None = None
    orig_client_order_id: str | None = None
    status: str | None = None
    side: str | None = None
    type: str | None = None
    price: Amount | None = None
    orig_qty: Amount | None = None
    executed_qty: Amount | None = None
    cummulative_quote_qty: Amount | None = None
    contingency_type: str | None = None
    list_order_status: str | None = None
    orders: tuple[OrderName, ...] = ()


class Order(Typed, frozen=True, kw_only=True):
    """An order as it stands. A negative `cummulative_quote_qty` means that it is not known any more."""

    symbol: str
    order_id: int
    client_order_id: str
    side: str
    type: str
    status: str
    price: Amount
    orig_qty: Amount
    executed_qty: Amount
    cummulative_quote_qty: Amount
    time: Moment
    update_time: Moment | None = None
    stop_price: Amount | None = None
    iceberg_qty: Amount | None = None
    time_in_force: str | None = None
    is_working: bool = True
    is_isolated: bool = False
    self_trade_prevention_mode: str | None = None


class OrderList(Typed, frozen=True, kw_only=True):
    """Orders that depend on one another."""

    order_list_id: int
    contingency_type: str
    list_order_status: str
    symbol: str
    orders: tuple[OrderName, ...]
    transaction_time: Moment
    list_status_type: str | None = None
    list_client_order_id: str | None = None
    is_isolated: bool = False
    margin_buy_borrow_amount: Decimal | None = None
    margin_buy_borrow_asset: str | None = None

    def __post_init__(self) -> None:
        finite(self.margin_buy_borrow_amount)


class Trade(Typed, frozen=True, kw_only=True):
    """One execution. What it cost in the quote asset is `price * qty`."""

    id: int
    order_id: int
    symbol: str
    price: Amount
    qty: Amount
    commission: Amount
    commission_asset: str
    time: Moment
    is_buyer: bool
    is_maker: bool
    is_best_match: bool = True
    is_isolated: bool = False


class OrderCount(Typed, frozen=True, kw_only=True):
    """How many orders of an interval were used."""

    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int
    count: int = 0


class PreventedMatch(Typed, frozen=True, kw_only=True):
    """A match with an order of one's own that the venue prevented."""

    symbol: str
    prevented_match_id: int
    taker_order_id: int
    maker_symbol: str
    maker_order_id: int
    trade_group_id: int
    self_trade_prevention_mode: str
    price: Amount
    transact_time: Moment
    maker_prevented_quantity: Amount | None = None
