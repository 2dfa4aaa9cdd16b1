"""Orders as they are sent to the exchange, its outcomes, and its own records of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from monitor.core.model.account import Scope
from monitor.core.numbers.amounts import ZERO

ActionKind = Literal["repay", "transfer_in", "reduce", "cancel_orders"]
ManualCallKind = Literal[
    "borrow", "transfer_out", "transfer", "order", "cancel_orders", "setting", "dust", "small_debts", "liquidation_loan"
]
"""What a person can order by name and no action does, `cancel_orders` apart."""
WalletName = Literal["spot", "funding"]
OrderSide = Literal["BUY", "SELL"]
TransferPurpose = Literal["repay", "collateral"]
"""What money is brought in for."""


@dataclass(frozen=True, slots=True)
class Repay:
    """Repay `amount` of `asset` from the free balance of `scope`."""

    scope: Scope
    asset: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Transfer:
    """Bring `amount` of `asset` from a wallet, or from cross, into `scope` by universal transfer.

    `source` "cross" is the second hop of the two-hop way into an isolated pair.
    """

    source: WalletName | Literal["cross"]
    scope: Scope
    asset: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Reduce:
    """Trade `sells` for what is owed of `asset`, by one order with a price bound; the exchange then repays with it.

    `amount` of the debt is what the order may bring at the price it was sized by; once settled, what it brought.
    `quantity` and the bound `price` are those of the order on `symbol`: whoever sells gets at least that price,
    whoever buys pays at most that. `client_id` is the name that the order bears at the exchange.
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
        """What it brings when it is filled at the bound, before any fee."""
        return self.quantity * self.price if self.side == "SELL" else self.quantity


@dataclass(frozen=True, slots=True)
class CancelOrders:
    """Cancel every open order on `symbol` of the scope, so that what they lock of `frees` is free."""

    scope: Scope
    symbol: str
    unlocks: str

    @property
    def asset(self) -> str:
        """What it is about, as of all orders that are no amount of anything: the symbol."""
        return self.symbol

    @property
    def amount(self) -> Decimal:
        return ZERO


@dataclass(frozen=True, slots=True)
class ManualCall:
    """Any other change that a person ordered by the name of the exchange's `function`.

    `asset` is what it is about: a symbol for orders, nothing for settings; `amount` is zero where it has none. Only
    who ordered it sends it, and nothing here can look for its traces: what became of it is what the exchange answered,
    or what a person says.
    """

    function: str
    scope: Scope
    asset: str
    amount: Decimal


Order = Repay | Transfer | Reduce | CancelOrders
"""What the program sends by itself, and whose traces it can find."""


@dataclass(frozen=True, slots=True)
class RequestLog:
    """What was asked and what came back, as text without secrets, for the record."""

    request: str
    answer: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The venue took the request. Not yet proof that money moved."""

    ref: str
    trace: RequestLog | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue said no and nothing happened. `transient`: the same wish may be granted later."""

    code: int
    reason: str
    transient: bool = False
    trace: RequestLog | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Unknown:
    """Whether it happened is not known. Never retried, only looked into."""

    cause: str
    trace: RequestLog | None = field(default=None, compare=False)


Outcome = Accepted | Refused | Unknown


@dataclass(frozen=True, slots=True)
class Withheld:
    """No request was made: the last look before it found a reason against it. `by_limit`: a limit's."""

    reason: str
    by_limit: bool = False


PreSendCheck = Callable[[], Withheld | None]
"""Asked right before an order leaves: the reason against it, None where there is none."""


@dataclass(frozen=True, slots=True)
class VenueRecord:
    """A row of the venue's own history that may be the trace of an order."""

    ref: str
    asset: str
    amount: Decimal
    status: Literal["PENDING", "CONFIRMED", "FAILED"]
    at: datetime
    is_automatic: bool = False
    spent: Decimal | None = None
    """What an order on the market gave for `amount`."""


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """The time in which to look for records."""

    since: datetime
    until: datetime
