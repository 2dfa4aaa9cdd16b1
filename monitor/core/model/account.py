"""Balances, snapshots, margin thresholds, keys and prices of an account, as the exchange reports them.

Amounts are in the asset, levels are ratios.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Literal, NamedTuple

from monitor.core.numbers.amounts import ZERO

ScopeKind = Literal["cross", "isolated"]


class Scope(NamedTuple):
    """One liquidation unit of an account: its cross margin, or one isolated pair."""

    symbol: str = ""

    @property
    def kind(self) -> ScopeKind:
        return "isolated" if self.symbol else "cross"

    def __str__(self) -> str:
        return self.symbol or "cross"


CROSS = Scope()


@dataclass(frozen=True, slots=True)
class Balance:
    """Balance of one asset in one scope."""

    asset: str
    free: Decimal = ZERO
    locked: Decimal = ZERO
    borrowed: Decimal = ZERO
    interest: Decimal = ZERO

    @property
    def held(self) -> Decimal:
        return self.free + self.locked

    @property
    def owed(self) -> Decimal:
        """The liability: principal and accrued interest."""
        return self.borrowed + self.interest

    @property
    def net(self) -> Decimal:
        return self.held - self.owed

    @property
    def is_zero(self) -> bool:
        return not (self.free or self.locked or self.borrowed or self.interest)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The margin levels at which the exchange acts: those of one account, by scope."""

    initial: Decimal
    margin_call: Decimal
    liquidation: Decimal


@dataclass(frozen=True, slots=True)
class LeverageTier:
    """One leverage tier of an isolated pair, chosen by the amount borrowed (in the asset)."""

    number: int
    initial: Decimal
    liquidation: Decimal
    base_max_borrowable: Decimal
    quote_max_borrowable: Decimal


class PairStatus(IntEnum):
    """The exchange's own status of an isolated pair, in order of severity."""

    EXCESSIVE = 0
    NORMAL = 1
    MARGIN_CALL = 2
    PRE_LIQUIDATION = 3
    FORCE_LIQUIDATION = 4


@dataclass(frozen=True, slots=True)
class CrossSnapshot:
    """The cross account at one point in time. `balances` has the rows that are not all zero, by asset."""

    as_of: datetime
    received_at: datetime
    balances: Mapping[str, Balance]
    margin_level: Decimal
    collateral_margin_level: Decimal
    assets_btc: Decimal
    liabilities_btc: Decimal
    account_type: str = "MARGIN_1"
    borrow_enabled: bool = True
    trade_enabled: bool = True
    transfer_in_enabled: bool = True
    transfer_out_enabled: bool = True
    rejected: frozenset[str] = frozenset()
    """Assets with implausible rows in the answer; their balances are the last known ones."""
    answered_at: datetime | None = None
    """Latest moment at which the snapshot was true, in exchange time as `as_of` is."""


@dataclass(frozen=True, slots=True)
class IsolatedPair:
    """One isolated pair at one point in time. Prices are quote per base; no liquidation price: None."""

    symbol: str
    base: Balance
    quote: Balance
    margin_level: Decimal
    status: PairStatus | None
    index_price: Decimal
    """Zero when the exchange sent none, which is valid only while nothing is owed."""
    liquidation_price: Decimal | None
    created: bool = True
    enabled: bool = True
    trade_enabled: bool = True
    as_of: datetime | None = None
    """Time of the read, when newer answers had no plausible row of the pair; None: the time of the snapshot."""


@dataclass(frozen=True, slots=True)
class IsolatedSnapshot:
    """Isolated pairs at one point in time. `complete`: the snapshot has every pair of the account.

    `rejected` are the pairs with implausible rows in the answer: they are unknown, not gone.
    """

    as_of: datetime
    received_at: datetime
    pairs: Mapping[str, IsolatedPair]
    complete: bool = True
    rejected: frozenset[str] = frozenset()
    answered_at: datetime | None = None
    """Latest moment at which the snapshot was true, as in `CrossSnapshot`."""


