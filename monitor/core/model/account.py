"""What an account holds and owes, as the venue last told it. Amounts are in the asset, levels are ratios."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Literal, NamedTuple

from monitor.core.numbers.amounts import ZERO

ScopeKind = Literal["cross", "isolated"]


@dataclass(frozen=True, slots=True, order=True)
class Scope:
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
    """One asset of one scope."""

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
    """The levels at which the venue acts; the account's own, by scope."""

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
    """The venue's own word for an isolated pair, in order of severity."""

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
    """Assets of which the answer told nothing that can be believed; balances of them are those known before."""
    answered_at: datetime | None = None
    """When at the latest it was true, by the exchange's time as `as_of` is."""


@dataclass(frozen=True, slots=True)
class IsolatedPair:
    """One isolated pair at one point in time. Prices are quote per base; no liquidation price: None."""

    symbol: str
    base: Balance
    quote: Balance
    margin_level: Decimal
    status: PairStatus | None
    index_price: Decimal
    """Zero where the exchange told none, which it may only where nothing is owed."""
    liquidation_price: Decimal | None
    created: bool = True
    enabled: bool = True
    trade_enabled: bool = True
    as_of: datetime | None = None
    """When it was read, where newer answers told nothing of it that can be believed; None: with the snapshot."""


@dataclass(frozen=True, slots=True)
class IsolatedSnapshot:
    """Isolated pairs at one point in time. `complete`: every pair of the account is in it.

    `rejected` are the pairs of which the answer told nothing that can be believed: unknown, not gone.
    """

    as_of: datetime
    received_at: datetime
    pairs: Mapping[str, IsolatedPair]
    complete: bool = True
    rejected: frozenset[str] = frozenset()
    answered_at: datetime | None = None
    """As of `CrossSnapshot`."""


def keep_unread_balances(snapshot: CrossSnapshot, previous: CrossSnapshot | None) -> CrossSnapshot:
    """The snapshot with the balances known before of the assets that it tells nothing of."""
    if not snapshot.rejected or previous is None:
        return snapshot
    kept = {asset: previous.balances[asset] for asset in snapshot.rejected if asset in previous.balances}
    return replace(snapshot, balances={**snapshot.balances, **kept})


def keep_unread_pairs(snapshot: IsolatedSnapshot, previous: IsolatedSnapshot | None) -> IsolatedSnapshot:
    """The snapshot with what was known of the pairs that it tells nothing of: they grow old instead of vanishing."""
    if not snapshot.rejected:
        return snapshot
    kept: dict[str, IsolatedPair] = {}
    if previous is not None:
        known = previous.pairs.items()
        kept = {s: replace(pair, as_of=pair.as_of or previous.as_of) for s, pair in known if s in snapshot.rejected}
    return replace(snapshot, pairs={**snapshot.pairs, **kept}, complete=snapshot.rejected <= kept.keys())


def pairs_as_of(snapshot: IsolatedSnapshot | None, symbols: Collection[str] | None) -> datetime | None:
    """As of when the pairs are known, those of `symbols` where given: the oldest counts. None: of one nothing is."""
    if snapshot is None:
        return None
    unread = snapshot.rejected if symbols is None else snapshot.rejected & frozenset(symbols)
    if unread - snapshot.pairs.keys():
        return None
    return min((snapshot.pairs[symbol].as_of or snapshot.as_of for symbol in unread), default=snapshot.as_of)


@dataclass(frozen=True, slots=True)
class InterestCharge:
    """One interest charge as the venue's history lists it. `daily_rate` is a fraction per day."""

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
    """One order of a forced liquidation. `quantity` (executed) in the base asset, `price` the average one."""

    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    order_id: int
    isolated: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class KeyPermissions:
    """What the API key may do."""

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
    """The exchange's own number of the user whose key it is; None: not known."""


class Price(NamedTuple):
    """The newest price of a symbol (quote per base) and when it was true."""

    value: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class WalletBalances:
    """Free amounts of a wallet outside margin (spot or funding), by asset."""

    as_of: datetime
    free: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CollateralTier:
    """Of an asset's value, the part above `start` and up to `end` (None: no end) counts with `ratio`."""

    start: Decimal
    end: Decimal | None
    ratio: Decimal


DebtKey = tuple[Scope, str]
"""One scope, and the asset that is owed in it."""


@dataclass(frozen=True, slots=True)
class InterestPaid:
    """The charges of 30 days on the debt in one asset of one scope, as of one moment.

    `day_ago_rate` is the daily rate charged 24 hours before, None for a younger debt; `first_rate` that of its first
    charge. Sums are by the asset in which they were charged: BNB may pay for others.
    """

    last: InterestCharge
    first_rate: Decimal
    day_ago_rate: Decimal | None
    last_24h: Mapping[str, Decimal]
    last_30d: Mapping[str, Decimal]


ThresholdOrigin = Literal["read", "remembered", "documented"]


@dataclass(frozen=True, slots=True)
class EffectiveThresholds:
    """The bars by which a scope is judged. `note` says what is not certain of them, empty when they were read."""

    thresholds: Thresholds
    origin: ThresholdOrigin = "read"
    note: str = ""

    @property
    def are_assumed(self) -> bool:
        """Whether they are no more than the documented ones, which may be another account's."""
        return self.origin == "documented"
