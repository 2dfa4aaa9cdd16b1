"""The immutable state of one account: everything that a decision about it may use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from monitor.core.model.account import (
    CrossSnapshot,
    IsolatedPair,
    IsolatedSnapshot,
    KeyPermissions,
    LeverageTier,
    LiquidationOrder,
    Scope,
    Thresholds,
    WalletBalances,
)
from monitor.core.model.action_blocks import ActionBlocks
from monitor.core.model.alert import Alert, AlertKey, MetricScope, UnknownConditions
from monitor.core.model.events import CommandsRead, HealthRead, InterestRead, NextRatesRead, RatesRead, ReadFailed
from monitor.core.model.intent import Intent
from monitor.core.model.ledger import ForeignActivity
from monitor.core.model.metric import MetricValue
from monitor.core.model.odds import OddsRead
from monitor.core.model.reads import OwnerRead
from monitor.core.model.stream_payloads import StreamName
from monitor.core.state.activity_state import ActivityState
from monitor.core.state.price_state import PriceState
from monitor.core.state.record_coverage import RecordCoverage
from monitor.core.state.reference_state import ReferenceState
from monitor.core.state.stream_overlay import LiveBalances
from monitor.core.state.stream_status import StreamStatus


@dataclass(frozen=True, slots=True)
class PollInterval:
    """The interval of a read since `since`, and its previous interval."""

    interval: timedelta
    previous: timedelta
    since: datetime


class LastSample(NamedTuple):
    """Time and value of the last sample of a series.

    `is_deferred`: the value has changed since, but too soon for a new sample.
    """

    at: datetime
    value: MetricValue
    is_deferred: bool = False


@dataclass(frozen=True, slots=True)
class ThresholdState:
    """Margin thresholds as last read, in this run or an earlier one."""

    cross: Thresholds | None = None
    tiers: Mapping[str, tuple[LeverageTier, ...]] = field(default_factory=dict)
    """Tiers of each isolated pair, by symbol."""
    remembered_scopes: frozenset[Scope] = frozenset()
    """Scopes with thresholds or tiers of an earlier run that were not read in this run yet."""


@dataclass(frozen=True, slots=True)
class InterestState:
    """Interest paid, the rates in force, and those announced for the next hour."""

    charges: InterestRead | None = None
    rates: RatesRead | None = None
    next_rates: NextRatesRead | None = None


@dataclass(frozen=True, slots=True)
class LiquidationHistory:
    """Forced liquidation orders of the last day, and when they were read."""

    orders: tuple[LiquidationOrder, ...]
    read_at: datetime


@dataclass(frozen=True, slots=True)
class KeyState:
    """The keys of the account, and the user at the exchange to whom they belong."""

    is_accepted: bool | None = None
    permissions: KeyPermissions | None = None
    is_action_key_accepted: bool | None = None
    """`is_accepted` of the second key, if that key alone moves money; None: never read, or there is no second key."""
    action_permissions: KeyPermissions | None = None
    owner: OwnerRead | None = None
    """The account's user at the exchange, and intents of that user under other account names."""


@dataclass(frozen=True, slots=True)
class PollingState:
    """The account's reads: how often each is made, and which of them failed."""

    intervals: Mapping[str, PollInterval] = field(default_factory=dict)
    """Poll interval of each account read, by its name."""
    last_failure: ReadFailed | None = None
    failed_at: Mapping[str, datetime] = field(default_factory=dict)
    """Time of the last failure of each read, by the read's name."""


@dataclass(frozen=True, slots=True)
class MeasurementState:
    """What the last measurement of every subject left for the next one."""

    unknown_conditions: UnknownConditions = field(default_factory=dict)
    """Critical conditions that are unknown although the account is read."""
    last_samples: Mapping[tuple[MetricScope, str, str], LastSample] = field(default_factory=dict)
    """Last sample of each (scope, subject, metric)."""


@dataclass(frozen=True)
class AccountState:
    """Everything that a decision about one account may use, grouped by what changes together.

    Immutable; `account_update.apply_account_event` returns the next state.

    Without slots: prices arrive up to a thousand times a second, and copying one mapping is the cheapest way.
    """

    account: str
    started_at: datetime
    cross: CrossSnapshot | None = None
    isolated: IsolatedSnapshot | None = None
    live_balances: LiveBalances = field(default_factory=LiveBalances)
    """Stream overlays since `cross` and `isolated` were read."""
    prices: PriceState = field(default_factory=PriceState)
    thresholds: ThresholdState = field(default_factory=ThresholdState)
    interest: InterestState = field(default_factory=InterestState)
    liquidations: LiquidationHistory | None = None
    """None: never read."""
    odds: OddsRead | None = None
    """Odds of liquidation by past prices; None: never measured."""
    activity: ActivityState = field(default_factory=ActivityState)
    reference: ReferenceState = field(default_factory=ReferenceState)
    wallets: Mapping[str, WalletBalances] = field(default_factory=dict)
    keys: KeyState = field(default_factory=KeyState)
    streams: Mapping[StreamName, StreamStatus] = field(default_factory=dict)
    polling: PollingState = field(default_factory=PollingState)
    measurement: MeasurementState = field(default_factory=MeasurementState)
    commands: CommandsRead = field(default_factory=CommandsRead)
    health: HealthRead = field(default_factory=HealthRead)
    alerts: Mapping[AlertKey, Alert] = field(default_factory=dict)
    """Open alerts: pending or firing."""
    intents: Mapping[int, Intent] = field(default_factory=dict)
    """Intents that are not final, and those settled in the last 24 hours."""
    action_blocks: ActionBlocks = field(default_factory=dict)
    """Blocks of the actions that firing alerts want."""
    foreign_activity: ForeignActivity = field(default_factory=ForeignActivity)
    """Foreign activity of the kinds that actions make."""
    record_coverage: RecordCoverage = field(default_factory=RecordCoverage)
    """Gap of the record in which intents may be missing."""

    def with_prices(self, prices: PriceState) -> "AccountState":
        """Return the state with these prices: the same as `replace`, in a fraction of the time."""
        after = object.__new__(AccountState)
        fields = self.__dict__.copy()
        fields["prices"] = prices
        object.__setattr__(after, "__dict__", fields)
        return after

    def polled_pair(self, symbol: str) -> IsolatedPair | None:
        """Return the pair as last read; None if it was never read."""
        return self.isolated.pairs.get(symbol) if self.isolated is not None else None

    @property
    def uid(self) -> int | None:
        """The exchange's number of the account's user; None while unknown."""
        if self.keys.owner is not None:
            return self.keys.owner.uid
        return None if self.keys.permissions is None else self.keys.permissions.uid

    @property
    def sibling_intents(self) -> tuple[Intent, ...]:
        """Intents under other names in the same account of the exchange."""
        return () if self.keys.owner is None else self.keys.owner.sibling_intents

    @property
    def is_paused(self) -> bool:
        """True if actions are paused, by a person or by the pause file."""
        return self.commands.paused or self.health.pause_file

    @property
    def is_sending_blocked(self) -> bool:
        """True if nothing may be sent now: actions are paused, or the record has a gap."""
        return self.is_paused or self.record_coverage.gap_since is not None