def keep_unread_balances(snapshot: CrossSnapshot, previous: CrossSnapshot | None) -> CrossSnapshot:
    """Return the snapshot with the last known balances of the assets in its `rejected`."""
    if not snapshot.rejected or previous is None:
        return snapshot
    kept = {asset: previous.balances[asset] for asset in snapshot.rejected if asset in previous.balances}
    return replace(snapshot, balances={**snapshot.balances, **kept})


def keep_unread_pairs(snapshot: IsolatedSnapshot, previous: IsolatedSnapshot | None) -> IsolatedSnapshot:
    """Return the snapshot with the last known state of its `rejected` pairs, which then age instead of vanishing."""
    if not snapshot.rejected:
        return snapshot
    kept: dict[str, IsolatedPair] = {}
    if previous is not None:
        known = previous.pairs.items()
        kept = {s: replace(pair, as_of=pair.as_of or previous.as_of) for s, pair in known if s in snapshot.rejected}
    return replace(snapshot, pairs={**snapshot.pairs, **kept}, complete=snapshot.rejected <= kept.keys())


def pairs_as_of(snapshot: IsolatedSnapshot | None, symbols: Collection[str] | None) -> datetime | None:
    """Return the time of the oldest data among the pairs, or among those of `symbols` when given.

    None when nothing is known of one of them.
    """
    if snapshot is None:
        return None
    unread = snapshot.rejected if symbols is None else snapshot.rejected & frozenset(symbols)
    if unread - snapshot.pairs.keys():
        return None
    return min((snapshot.pairs[symbol].as_of or snapshot.as_of for symbol in unread), default=snapshot.as_of)


@dataclass(frozen=True, slots=True)
class InterestCharge:
    """One interest charge in the exchange's history. `daily_rate` is a fraction per day."""

    scope: Scope
    asset: str
    raw_asset: str
    principal: Decimal
    interest: Decimal
    daily_rate: Decimal
    kind: str
    tx_id: int
    charged_at: datetime


@dataclass(frozen=True, slots=True)
class LiquidationOrder:
    """One order of a forced liquidation. `quantity` (executed) is in the base asset, `price` is the average one."""

    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    order_id: int
    isolated: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class KeyPermissions:
    """Permissions of the API key."""

    reading: bool
    margin: bool
    trading: bool
    universal_transfer: bool
    withdrawals: bool
    ip_restricted: bool
    portfolio_margin: bool = False
    internal_transfer: bool = False
    futures: bool = False
    options: bool = False
    fix_trading: bool = False
    expires_at: datetime | None = None
    uid: int | None = None
    """The exchange's number of the user who owns the key; None while unknown."""


class Price(NamedTuple):
    """The newest price of a symbol (quote per base) and its time."""

    value: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class WalletBalances:
    """Free amounts of a wallet outside margin (spot or funding), by asset."""

    as_of: datetime
    free: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CollateralTier:
    """A tier of an asset's value: the part above `start` and up to `end` (None: no end) counts with `ratio`."""

    start: Decimal
    end: Decimal | None
    ratio: Decimal


DebtKey = tuple[Scope, str]
"""A scope, and the asset that is owed in it."""


@dataclass(frozen=True, slots=True)
class InterestPaid:
    """Interest charged within 30 days on the debt in one asset of one scope, as of one moment.

    `day_ago_rate` is the daily rate charged 24 hours before, None for a younger debt; `first_rate` is the daily rate of
    its first charge. Sums are by the asset in which interest was charged: BNB may pay for other assets.
    """

    last: InterestCharge
    first_rate: Decimal
    day_ago_rate: Decimal | None
    last_24h: Mapping[str, Decimal]
    last_30d: Mapping[str, Decimal]


ThresholdOrigin = Literal["read", "remembered", "documented"]


@dataclass(frozen=True, slots=True)
class EffectiveThresholds:
    """The thresholds in use for a scope. `note` names what is uncertain about them; it is empty when they were read."""

    thresholds: Thresholds
    origin: ThresholdOrigin = "read"
    note: str = ""

    @property
    def are_assumed(self) -> bool:
        """True if the thresholds are only the documented ones, which may differ from the account's own."""
        return self.origin == "documented"
