"""Orders as they are sent to the exchange, its outcomes, and its own records of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from monitor.core.model.account import Scope
from monitor.core.numbers.amounts import ZERO

RecoveryRoute = Literal["repay", "transfer_in", "transfer_and_repay", "reduce"]

ActionKind = Literal["repay", "transfer_in", "reduce", "cancel_orders"]
ManualCallKind = Literal[
    "borrow", "transfer_out", "transfer", "order", "cancel_orders", "setting", "dust", "small_debts", "liquidation_loan"
]
"""Kinds of changes that a person can order by name and no action makes, except `cancel_orders`."""
WalletName = Literal["spot", "funding"]
TransferSource = WalletName | Literal["cross"]
OrderSide = Literal["BUY", "SELL"]
TransferPurpose = Literal["repay", "collateral"]
"""Purpose of the money that a transfer brings in."""


@dataclass(frozen=True, slots=True)
class Repay:
    """Repay `amount` of `asset` from the free balance of `scope`."""

    scope: Scope
    asset: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Transfer:
    """Transfer `amount` of `asset` from a wallet, or from cross, into `scope` by universal transfer.

    `source` "cross" is the second hop of a two-hop transfer into an isolated pair.
    """

    source: TransferSource
    scope: Scope
    asset: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Reduce:
    """Trade `sell_asset` for the debt in `asset`, by one order with a price bound; the exchange then repays with it.

    `amount` of the debt is the expected proceeds at the price used for sizing; once settled, the actual proceeds.
    `quantity` and the bound `price` are those of the order on `symbol`: a sale gets at least that price, a purchase
    pays at most that. `client_id` is the order's client id at the exchange.
    """

    scope: Scope
    asset: str
    amount: Decimal
    symbol: str
    side: OrderSide
    quantity: Decimal
    price: Decimal
    sell_asset: str
    client_id: str = ""

    @property
    def min_proceeds(self) -> Decimal:
        """Proceeds when the order is filled at the bound, before any fee."""
        return self.quantity * self.price if self.side == "SELL" else self.quantity


@dataclass(frozen=True, slots=True)
class CancelOrders:
    """Cancel every open order on `symbol` of the scope, so that the amount of `unlocks` that they lock is free."""

    scope: Scope
    symbol: str
    unlocks: str

    @property
    def asset(self) -> str:
        """The symbol, in place of the asset that other orders have."""
        return self.symbol

    @property
    def amount(self) -> Decimal:
        return ZERO


@dataclass(frozen=True, slots=True)
class ManualCall:
    """Any other change that a person ordered by the name of the exchange's `function`.

    `asset` is the subject of the call: a symbol for orders, empty for settings; `amount` is zero when the call has
    none. Only the person who ordered the call sends it, and no history is searched for its traces: its outcome is the
    exchange's answer, or the word of a person.
    """

    function: str
    scope: Scope
    asset: str
    amount: Decimal


Order = Repay | Transfer | Reduce | CancelOrders
"""Orders that the program sends by itself, and whose traces it can find."""


@dataclass(frozen=True, slots=True)
class RequestLog:
    """A request and its answer, as text without secrets, for the record."""

    request: str
    answer: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The exchange accepted the request. This is no proof yet that money moved."""

    ref: str
    trace: RequestLog | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """The exchange refused the request and nothing happened. `transient`: the same order may be accepted later."""

    code: int
    reason: str
    transient: bool = False
    trace: RequestLog | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Unknown:
    """The outcome is not known. The order is never retried; its traces are searched for."""

    cause: str
    trace: RequestLog | None = field(default=None, compare=False)


Outcome = Accepted | Refused | Unknown


@dataclass(frozen=True, slots=True)
class Withheld:
    """No request was made: the final check found a reason against it. `by_limit`: the reason is a limit."""

    reason: str
    by_limit: bool = False


MAX_LEASE_PROOF_AGE = timedelta(seconds=4)
"""How long a daemon sends orders after the last proof that it holds the lease; the exchange gets each one within as
much time again, or refuses it. After twice this time another daemon may send."""


PreSendCheck = Callable[[], Withheld | None]
"""Check right before an order is sent: the reason against sending, None when there is none."""


@dataclass(frozen=True, slots=True)
class ExchangeRecord:
    """A row of the exchange's own history that may be the trace of an order."""

    ref: str
    asset: str
    amount: Decimal
    status: Literal["PENDING", "CONFIRMED", "FAILED"]
    at: datetime
    is_automatic: bool = False
    spent: Decimal | None = None
    """Amount that an order on the market gave for `amount`."""


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """The time window in which records are searched."""

    since: datetime
    until: datetime
