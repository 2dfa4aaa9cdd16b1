"""What is read besides balances and prices: what moved, what is open, and on which terms the exchange lends."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from monitor.core.model.account import CollateralTier, Price, Scope
from monitor.core.model.intent import Intent
from monitor.core.model.ledger import LedgerRow, MarginTransfer
from monitor.core.model.lending_terms import Delisting, Restricted
from monitor.core.model.order import Record
from monitor.core.model.symbols import Market, Resting


@dataclass(frozen=True, slots=True)
class MarketsRead:
    """The rules of every symbol between assets of `assets` (cross), and of the isolated pairs; replaces what was known.

    A symbol between two of `assets` that is not among `markets` does not exist, or not for margin.
    """

    markets: Mapping[str, Market]
    assets: frozenset[str]
    at: datetime


@dataclass(frozen=True, slots=True)
class OwnerRead:
    """The exchange's number of the user whose account it is; and the intents of other names in that account.

    Of these, those that are not final, and those of the last 24 hours: they count against the caps.
    """

    uid: int
    elsewhere: tuple[Intent, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordRead:
    """The exchange's histories of every scope from `since` to `until`: repayments by scope, and transfers."""

    since: datetime
    until: datetime
    repayments: tuple[tuple[Scope, tuple[Record, ...]], ...] = ()
    transfers: tuple[MarginTransfer, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordReopened:
    """For a time that began at `since` nothing was recorded after all."""

    since: datetime


@dataclass(frozen=True, slots=True)
class OrderTold:
    """What a stream told of one order: whether it is still open as of `as_of`, its size, and its name."""

    number: int
    symbol: str
    is_open: bool
    as_of: datetime
    client_id: str = ""
    quantity: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class OrdersRead:
    """The numbers of all open orders of one scope."""

    scope: Scope
    numbers: frozenset[int]
    as_of: datetime
    orders: tuple[Resting, ...] = ()
    """The same, with what they lock."""


@dataclass(frozen=True, slots=True)
class LedgerRead:
    """The margin ledger of one scope from `since` to `until`, known rows among them, oldest first.

    `repayments` is the history of repayments in that time, where only it tells whose doing a row was.
    """

    scope: Scope
    since: datetime
    until: datetime
    rows: tuple[LedgerRow, ...]
    repayments: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class TransfersRead:
    """Transfers into and out of one scope, known ones among them, oldest first."""

    scope: Scope
    transfers: tuple[MarginTransfer, ...]


@dataclass(frozen=True, slots=True)
class LiquidationLoanRead:
    """What is still owed after a bankrupt liquidation, in `asset`; zero: nothing."""

    asset: str
    remaining: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class SchedulesRead:
    """What leaves margin trading, and what the exchange restricts; replaces what was known."""

    delistings: tuple[Delisting, ...]
    restricted: Restricted
    at: datetime


@dataclass(frozen=True, slots=True)
class CollateralRead:
    """By asset the share of its value that counts as collateral, in tiers; replaces what was known."""

    tiers: Mapping[str, tuple[CollateralTier, ...]]
    at: datetime


@dataclass(frozen=True, slots=True)
class MinimaRead:
    """By asset the least that the exchange takes as a repayment of a part; replaces what was known."""

    min_repay: Mapping[str, Decimal]
    at: datetime


@dataclass(frozen=True, slots=True)
class TagsRead:
    """The assets that bear the exchange's tag *Monitoring*, which comes weeks before a delisting."""

    monitored: frozenset[str]
    at: datetime


@dataclass(frozen=True, slots=True)
class IndexRead:
    """The margin index price of one symbol, quote per base."""

    symbol: str
    price: Price


Surrounding = (
    OrdersRead
    | LedgerRead
    | TransfersRead
    | LiquidationLoanRead
    | SchedulesRead
    | CollateralRead
    | MinimaRead
    | TagsRead
    | IndexRead
    | MarketsRead
)
