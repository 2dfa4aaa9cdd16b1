"""Everything that may enter an account's inbox. A closed union: what is not here cannot change a decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from monitor.core.model.account import (
    CrossSnapshot,
    DebtKey,
    InterestPaid,
    IsolatedSnapshot,
    KeyPermissions,
    LeverageTier,
    LiquidationOrder,
    Price,
    Scope,
    Thresholds,
    WalletBalances,
)
from monitor.core.model.blocks import RuleStop
from monitor.core.model.intent import Intent
from monitor.core.model.reads import AuxiliaryRead, GapHistoryRead, GapReopened, OrderUpdate, OwnerRead

StreamName = Literal["account", "risk", "market"]


@dataclass(frozen=True, slots=True)
class CrossRead:
    """The cross account was read."""

    snapshot: CrossSnapshot


@dataclass(frozen=True, slots=True)
class IsolatedRead:
    """The isolated pairs were read."""

    snapshot: IsolatedSnapshot


@dataclass(frozen=True, slots=True)
class ThresholdsRead:
    """The account's own cross bars (tradeCoeff) were read."""

    thresholds: Thresholds


@dataclass(frozen=True, slots=True)
class LeverageTiersRead:
    """The leverage tiers of one isolated pair were read."""

    symbol: str
    tiers: tuple[LeverageTier, ...]


@dataclass(frozen=True, slots=True)
class PricesRead:
    """New prices by symbol. Conflated: only the newest of each symbol is kept while it waits."""

    prices: Mapping[str, Price]


@dataclass(frozen=True, slots=True)
class InterestRead:
    """What the recorded charges of all scopes tell at `at`; replaces what was known.

    `since`: from then on every charge of every watched scope is recorded; None while that is not known.
    """

    paid: Mapping[DebtKey, InterestPaid]
    since: datetime | None
    at: datetime


@dataclass(frozen=True, slots=True)
class RatesRead:
    """The rates in force in cross, as fractions an hour, of what is held or owed there; replaces what was known.

    `day_ago` are those of 24 hours before, as far as they are known.
    """

    hourly: Mapping[str, Decimal]
    day_ago: Mapping[str, Decimal]
    at: datetime


@dataclass(frozen=True, slots=True)
class NextRatesRead:
    """The rates of the coming hour, as fractions an hour, of what is owed; replaces what was known."""

    cross: Mapping[str, Decimal]
    isolated: Mapping[str, Decimal]
    at: datetime


@dataclass(frozen=True, slots=True)
class LiquidationsRead:
    """The forced liquidation orders of the last day, all scopes; replaces what was known."""

    liquidations: tuple[LiquidationOrder, ...]


@dataclass(frozen=True, slots=True)
class WalletRead:
    """A wallet outside margin was read."""

    wallet: Literal["spot", "funding"]
    balances: WalletBalances


@dataclass(frozen=True, slots=True)
class KeyRead:
    """What a key may do; `accepted` False: the venue refuses it. `acting`: it is the second key, which moves money."""

    accepted: bool
    permissions: KeyPermissions | None
    at: datetime
    is_action_key: bool = False


@dataclass(frozen=True, slots=True)
class ReadFailed:
    """A read gave nothing that can be believed.

    `read` is the poll's name. `rejected` holds why when an answer came but was not believable; `payload` is
    its beginning, without secrets, for the record.
    """

    read: str
    scope: Scope | None
    at: datetime
    cause: str
    rejected: str | None = None
    payload: str = ""


@dataclass(frozen=True, slots=True)
class BalancesChanged:
    """Free and locked amounts of some assets, absolute, as of `as_of` (debt is not in it)."""

    as_of: datetime
    amounts: Mapping[str, tuple[Decimal, Decimal]]


@dataclass(frozen=True, slots=True)
class BalanceAdjusted:
    """A transfer, deposit or withdrawal changed a balance by `delta`."""

    asset: str
    delta: Decimal
    as_of: datetime


@dataclass(frozen=True, slots=True)
class TradeFilled:
    """A trade, whole: base and quote changed hands, and `commission` was taken of `commission_asset`."""

    symbol: str
    trade: int
    is_buyer: bool
    quantity: Decimal
    quote_quantity: Decimal
    commission: Decimal
    commission_asset: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class LiabilityChanged:
    """A cross debt in `asset` changed. `kind` is the venue's word; amounts are in no known sense, so not here."""

    asset: str
    kind: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class MarginNotice:
    """The venue itself says that the cross margin level is in another band."""

    level: Decimal
    status: str


