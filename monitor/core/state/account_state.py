"""One account as the daemon knows it, and how each event changes that knowledge."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, assert_never

from monitor.core.actions.foreign_activity import Hands
from monitor.core.metrics.unknown_conditions import Unknowns
from monitor.core.model.account import (
    CROSS,
    Bars,
    CrossSnapshot,
    IsolatedSnapshot,
    KeyPermissions,
    Liquidation,
    Price,
    Scope,
    Tier,
    Wallet,
    with_unread_balances,
    with_unread_pairs,
)
from monitor.core.model.alert import Alert, AlertKey, MetricScope
from monitor.core.model.blocks import Stops
from monitor.core.model.events import (
    ActionSettled,
    BarsRead,
    ClockSetBack,
    CrossRead,
    Event,
    HealthRead,
    InterestRead,
    IsolatedRead,
    KeyRead,
    LiquidationsRead,
    NextRatesRead,
    OperatorRead,
    PricesRead,
    RatesRead,
    ReadFailed,
    StreamAlive,
    StreamChanged,
    StreamEvent,
    StreamName,
    Tick,
    TiersRead,
    WalletRead,
)
from monitor.core.model.intent import FINAL, Intent, asked
from monitor.core.model.metric import Value
from monitor.core.model.reads import (
    CollateralRead,
    IndexRead,
    LedgerRead,
    LiquidationLoanRead,
    MinimaRead,
    OrdersRead,
    SchedulesRead,
    TagsRead,
    TransfersRead,
)
from monitor.core.model.symbols import MarketsRead
from monitor.core.owner import OwnerRead
from monitor.core.state.apply_prices import priced
from monitor.core.state.apply_reference import Followed, follow
from monitor.core.state.live_balances import Picture, reconciled, told
from monitor.core.state.peg_history import Ratios
from monitor.core.state.record_coverage import (
    RECORD,
    OwnRecord,
    RecordRead,
    RecordReopened,
    failed,
    reopened,
    with_read,
)
from monitor.core.state.scope_value import AT_SPOT, Book, PricesThen, book_of, lacks_value, way_of, ways_to_try
from monitor.core.state.stream_status import StreamState


@dataclass(frozen=True, slots=True)
class Pace:
    """How often an account's scopes are read, in exchange time."""

    cross: timedelta = timedelta(seconds=60)
    cross_without_stream: timedelta = timedelta(seconds=30)
    isolated: timedelta = timedelta(seconds=60)
    near_liquidation: timedelta = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Settings:
    """What an account's figures depend on besides the venue."""

    account: str
    cross: bool = True
    isolated: tuple[str, ...] | None = None
    """Pairs watched; None: all that the venue lists, () none."""
    pace: Pace = field(default_factory=Pace)
    stale_after: timedelta = timedelta(minutes=3)
    prices_stale_after: timedelta = timedelta(seconds=15)
    interest_stale_after: timedelta = timedelta(hours=3)
    reference_stale_after: timedelta = timedelta(hours=18)
    rates_stale_after: timedelta = timedelta(hours=3)
    liquidations_stale_after: timedelta = timedelta(minutes=15)
    wallets_stale_after: timedelta = timedelta(minutes=30)
    stable_assets: frozenset[str] = frozenset({"USDT", "USDC", "FDUSD", "TUSD", "USDP", "DAI", "BUSD", "USD1"})
    pegs: Mapping[str, str] = field(default_factory=dict)
    drift_bound: Decimal = Decimal("0.01")
    isolated_margin_call: Mapping[Decimal, Decimal] = field(default_factory=dict)
    """Margin-call ratio by liquidation ratio: in no answer of the venue (stream-facts 6.5, 2026-11-22)."""
    acts_with_own_key: bool = False
    """Whether a second key moves money: what the reading key may not do then stops nothing."""


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


def apply(state: AccountState, event: Event, now: datetime) -> AccountState:
    """The state after `event`. A snapshot older than the one known changes nothing."""
    if isinstance(event, PricesRead):
        # First: a thousand of these come for one of anything else.
        return priced(state, event.prices, now)
    after = _applied(state, event, now)
    if after is state and isinstance(event, CrossRead | IsolatedRead):
        return state
    followed = follow(state, event, now)
    return after if followed is state.followed else replace(after, followed=followed)


