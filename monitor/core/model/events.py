"""The closed union of events that may enter an account's inbox. Nothing else can change a decision."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
from monitor.core.model.action_blocks import RuleStop
from monitor.core.model.alert import Ack, Silence
from monitor.core.model.intent import Intent
from monitor.core.model.odds import OddsRead
from monitor.core.model.reads import AuxiliaryRead, GapHistoryRead, GapReopened, OrderUpdate, OwnerRead
from monitor.core.model.stream_payloads import ParsedPayload, StreamName


@dataclass(frozen=True, slots=True)
class CrossRead:
    """A read of the cross account."""

    snapshot: CrossSnapshot
    prices_before: Mapping[str, Price] = field(default_factory=dict)
    """Newest prices at the time of the request, which the answer contains at least; empty: unknown."""


@dataclass(frozen=True, slots=True)
class IsolatedRead:
    """A read of the isolated pairs."""

    snapshot: IsolatedSnapshot
    prices_before: Mapping[str, Price] = field(default_factory=dict)
    """As in `CrossRead`."""


@dataclass(frozen=True, slots=True)
class ThresholdsRead:
    """A read of the account's own cross thresholds (tradeCoeff)."""

    thresholds: Thresholds


@dataclass(frozen=True, slots=True)
class LeverageTiersRead:
    """A read of the leverage tiers of one isolated pair."""

    symbol: str
    tiers: tuple[LeverageTier, ...]


@dataclass(frozen=True, slots=True)
class PricesRead:
    """New prices by symbol. Conflated: only the newest of each symbol is kept while the event waits.

    `moved`: the symbols that moved too far to be evaluated at the next tick only; None: all of them.
    """

    prices: Mapping[str, Price]
    moved: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class InterestRead:
    """Interest from the recorded charges of all scopes at `at`; replaces the earlier one.

    `since`: every charge of every watched scope is recorded from then on; None while that is unknown.
    """

    paid: Mapping[DebtKey, InterestPaid]
    since: datetime | None
    at: datetime


@dataclass(frozen=True, slots=True)
class RatesRead:
    """Interest rates in force in cross, as fractions an hour, of assets held or owed there; replaces the earlier ones.

    `day_ago` are the rates of 24 hours before, as far as they are known.
    """

    hourly: Mapping[str, Decimal]
    day_ago: Mapping[str, Decimal]
    at: datetime


@dataclass(frozen=True, slots=True)
class NextRatesRead:
    """Rates of the coming hour, as fractions an hour, of the assets owed; replaces the earlier ones."""

    cross: Mapping[str, Decimal]
    isolated: Mapping[str, Decimal]
    at: datetime


@dataclass(frozen=True, slots=True)
class LiquidationsRead:
    """Forced liquidation orders of the last day, of all scopes; replaces the earlier ones."""

    liquidations: tuple[LiquidationOrder, ...]


@dataclass(frozen=True, slots=True)
class WalletRead:
    """A read of a wallet outside margin."""

    wallet: Literal["spot", "funding"]
    balances: WalletBalances


@dataclass(frozen=True, slots=True)
class KeyRead:
    """Permissions of a key; `accepted` False: the exchange refuses it.

    `is_action_key`: the key is the second one, which moves money.
    """

    accepted: bool
    permissions: KeyPermissions | None
    at: datetime
    is_action_key: bool = False


@dataclass(frozen=True, slots=True)
class ReadFailed:
    """A read that failed or whose answer was rejected.

    `read` is the poll's name. `rejected` is the reason when an answer came but was implausible; `payload` is the
    beginning of that answer, without secrets, for the record.
    """

    read: str
    scope: Scope | None
    at: datetime
    cause: str
    rejected: str | None = None
    payload: str = ""


Anomaly = Literal["rejected", "repeated", "late", "unknown"]
"""Anomaly of an event: unreadable; received before; older than one received before; of an unknown type."""


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """An event of a stream, recorded once however often it is replayed.

    `key` is the hash of account, scope and the canonical event. `parsed` is None for an event that is only recorded.
    `rejected` is the reason why the event could not be read; `type` is then "rejected". `payload` is the exchange's own
    JSON text. `order` is the order update in the event. `anomaly` is how the event differs from an expected one;
    anomalies are counted and change nothing else.
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
    """A stream connected or was lost. `subscriptions` are the scopes or channels that it now carries."""

    stream: StreamName
    connected: bool
    subscriptions: tuple[str, ...]
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StreamAlive:
    """A frame or ping arrived on a stream, so the stream is alive. Sent at most once a second."""

    stream: StreamName
    at: datetime


@dataclass(frozen=True, slots=True)
class CommandsRead:
    """All commands of people in the store; the newest read replaces the last.

    `decisions`: approved (True) or rejected (False) intents by id. `asked_at`: when a channel first accepted a message
    about a proposal, by the id of the intent, also for a proposal that is over. `stopped_rules`: rules whose actions
    are stopped, of all accounts. `ended_silences`: silences that are over and kept an open alert quiet last.
    """

    acks: tuple[Ack, ...] = ()
    silences: tuple[Silence, ...] = ()
    ended_silences: tuple[Silence, ...] = ()
    paused: bool = False
    decisions: Mapping[int, bool] | None = None
    asked_at: Mapping[int, datetime] | None = None
    stopped_rules: tuple[RuleStop, ...] = ()


@dataclass(frozen=True, slots=True)
class HealthRead:
    """The daemon's own health: failing channels, a failing store, the clock offset, the request weight used.

    `pause_file` is whether the file exists that pauses all actions. `store_space_low`: little space is free on the disk
    of the database; None while unknown. `account_failing`: the account's tasks are down, or fail again and again.
    `lease_held`: this daemon has proved a moment ago that it holds the account.
    """

    notifications_failing: int = 0
    store_failing: bool = False
    clock_offset_s: Decimal | None = None
    weight_used: Decimal | None = None
    pause_file: bool = False
    store_space_low: bool | None = None
    account_failing: bool = False
    lease_held: bool = True
    duplicate_account: str = ""
    """Another configured account that is the same user of the exchange."""
    unidentified_account: str = ""
    """A configured account whose user at the exchange is not known yet: this account, or another."""


@dataclass(frozen=True, slots=True)
class IntentUpdated:
    """An intent changed state outside the step: sent, answered, verified. The one edge that goes back."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class ClockSetBack:
    """The clock was set back by `by` (positive): all earlier timestamps were too late."""

    by: timedelta


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed. Sent at least once a second."""


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
    | OddsRead
    | IntentUpdated
    | AuxiliaryRead
    | GapHistoryRead
    | GapReopened
    | ClockSetBack
    | Tick
)