@dataclass(frozen=True, slots=True)
class ReportedLevel:
    """What the exchange itself said of the cross level, and when."""

    level: Decimal
    status: str
    at: datetime


ParsedPayload = BalancesChanged | BalanceAdjusted | TradeFilled | LiabilityChanged | MarginNotice | None


Anomaly = Literal["rejected", "repeated", "late", "unknown"]
"""Not to be read; told before; older than one told before; of a type never heard of."""


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """Something a stream delivered, recorded once whatever is replayed.

    `key` is the hash of account, scope and the canonical event. `meaning` is None for what is only recorded.
    `rejected` says why it could not be read; `type` is then "rejected". `payload` is the venue's own JSON text. `order`
    is what it tells of an order. `oddity` is how it came otherwise than it should; it is counted, and alters nothing.
    """

    stream: StreamName
    scope: Scope
    type: str
    key: str
    event_time: datetime
    received_at: datetime
    payload: str
    parsed: ParsedPayload = None
    rejected: str | None = None
    order: OrderUpdate | None = None
    anomaly: Anomaly | None = None


@dataclass(frozen=True, slots=True)
class StreamChanged:
    """A stream connected or was lost. `subscriptions` are the scopes or channels it now carries."""

    stream: StreamName
    connected: bool
    subscriptions: tuple[str, ...]
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StreamAlive:
    """A frame or ping arrived on a stream: it is not dead. Sent at most once a second."""

    stream: StreamName
    at: datetime


@dataclass(frozen=True, slots=True)
class Ack:
    """A person has taken an alert."""

    alert: int
    by: str
    at: datetime
    comment: str


@dataclass(frozen=True, slots=True)
class SilenceMatcher:
    """One condition of a silence on an alert's labels. `op`: = != =~ !~ (the last two: whole-value regex)."""

    name: str
    op: Literal["=", "!=", "=~", "!~"]
    value: str


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that match all matchers are not told between `starts_at` and `ends_at`."""

    id: int
    matchers: tuple[SilenceMatcher, ...]
    starts_at: datetime
    ends_at: datetime
    author: str
    comment: str
    include_critical: bool = False


@dataclass(frozen=True, slots=True)
class CommandsRead:
    """What people have ordered through the store, whole: the newest truth replaces the last.

    `decisions`: approved (True) or rejected (False) intents by id. `asked`: when a channel first took a message about
    a proposal, by its id, also about one that is over. `stopped`: the rules whose actions are stopped, of all accounts.
    """

    acks: tuple[Ack, ...] = ()
    silences: tuple[Silence, ...] = ()
    paused: bool = False
    decisions: Mapping[int, bool] | None = None
    asked_at: Mapping[int, datetime] | None = None
    stopped_rules: tuple[RuleStop, ...] = ()


@dataclass(frozen=True, slots=True)
class HealthRead:
    """What the daemon knows of itself: failing channels, a failing store, the clock, the weight used.

    `pause_file` is whether the file is there that pauses all actions. `store_space_low`: little is free where the
    database lies; None: not known. `account_failing`: the account's tasks are down, or fall again and again.
    """

    notifications_failing: int = 0
    store_failing: bool = False
    clock_offset_s: Decimal | None = None
    weight_used: Decimal | None = None
    pause_file: bool = False
    store_space_low: bool | None = None
    account_failing: bool = False
    duplicate_account: str = ""
    """Another configured account that is the same user of the exchange."""
    unidentified_account: str = ""
    """A configured account of which it is not known yet whose it is at the exchange: this one, or another."""


@dataclass(frozen=True, slots=True)
class IntentUpdated:
    """An intent changed state outside the step: sent, answered, verified. The one edge that goes back."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class ClockSetBack:
    """The time in force was set back by so much (positive): what was stamped before was stamped too late."""

    by: timedelta


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed. At least once a second."""


Event = (
    CrossRead
    | IsolatedRead
    | ThresholdsRead
    | LeverageTiersRead
    | PricesRead
    | InterestRead
    | RatesRead
    | NextRatesRead
    | LiquidationsRead
    | WalletRead
    | KeyRead
    | ReadFailed
    | StreamEvent
    | StreamChanged
    | StreamAlive
    | CommandsRead
    | HealthRead
    | OwnerRead
    | IntentUpdated
    | AuxiliaryRead
    | GapHistoryRead
    | GapReopened
    | ClockSetBack
    | Tick
)
