"""The immutable state of one account: everything that a decision about it may use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from monitor.core.margin.usdt_prices import NO_BASIS
from monitor.core.model.account import (
    CrossSnapshot,
    IsolatedPair,
    IsolatedSnapshot,
    KeyPermissions,
    LeverageTier,
    LiquidationOrder,
    Price,
    Scope,
    Thresholds,
    WalletBalances,
)
from monitor.core.model.action_blocks import ActionBlocks
from monitor.core.model.alert import Alert, AlertKey, MetricScope, UnknownConditions
from monitor.core.model.events import (
    CommandsRead,
    HealthRead,
    InterestRead,
    NextRatesRead,
    RatesRead,
    ReadFailed,
    StreamName,
)
from monitor.core.model.intent import Intent
from monitor.core.model.ledger import ForeignActivity
from monitor.core.model.metric import MetricValue
from monitor.core.model.reads import (
    OwnerRead,
)
from monitor.core.state.peg_history import PegHistory
from monitor.core.state.record_coverage import RecordCoverage
from monitor.core.state.reference_state import ReferenceState
from monitor.core.state.scope_value import PriceSnapshot, ScopeValue
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


@dataclass(frozen=True)
class AccountState:
    """Everything that a decision about one account may use.

    Immutable; `account_update.apply_account_event` returns the next state.

    Without slots: prices arrive up to a thousand times a second, and copying one mapping is the cheapest way.
    """

    account: str
    started_at: datetime
    cross: CrossSnapshot | None = None
    isolated: IsolatedSnapshot | None = None
    live_balances: LiveBalances = field(default_factory=LiveBalances)
    """Stream overlays since `cross` and `isolated` were read."""
    cross_thresholds: Thresholds | None = None
    tiers: Mapping[str, tuple[LeverageTier, ...]] = field(default_factory=dict)
    remembered_scopes: frozenset[Scope] = frozenset()
    """Scopes with thresholds or tiers of an earlier run that were not read in this run yet."""
    prices: Mapping[str, Price] = field(default_factory=dict)
    newest_price_at: datetime | None = None
    """Time of the newest of `prices`; None: not computed."""
    price_history: tuple[PriceSnapshot, ...] = ()
    cross_prices_at_snapshot: Mapping[str, Price] = field(default_factory=dict)
    """Prices known when `cross` arrived: own and polled level are compared at these."""
    cross_basis_at_snapshot: Mapping[str, Decimal] = field(default_factory=lambda: NO_BASIS)
    """Index price over spot price by symbol, as known when `cross` arrived; valid until the next read."""
    isolated_prices_at_snapshot: Mapping[str, Price] = field(default_factory=dict)
    """Prices known when `isolated` arrived."""
    newest_cross_price_at: datetime | None = None
    newest_isolated_price_at: datetime | None = None
    """Time of the newest of `isolated_prices_at_snapshot`; None: not computed."""
    cross_value_at_snapshot: ScopeValue | None = field(default=None, repr=False, compare=False)
    """Value of `cross` at `cross_prices_at_snapshot`; None: not computed."""
    cross_value: ScopeValue | None = field(default=None, repr=False, compare=False)
    """Value of the live cross balances at `prices`; valid while `ScopeValue.was_computed_from` holds."""
    interest: InterestRead | None = None
    rates: RatesRead | None = None
    next_rates: NextRatesRead | None = None
    peg_history: Mapping[str, PegHistory] = field(default_factory=dict)
    """Price ratios of the last week, of pegged assets that are held or owed."""
    liquidations: tuple[LiquidationOrder, ...] | None = None
    """Forced liquidation orders of the last day; None: never read."""
    liquidations_at: datetime | None = None
    """When the forced liquidation orders were read."""
    reference: ReferenceState = field(default_factory=ReferenceState)
    wallets: Mapping[str, WalletBalances] = field(default_factory=dict)
    key_accepted: bool | None = None
    key: KeyPermissions | None = None
    action_key_accepted: bool | None = None
    """`key_accepted` of the second key, if that key alone moves money; None: never read, or there is no second key."""
    action_key: KeyPermissions | None = None
    streams: Mapping[StreamName, StreamStatus] = field(default_factory=dict)
    last_failure: ReadFailed | None = None
    failed_at: Mapping[str, datetime] = field(default_factory=dict)
    """Time of the last failure of each read, by the read's name."""
    commands: CommandsRead = field(default_factory=CommandsRead)
    health: HealthRead = field(default_factory=HealthRead)
    alerts: Mapping[AlertKey, Alert] = field(default_factory=dict)
    """Open alerts: pending or firing."""
    intents: Mapping[int, Intent] = field(default_factory=dict)
    """Intents that are not final, and those settled in the last 24 hours."""
    foreign_activity: ForeignActivity = field(default_factory=ForeignActivity)
    """Foreign activity of the kinds that actions make."""
    owner: OwnerRead | None = None
    """The account's user at the exchange, and intents of that user under other account names."""
    record_coverage: RecordCoverage = field(default_factory=RecordCoverage)
    """Gap of the record in which intents may be missing."""
    last_samples: Mapping[tuple[MetricScope, str, str], LastSample] = field(default_factory=dict)
    """Last sample of each (scope, subject, metric)."""
    poll_intervals: Mapping[str, PollInterval] = field(default_factory=dict)
    """Poll interval of each account read, by its name."""
    action_blocks: ActionBlocks = field(default_factory=dict)
    """Blocks of the actions that firing alerts want."""
    unknown_conditions: UnknownConditions = field(default_factory=dict)
    """Critical conditions that are unknown although the account is read."""

    def polled_pair(self, symbol: str) -> IsolatedPair | None:
        """Return the pair as last read; None if it was never read."""
        return self.isolated.pairs.get(symbol) if self.isolated is not None else None

    @property
    def uid(self) -> int | None:
        """The exchange's number of the account's user; None while unknown."""
        if self.owner is not None:
            return self.owner.uid
        return None if self.key is None else self.key.uid

    @property
    def sibling_intents(self) -> tuple[Intent, ...]:
        """Intents under other names in the same account of the exchange."""
        return () if self.owner is None else self.owner.sibling_intents

    @property
    def is_paused(self) -> bool:
        """True if actions are paused, by a person or by the pause file."""
        return self.commands.paused or self.health.pause_file

    @property
    def is_sending_blocked(self) -> bool:
        """True if nothing may be sent now: actions are paused, or the record has a gap."""
        return self.is_paused or self.record_coverage.gap_since is not None
