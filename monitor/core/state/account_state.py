"""One account as the daemon knows it, and how each event changes that knowledge."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from monitor.core.margin.usdt_prices import AT_SPOT
from monitor.core.model.account import (
    Bars,
    CrossSnapshot,
    IsolatedSnapshot,
    KeyPermissions,
    Liquidation,
    Price,
    Scope,
    Tier,
    Wallet,
)
from monitor.core.model.alert import Alert, AlertKey, MetricScope, Unknowns
from monitor.core.model.blocks import Stops
from monitor.core.model.events import (
    HealthRead,
    InterestRead,
    NextRatesRead,
    OperatorRead,
    RatesRead,
    ReadFailed,
    StreamName,
)
from monitor.core.model.intent import Intent
from monitor.core.model.ledger import Hands
from monitor.core.model.metric import Value
from monitor.core.model.reads import (
    OwnerRead,
)
from monitor.core.state.peg_history import Ratios
from monitor.core.state.record_coverage import OwnRecord
from monitor.core.state.reference_state import Followed
from monitor.core.state.scope_value import Book, PricesThen
from monitor.core.state.stream_overlay import Picture
from monitor.core.state.stream_status import StreamState


@dataclass(frozen=True, slots=True)
class Paced:
    """How often a read is made since `since`, and how often it was before."""

    interval: timedelta
    before: timedelta
    since: datetime


class Sampled(NamedTuple):
    """When a series got its last point, and which. `is_put_off`: it is another since, too soon for a new one."""

    at: datetime
    value: Value
    is_put_off: bool = False


@dataclass(frozen=True)
class AccountState:
    """Everything a decision about one account may look at. Immutable; `apply` makes the next one.

    Without slots: a price comes up to a thousand times a second, and copying one mapping is what costs least.
    """

    account: str
    started_at: datetime
    cross: CrossSnapshot | None = None
    isolated: IsolatedSnapshot | None = None
    picture: Picture = field(default_factory=Picture)
    """What events have told since those two were read."""
    bars: Bars | None = None
    tiers: Mapping[str, tuple[Tier, ...]] = field(default_factory=dict)
    remembered: frozenset[Scope] = frozenset()
    """The scopes whose bars or tiers are those of an earlier run, and were not read in this one yet."""
    prices: Mapping[str, Price] = field(default_factory=dict)
    priced_at: datetime | None = None
    """When the newest of `prices` was true; None: not worked out."""
    price_history: tuple[PricesThen, ...] = ()
    cross_prices: Mapping[str, Price] = field(default_factory=dict)
    """The prices known when `cross` arrived: own and polled level are compared at these."""
    cross_bases: Mapping[str, Decimal] = field(default_factory=lambda: AT_SPOT)
    """By symbol the index price over the spot price, as known when `cross` arrived; they hold until the next read."""
    isolated_prices: Mapping[str, Price] = field(default_factory=dict)
    """The same for `isolated`."""
    cross_priced_at: datetime | None = None
    isolated_priced_at: datetime | None = None
    """When the newest of those was true; None: not worked out."""
    book_then: Book | None = field(default=None, repr=False, compare=False)
    """What `cross` was worth at `cross_prices`, where that is worked out."""
    book: Book | None = field(default=None, repr=False, compare=False)
    """What cross is worth at `prices`, moved on by each of them; of use only while `Book.is_of` says so."""
    interest: InterestRead | None = None
    rates: RatesRead | None = None
    next_rates: NextRatesRead | None = None
    pegs: Mapping[str, Ratios] = field(default_factory=dict)
    """The price ratios of the last week, of pegged assets that are held or owed."""
    liquidations: tuple[Liquidation, ...] | None = None
    """Forced liquidation orders of the last day; None: never read."""
    liquidations_at: datetime | None = None
    """When those were read."""
    followed: Followed = field(default_factory=Followed)
    wallets: Mapping[str, Wallet] = field(default_factory=dict)
    key_accepted: bool | None = None
    key: KeyPermissions | None = None
    action_key_accepted: bool | None = None
    """The same of the second key, where one alone moves money; None: never read, or there is none."""
    action_key: KeyPermissions | None = None
    streams: Mapping[StreamName, StreamState] = field(default_factory=dict)
    last_failure: ReadFailed | None = None
    failed_at: Mapping[str, datetime] = field(default_factory=dict)
    """When each read last gave nothing, by its name."""
    operator: OperatorRead = field(default_factory=OperatorRead)
    health: HealthRead = field(default_factory=HealthRead)
    alerts: Mapping[AlertKey, Alert] = field(default_factory=dict)
    """Open alerts: pending or firing."""
    intents: Mapping[int, Intent] = field(default_factory=dict)
    """Intents that are not final, and those settled in the last 24 hours."""
    hands: Hands = field(default_factory=Hands)
    """What another hand has done of what actions do here."""
    owner: OwnerRead | None = None
    """Whose account it is at the exchange, and what was done in it under other names."""
    record: OwnRecord = field(default_factory=OwnRecord)
    """What the intents, as they are remembered, may lack."""
    sampled: Mapping[tuple[MetricScope, str, str], Sampled] = field(default_factory=dict)
    """What was last sampled of each (scope, subject, metric)."""
    paced: Mapping[str, Paced] = field(default_factory=dict)
    """How often each account read is made, by its name."""
    blocked: Stops = field(default_factory=dict)
    """What stops the actions that firing alerts want."""
    unknown: Unknowns = field(default_factory=dict)
    """The critical conditions that are unknown although the account is read."""

    @property
    def uid(self) -> int | None:
        """The exchange's number of the user whose account it is; None: not known."""
        if self.owner is not None:
            return self.owner.uid
        return None if self.key is None else self.key.uid

    @property
    def elsewhere(self) -> tuple[Intent, ...]:
        """Intents of other names in the same account of the exchange."""
        return () if self.owner is None else self.owner.elsewhere

    @property
    def is_paused(self) -> bool:
        """Whether nothing may be sent: people have ordered it, or the pause file is there."""
        return self.operator.paused or self.health.pause_file

    @property
    def is_held_back(self) -> bool:
        """Whether nothing is sent for now, whatever is wanted: paused, or what moved before is not known yet."""
        return self.is_paused or self.record.open_since is not None
