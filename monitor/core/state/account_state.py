"""One account as the daemon knows it, and how each event changes that knowledge."""

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
from monitor.core.model.alert import Alert, AlertKey, MetricScope, UnknownConditions
from monitor.core.model.blocks import ActionBlocks
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
    """How often a read is made since `since`, and how often it was before."""

    interval: timedelta
    previous: timedelta
    since: datetime


class LastSample(NamedTuple):
    """When a series got its last point, and which. `is_put_off`: it is another since, too soon for a new one."""

    at: datetime
    value: MetricValue
    is_deferred: bool = False


@dataclass(frozen=True)
class AccountState:
    """Everything a decision about one account may look at. Immutable; `apply` makes the next one.

    Without slots: a price comes up to a thousand times a second, and copying one mapping is what costs least.
    """

    account: str
    started_at: datetime
    cross: CrossSnapshot | None = None
    isolated: IsolatedSnapshot | None = None
    live_balances: LiveBalances = field(default_factory=LiveBalances)
    """What events have told since those two were read."""
    cross_thresholds: Thresholds | None = None
    tiers: Mapping[str, tuple[LeverageTier, ...]] = field(default_factory=dict)
    remembered_scopes: frozenset[Scope] = frozenset()
    """The scopes whose bars or tiers are those of an earlier run, and were not read in this one yet."""
    prices: Mapping[str, Price] = field(default_factory=dict)
    newest_price_at: datetime | None = None
    """When the newest of `prices` was true; None: not worked out."""
    price_history: tuple[PriceSnapshot, ...] = ()
    cross_prices_at_snapshot: Mapping[str, Price] = field(default_factory=dict)
    """The prices known when `cross` arrived: own and polled level are compared at these."""
    cross_basis_at_snapshot: Mapping[str, Decimal] = field(default_factory=lambda: NO_BASIS)
    """By symbol the index price over the spot price, as known when `cross` arrived; they hold until the next read."""
    isolated_prices_at_snapshot: Mapping[str, Price] = field(default_factory=dict)
    """The same for `isolated`."""
    newest_cross_price_at: datetime | None = None
    newest_isolated_price_at: datetime | None = None
    """When the newest of those was true; None: not worked out."""
    cross_value_at_snapshot: ScopeValue | None = field(default=None, repr=False, compare=False)
    """What `cross` was worth at `cross_prices`, where that is worked out."""
    cross_value: ScopeValue | None = field(default=None, repr=False, compare=False)
    """What cross is worth at `prices`, moved on by each of them; of use only while `Book.is_of` says so."""
    interest: InterestRead | None = None
    rates: RatesRead | None = None
    next_rates: NextRatesRead | None = None
    peg_history: Mapping[str, PegHistory] = field(default_factory=dict)
    """The price ratios of the last week, of pegged assets that are held or owed."""
    liquidations: tuple[LiquidationOrder, ...] | None = None
    """Forced liquidation orders of the last day; None: never read."""
    liquidations_at: datetime | None = None
    """When those were read."""
    reference: ReferenceState = field(default_factory=ReferenceState)
    wallets: Mapping[str, WalletBalances] = field(default_factory=dict)
    key_accepted: bool | None = None
    key: KeyPermissions | None = None
    action_key_accepted: bool | None = None
    """The same of the second key, where one alone moves money; None: never read, or there is none."""
    action_key: KeyPermissions | None = None
    streams: Mapping[StreamName, StreamStatus] = field(default_factory=dict)
    last_failure: ReadFailed | None = None
    failed_at: Mapping[str, datetime] = field(default_factory=dict)
    """When each read last gave nothing, by its name."""
    commands: CommandsRead = field(default_factory=CommandsRead)
    health: HealthRead = field(default_factory=HealthRead)
    alerts: Mapping[AlertKey, Alert] = field(default_factory=dict)
    """Open alerts: pending or firing."""
    intents: Mapping[int, Intent] = field(default_factory=dict)
    """Intents that are not final, and those settled in the last 24 hours."""
    foreign_activity: ForeignActivity = field(default_factory=ForeignActivity)
    """What another hand has done of what actions do here."""
    owner: OwnerRead | None = None
    """Whose account it is at the exchange, and what was done in it under other names."""
    record_coverage: RecordCoverage = field(default_factory=RecordCoverage)
    """What the intents, as they are remembered, may lack."""
    last_samples: Mapping[tuple[MetricScope, str, str], LastSample] = field(default_factory=dict)
    """What was last sampled of each (scope, subject, metric)."""
    poll_intervals: Mapping[str, PollInterval] = field(default_factory=dict)
    """How often each account read is made, by its name."""
    action_blocks: ActionBlocks = field(default_factory=dict)
    """What stops the actions that firing alerts want."""
    unknown_conditions: UnknownConditions = field(default_factory=dict)
    """The critical conditions that are unknown although the account is read."""

    def polled_pair(self, symbol: str) -> IsolatedPair | None:
        """The pair as it was last read; None while it was never read."""
        return self.isolated.pairs.get(symbol) if self.isolated is not None else None

    @property
    def uid(self) -> int | None:
        """The exchange's number of the user whose account it is; None: not known."""
        if self.owner is not None:
            return self.owner.uid
        return None if self.key is None else self.key.uid

    @property
    def sibling_intents(self) -> tuple[Intent, ...]:
        """Intents of other names in the same account of the exchange."""
        return () if self.owner is None else self.owner.sibling_intents

    @property
    def is_paused(self) -> bool:
        """Whether nothing may be sent: people have ordered it, or the pause file is there."""
        return self.commands.paused or self.health.pause_file

    @property
    def is_sending_blocked(self) -> bool:
        """Whether nothing is sent for now, whatever is wanted: paused, or what moved before is not known yet."""
        return self.is_paused or self.record_coverage.gap_since is not None
