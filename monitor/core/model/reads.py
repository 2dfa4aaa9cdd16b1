"""What is read besides balances and prices: what moved, what is open, and on which terms the exchange lends."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from monitor.core.model.account import CollateralTier, Price, Scope
from monitor.core.model.intent import Intent
from monitor.core.model.ledger import LedgerRow, MarginTransfer
from monitor.core.model.lending_terms import Delisting, Restrictions
from monitor.core.model.order import VenueRecord
from monitor.core.model.symbols import OpenOrder, TradingRules


@dataclass(frozen=True, slots=True)
class TradingRulesRead:
    """The rules of every symbol between assets of `assets` (cross), and of the isolated pairs; replaces what was known.

    A symbol between two of `assets` that is not among `markets` does not exist, or not for margin.
    """

    rules: Mapping[str, TradingRules]
    assets: frozenset[str]
    at: datetime


@dataclass(frozen=True, slots=True)
class OwnerRead:
    """The exchange's number of the user whose account it is; and the intents of other names in that account.

    Of these, those that are not final, and those of the last 24 hours: they count against the caps.
    """

    uid: int
    sibling_intents: tuple[Intent, ...] = ()


@dataclass(frozen=True, slots=True)
class GapHistoryRead:
    """The exchange's histories of every scope from `since` to `until`: repayments by scope, and transfers."""

    since: datetime
    until: datetime
    repayments: tuple[tuple[Scope, tuple[VenueRecord, ...]], ...] = ()
    transfers: tuple[MarginTransfer, ...] = ()


@dataclass(frozen=True, slots=True)
class GapReopened:
    """For a time that began at `since` nothing was recorded after all."""

    since: datetime


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """What a stream told of one order: whether it is still open as of `as_of`, its size, and its name."""

    order_id: int
    symbol: str
    is_open: bool
    as_of: datetime
    client_id: str = ""
    quantity: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class OpenOrdersRead:
    """The numbers of all open orders of one scope."""

    scope: Scope
    order_ids: frozenset[int]
    as_of: datetime
    orders: tuple[OpenOrder, ...] = ()
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
    repayments: tuple[VenueRecord, ...] = ()


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
class ListingScheduleRead:
    """What leaves margin trading, and what the exchange restricts; replaces what was known."""

    delistings: tuple[Delisting, ...]
    restrictions: Restrictions
    at: datetime


@dataclass(frozen=True, slots=True)
class CollateralRatiosRead:
    """By asset the share of its value that counts as collateral, in tiers; replaces what was known."""

    tiers: Mapping[str, tuple[CollateralTier, ...]]
    at: datetime


@dataclass(frozen=True, slots=True)
class MinRepayRead:
    """By asset the least that the exchange takes as a repayment of a part; replaces what was known."""

    min_repay: Mapping[str, Decimal]
    at: datetime


@dataclass(frozen=True, slots=True)
class MonitoringTagsRead:
    """The assets that bear the exchange's tag *Monitoring*, which comes weeks before a delisting."""

    tagged_assets: frozenset[str]
    at: datetime


@dataclass(frozen=True, slots=True)
class IndexPriceRead:
    """The margin index price of one symbol, quote per base."""

    symbol: str
    price: Price


AuxiliaryRead = (
    OpenOrdersRead
    | LedgerRead
    | TransfersRead
    | LiquidationLoanRead
    | ListingScheduleRead
    | CollateralRatiosRead
    | MinRepayRead
    | MonitoringTagsRead
    | IndexPriceRead
    | TradingRulesRead
)
