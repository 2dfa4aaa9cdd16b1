"""One step: an event comes in, a new state and everything to remember come out. No IO, no clock."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from monitor.core.actions.decision import decide
from monitor.core.actions.foreign_activity import GRACE, examined, in_words, suspected
from monitor.core.actions.spec import ActionSpec
from monitor.core.alerting.evaluation import Judged, judge
from monitor.core.alerting.lifecycle import Audience
from monitor.core.engine.activity import NOTHING, chronicle
from monitor.core.engine.read_demand import _wants
from monitor.core.metrics import unknown_conditions
from monitor.core.metrics.pegs import noted
from monitor.core.metrics.poll_intervals import intervals, repaced
from monitor.core.metrics.sampling import due_samples
from monitor.core.metrics.snapshot import ACCOUNT, MONITOR, Sight, Subject
from monitor.core.metrics.valuation import is_fresh, newest_at
from monitor.core.model.account import Scope
from monitor.core.model.events import (
    ClockSetBack,
    Event,
    HealthRead,
    InterestRead,
    KeyRead,
    LiquidationsRead,
    NextRatesRead,
    PricesRead,
    RatesRead,
    ReadFailed,
    StreamAlive,
    StreamChanged,
    StreamEvent,
    Tick,
    WalletRead,
)
from monitor.core.model.journal import Entry
from monitor.core.model.ledger import Foreign, Movement
from monitor.core.model.reads import (
    CollateralRead,
    IndexRead,
    LedgerRead,
    LiquidationLoanRead,
    MinimaRead,
    OrdersRead,
    OwnerRead,
    TransfersRead,
)
from monitor.core.model.safety import Safety
from monitor.core.rules.index import Docket
from monitor.core.rules.rule import Rule
from monitor.core.settlement.notices import notices_of, paused_notice
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState
from monitor.core.state.apply import apply
from monitor.core.state.clock_correction import corrected
from monitor.core.state.live_balances import cross_balances, pair_now


@dataclass(frozen=True, slots=True)
class Policy:
    """What the owner of the account has ordered: the configuration as decisions see it."""

    settings: Settings
    rules: tuple[Rule, ...] = ()
    audience: Audience = field(default_factory=Audience)
    actions: tuple[ActionSpec, ...] = ()
    safety: Safety = field(default_factory=Safety)
    docket: Docket = field(init=False, repr=False, compare=False)
    """The rules by what they look at."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "docket", Docket(self.rules, self.settings.account))


@dataclass(frozen=True, slots=True)
class Ids:
    """Where new numbers come from: rising, never reused, shared by all accounts of the daemon."""

    alert: Callable[[], int]
    intent: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Step:
    """What came of one event.

    `wants` names the reads that should be made as soon as may be, `intervals` how often each read is to be made from
    now on (empty: as before).
    """

    state: AccountState
    entry: Entry
    wants: frozenset[str]
    intervals: Mapping[str, timedelta]