def _applied(state: AccountState, event: Event, now: datetime) -> AccountState:
    match event:
        case CrossRead(snapshot):
            if state.cross is not None and snapshot.as_of < state.cross.as_of:
                return state
            snapshot = with_unread_balances(snapshot, state.cross)
            book = book_of(snapshot.balances, state.prices, bases=state.followed.bases)
            if snapshot.rejected and lacks_value(snapshot, book):
                return state
            state = replace(
                state,
                cross=snapshot,
                cross_bases=state.followed.bases,
                cross_prices=state.prices,
                cross_priced_at=state.priced_at,
                book_then=book,
                book=book._replace(leaving_out=book.unpriced, unpriced=frozenset()),
            )
            return replace(state, picture=reconciled(state, snapshot))
        case IsolatedRead(snapshot):
            if state.isolated is not None and snapshot.as_of < state.isolated.as_of:
                return state
            priced_at = state.priced_at
            snapshot = with_unread_pairs(snapshot, state.isolated)
            state = replace(state, isolated=snapshot, isolated_prices=state.prices, isolated_priced_at=priced_at)
            return replace(state, picture=reconciled(state, snapshot))
        case BarsRead(bars):
            return replace(state, bars=bars, remembered=state.remembered - {CROSS})
        case TiersRead(symbol, tiers):
            remembered = state.remembered - {Scope(symbol)}
            return replace(state, tiers={**state.tiers, symbol: tiers}, remembered=remembered)
        case InterestRead():
            return replace(state, interest=event)
        case RatesRead():
            return replace(state, rates=event)
        case NextRatesRead():
            return replace(state, next_rates=event)
        case LiquidationsRead(liquidations):
            return replace(state, liquidations=liquidations, liquidations_at=now)
        case WalletRead(wallet, content):
            return replace(state, wallets={**state.wallets, wallet: content})
        case KeyRead(accepted, permissions, acting=True):
            known = permissions if permissions is not None else state.action_key
            return replace(state, action_key_accepted=accepted, action_key=known)
        case KeyRead(accepted, permissions):
            return replace(state, key_accepted=accepted, key=permissions if permissions is not None else state.key)
        case ReadFailed():
            record = failed(state.record, event.cause) if event.read == RECORD else state.record
            failed_at = {**state.failed_at, event.read: event.at}
            return replace(state, last_failure=event, failed_at=failed_at, record=record)
        case RecordRead():
            return replace(
                state, record=with_read(state.record, event, (*state.intents.values(), *state.elsewhere), now)
            )
        case RecordReopened(since):
            return replace(state, record=reopened(state.record, since, now))
        case StreamChanged(stream):
            return _with_stream(state, stream, _stream(state, stream).changed(event))
        case StreamAlive(stream, at):
            return _with_stream(state, stream, _stream(state, stream).alive(at))
        case StreamEvent(stream=stream):
            state = _with_stream(state, stream, _stream(state, stream).heard(event))
            picture = told(state, event)
            return state if picture is state.picture else replace(state, picture=picture)
        case OperatorRead():
            return replace(state, operator=event, intents=_asked(state.intents, event.asked or {}))
        case HealthRead():
            return replace(state, health=event)
        case OwnerRead():
            return replace(state, owner=event)
        case ActionSettled(intent):
            return _with_intent(state, intent, now)
        case PricesRead() | ClockSetBack() | Tick():
            return state
        case (
            OrdersRead()
            | LedgerRead()
            | TransfersRead()
            | LiquidationLoanRead()
            | SchedulesRead()
            | CollateralRead()
            | MinimaRead()
            | TagsRead()
            | IndexRead()
            | MarketsRead()
        ):
            return state
        case _:
            assert_never(event)


def scopes(state: AccountState, settings: Settings) -> tuple[Scope, ...]:
    """The scopes that are watched and known to exist."""
    found: list[Scope] = []
    if settings.cross:
        found.append(CROSS)
    if state.isolated is not None:
        found += [Scope(symbol) for symbol in state.isolated.pairs if is_watched(state, settings, symbol)]
    return tuple(found)


def is_watched(state: AccountState, settings: Settings, symbol: str) -> bool:
    """Whether `scopes` has the pair of this symbol."""
    pair = state.isolated.pairs.get(symbol) if state.isolated is not None else None
    if pair is None or not (pair.created and pair.enabled):
        return False
    return settings.isolated is None or symbol in settings.isolated


def needed_symbols(state: AccountState, settings: Settings) -> frozenset[str]:
    """The symbols whose prices matter: every asset held or owed against USDT, every pair itself, and BTCUSDT.

    An asset that turned out to have no price in USDT is wanted in whatever may lead there, until something does, and in
    what it is pegged to.
    """
    symbols = {"BTCUSDT"}
    assets: set[str] = set()
    if settings.cross and state.cross is not None:
        assets.update(state.cross.balances)
    for scope in scopes(state, settings):
        if scope.symbol and state.isolated is not None:
            pair = state.isolated.pairs[scope.symbol]
            symbols.add(scope.symbol)
            assets.update(b.asset for b in (pair.base, pair.quote) if not b.is_zero)
            # The pair's figures are in its quote asset; in USDT they need its price even when none is there.
            assets.add(pair.quote.asset)
    # Limits in USDT count these at their present price.
    assets.update(one.asset for one in state.record.found)
    for asset in assets & settings.pegs.keys():
        assets.add(settings.pegs[asset])
        if state.prices and f"{asset}USDT" not in state.prices:
            symbols.add(f"{asset}{settings.pegs[asset]}")
    for asset in assets - {"USDT"}:
        symbols.add(f"{asset}USDT")
        if state.prices and f"{asset}USDT" not in state.prices:
            way = way_of(asset, state.prices)
            symbols |= {way.own, way.rest or way.own} if way is not None else ways_to_try(asset, state.prices)
    return frozenset(symbols)


def _stream(state: AccountState, name: StreamName) -> StreamState:
    return state.streams.get(name, _NO_STREAM)


def _with_stream(state: AccountState, stream: StreamName, known: StreamState) -> AccountState:
    return replace(state, streams={**state.streams, stream: known})


def _asked(intents: Mapping[int, Intent], asked_at: Mapping[int, datetime]) -> Mapping[int, Intent]:
    """The intents with when people were asked, as far as that was not known."""
    new = {n: i for n, i in intents.items() if n in asked_at and i.asked_at is None}
    return {**intents, **{n: asked(i, asked_at[n]) for n, i in new.items()}} if new else intents


def _with_intent(state: AccountState, intent: Intent, now: datetime) -> AccountState:
    day_ago = now - timedelta(hours=24)
    kept = {
        i.id: i
        for i in state.intents.values()
        if i.state not in FINAL or i.awaits_judgement or (i.settled_at or i.created_at) >= day_ago
    }
    return replace(state, intents={**kept, intent.id: intent})


_NO_STREAM = StreamState()
