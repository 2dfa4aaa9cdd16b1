"""Reads besides balances and prices: account activity, reference data, gap histories, the key's user."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from monitor.core.model.account import CollateralTier, Price, Scope
from monitor.core.model.intent import Intent
from monitor.core.model.ledger import LedgerRow, MarginTransfer
from monitor.core.model.lending_terms import Delisting, Restrictions
from monitor.core.model.order import ExchangeRecord
from monitor.core.model.symbols import OpenOrder, TradingRules


@dataclass(frozen=True, slots=True)
class TradingRulesRead:
    """Trading rules of every symbol between assets of `assets` (cross), and of the isolated pairs.

    Replaces the earlier rules. A symbol between two of `assets` that is missing in `rules` does not exist, or not for
    margin.
    """

    rules: Mapping[str, TradingRules]
    assets: frozenset[str]
    at: datetime


@dataclass(frozen=True, slots=True)
class OwnerRead:
    """The exchange's number of the account's user, and intents of other account names of that user.

    These are the intents that are not final, and those of the last 24 hours: they count against the limits.
    """

    uid: int
    sibling_intents: tuple[Intent, ...] = ()


@dataclass(frozen=True, slots=True)
class GapHistoryRead:
    """The exchange's histories of every scope from `since` to `until`: repayments by scope, and transfers.

    They may begin earlier, with what explains the orders of right before.
    """

    since: datetime
    until: datetime
    repayments: tuple[tuple[Scope, tuple[ExchangeRecord, ...]], ...] = ()
    transfers: tuple[MarginTransfer, ...] = ()


@dataclass(frozen=True, slots=True)
class GapReopened:
    """The time from `since` on is not recorded after all: the record has a gap there."""

    since: datetime


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """An order update from a stream: whether the order is open as of `as_of`, its size, and its client id."""

    order_id: int
    symbol: str
    is_open: bool
    as_of: datetime
    client_id: str = ""
    quantity: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class OpenOrdersRead:
    """Ids of all open orders of one scope."""

    scope: Scope
    order_ids: frozenset[int]
    as_of: datetime
    orders: tuple[OpenOrder, ...] = ()
    """The same orders with symbol and side, which determine what they lock."""


@dataclass(frozen=True, slots=True)
class LedgerRead:
    """Margin ledger of one scope from `since` to `until`, known rows included, oldest first.

    `repayments` is the history of repayments in that time; it is read when only that history shows who made a row.
    """

    scope: Scope
    since: datetime
    until: datetime
    rows: tuple[LedgerRow, ...]
    repayments: tuple[ExchangeRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class TransfersRead:
    """Transfers into and out of one scope, known ones included, oldest first."""

    scope: Scope
    transfers: tuple[MarginTransfer, ...]


@dataclass(frozen=True, slots=True)
class LiquidationLoanRead:
    """Remaining debt after a bankrupt liquidation, in `asset`; zero: none."""

    asset: str
    remaining: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class ListingScheduleRead:
    """Planned delistings from margin trading, and restrictions of the exchange; replaces the earlier ones."""

    delistings: tuple[Delisting, ...]
    restrictions: Restrictions
    at: datetime


@dataclass(frozen=True, slots=True)
class CollateralRatiosRead:
    """Collateral ratios in tiers: the share of an asset's value that counts, by asset; replaces the earlier ones."""

    tiers: Mapping[str, tuple[CollateralTier, ...]]
    at: datetime


@dataclass(frozen=True, slots=True)
class MinRepayRead:
    """Minimum that the exchange accepts as a partial repayment, by asset; replaces the earlier ones."""

    min_repay: Mapping[str, Decimal]
    at: datetime


@dataclass(frozen=True, slots=True)
class MonitoringTagsRead:
    """Assets with the exchange's tag *Monitoring*, which comes weeks before a delisting."""

    tagged_assets: frozenset[str]
    at: datetime


@dataclass(frozen=True, slots=True)
class IndexPriceRead:
    """Margin index price of one symbol, quote per base."""

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