def step(
    before: AccountState, event: Event, policy: Policy, now: datetime, ids: Ids, look: Callable[..., Sight] = Sight
) -> Step:
    """apply → metrics → rules → alerts → actions → guards, in that order and nothing else.

    `look` makes the sight of the state: a rehearsal puts figures of its own into it.
    """
    settings = policy.settings
    applied = corrected(before, -event.by, now) if isinstance(event, ClockSetBack) else apply(before, event, now)
    if isinstance(event, Tick):
        applied = noted(applied, settings, now)
    told, paused_by = NOTHING, ""
    if not isinstance(event, PricesRead):
        told = chronicle(before, event, policy.audience.channels, now)
        applied, paused_by = _with_hands(applied, told.movements, policy, now)
    sight = look(applied, settings, now)
    # What comes after a silence changes more than its own figures.
    after_price = isinstance(event, PricesRead) and is_fresh(newest_at(before), now, settings.prices_stale_after)
    figures = sight.all_of(_touched(sight, event, before, alone=after_price))
    judged = (
        judge(sight, figures, policy.docket, policy.audience, ids.alert, after_price=after_price)
        if figures
        else Judged(applied.alerts)
    )
    if after_price and judged.open is applied.alerts and not (policy.actions or applied.intents or applied.blocked):
        # Nearly every price: it changes no decision, and there is nobody to act.
        wants = _wants(before, applied, event, settings, now)
        return Step(applied, Entry(account=applied.account, at=now), wants, {})
    state = applied if judged.open is applied.alerts else replace(applied, alerts=judged.open)
    if MONITOR in figures and not state.followed.terms_given:
        # Everything was looked at.
        unknown = unknown_conditions.noted(state, settings, judged.unknown, now)
        state = state if unknown is state.unknown else replace(state, unknown=unknown)
    decided = decide(state, figures, policy.rules, policy.actions, policy.safety, settings, now, ids.intent)
    samples, sampled = due_samples(before.sampled, figures, event, now)
    if decided.blocked != state.blocked or decided.intents or sampled is not before.sampled:
        state = replace(
            state,
            blocked=decided.blocked,
            intents={**state.intents, **{intent.id: intent for intent in decided.intents}},
            sampled=sampled,
        )
    entry = Entry(
        account=state.account,
        at=now,
        events=(event,) if isinstance(event, StreamEvent) else (),
        failures=(event,) if isinstance(event, ReadFailed) else (),
        samples=samples,
        alerts=judged.changed,
        transitions=judged.transitions,
        notifications=judged.notifications,
        notices=(
            *notices_of(decided.intents, policy.audience.channels, now),
            *told.notices,
            *paused_notice(paused_by, policy.audience.channels, now),
        ),
        intents=decided.intents,
        intent_steps=decided.steps,
        movements=told.movements,
        terms=told.terms,
        paused_by=paused_by,
        found=told.found,
        known_until=told.known_until,
    )
    paced = intervals(state, settings, map(sight.of, sight.margin)) if MONITOR in figures else {}
    state = replace(state, paced=repaced(state, paced, now)) if paced else state
    return Step(state, entry, _wants(before, state, event, settings, now) | decided.wants, paced)


def _with_hands(
    state: AccountState, movements: Sequence[Movement], policy: Policy, now: datetime
) -> tuple[AccountState, str]:
    """The state with what another hand has done; and why all actions are to be paused, where that is wanted for it."""
    if not (movements or state.hands.suspects):
        return state, ""
    newly: tuple[Foreign, ...] = ()
    hands = suspected(state.hands, movements, policy.actions, now)
    if state.owner is not None or now - state.started_at >= GRACE:
        # Before that, what other accounts of this user did here is not known yet, and may explain it.
        hands, newly = examined(hands, (*state.intents.values(), *state.elsewhere), now)
    if hands is not state.hands:
        state = replace(state, hands=hands)
    pauses = newly and policy.safety.on_foreign_hand == "pause"
    return state, f"foreign-hand: account {state.account}, {in_words(newly[0])}" if pauses else ""


def _touched(sight: Sight, event: Event, before: AccountState, *, alone: bool) -> tuple[Subject, ...]:
    """The subjects that the event may have changed and that can't wait for the next tick, at most a second away.

    `alone`: prices change no figures but those of what they are the prices of.
    """
    if isinstance(event, PricesRead):
        return sight.priced_by(event.prices) if alone else sight.margin
    match event:
        case StreamEvent(scope=scope):
            return _retold(sight, scope, before)
        case StreamAlive() | StreamChanged() | HealthRead() | OwnerRead() | ReadFailed():
            return ()
        case InterestRead() | RatesRead() | NextRatesRead():
            return ()
        case LedgerRead() | TransfersRead() | CollateralRead() | MinimaRead() | IndexRead():
            return ()
        case KeyRead() | LiquidationsRead() | WalletRead() | OrdersRead() | LiquidationLoanRead():
            return (ACCOUNT,)
        case _:
            return sight.subjects


def _retold(sight: Sight, scope: Scope, before: AccountState) -> tuple[Subject, ...]:
    """The scope, if what it holds or owes, or the exchange's word on it, is another since `before`."""
    if scope.symbol:
        changed = pair_now(sight.state, scope.symbol) is not pair_now(before, scope.symbol)
    else:
        changed = cross_balances(sight.state) is not cross_balances(before)
        changed = changed or sight.state.picture.notice is not before.picture.notice
    subject: Subject = (scope.kind, scope.symbol)
    return (subject,) if changed and subject in sight.margin else ()
