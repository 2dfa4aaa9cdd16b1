"""One step: apply an event, measure, evaluate rules, decide actions, record. No IO, no clock."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from monitor.core.actions.decision import decide
from monitor.core.actions.foreign_activity import (
    EXPLANATION_GRACE,
    add_suspects,
    confirm_suspects,
    describe_foreign_movement,
)
from monitor.core.actions.spec import ActionSpec
from monitor.core.alerting.evaluation import Evaluation, evaluate_rules
from monitor.core.alerting.lifecycle import ChannelRouting
from monitor.core.engine.activity_records import NO_RECORDS, collect_activity
from monitor.core.engine.read_demand import NO_READS, requested_reads
from monitor.core.metrics import unknown_conditions
from monitor.core.metrics.pegs import record_ratios
from monitor.core.metrics.poll_intervals import choose_intervals, remember_intervals
from monitor.core.metrics.sampling import due_samples
from monitor.core.metrics.snapshot import ACCOUNT_SUBJECT, MONITOR_SUBJECT, MetricsSnapshot, Subject
from monitor.core.metrics.valuation import is_fresh
from monitor.core.model.account import Scope
from monitor.core.model.events import (
    ClockSetBack,
    Event,
    HealthRead,
    InterestRead,
    KeyRead,
    LeverageTiersRead,
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
from monitor.core.model.journal import JournalEntry
from monitor.core.model.ledger import ForeignMovement, Movement
from monitor.core.model.odds import OddsRead
from monitor.core.model.reads import (
    CollateralRatiosRead,
    IndexPriceRead,
    LedgerRead,
    LiquidationLoanRead,
    MinRepayRead,
    OpenOrdersRead,
    OwnerRead,
    TransfersRead,
)
from monitor.core.model.safety_settings import SafetySettings
from monitor.core.rules.index import RuleIndex
from monitor.core.rules.rule import Rule
from monitor.core.settlement.notices import intent_notices, pause_notice
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.account_update import apply_account_event
from monitor.core.state.clock_correction import correct_timestamps
from monitor.core.state.live_balances import live_cross_balances, live_pair


@dataclass(frozen=True, slots=True)
class Policy:
    """The configuration of an account as decisions see it."""

    settings: AccountSettings
    rules: tuple[Rule, ...] = ()
    routing: ChannelRouting = field(default_factory=ChannelRouting)
    actions: tuple[ActionSpec, ...] = ()
    safety: SafetySettings = field(default_factory=SafetySettings)
    rule_index: RuleIndex = field(init=False, repr=False, compare=False)
    """The rules by subject."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "rule_index", RuleIndex(self.rules, self.settings.account))


@dataclass(frozen=True, slots=True)
class IdSource:
    """Source of new ids: ascending, never reused, shared by all accounts of the daemon."""

    next_alert_id: Callable[[], int]
    next_intent_id: Callable[[], int]


@dataclass(frozen=True, slots=True)
class StepResult:
    """One event's new state and everything that it decided.

    `requested_reads` names the reads that should be made as soon as possible, `intervals` how often each read is to be
    made from now on (empty: unchanged). `metrics` holds every subject's when all were measured.
    """

    state: AccountState
    entry: JournalEntry
    requested_reads: frozenset[str]
    intervals: Mapping[str, timedelta]
    metrics: MetricsSnapshot | None = None


def step(
    before: AccountState,
    event: Event,
    policy: Policy,
    now: datetime,
    ids: IdSource,
    measure: Callable[..., MetricsSnapshot] = MetricsSnapshot,
) -> StepResult:
    """Return the next state and its records: apply → metrics → rules → alerts → actions → limits, in that order.

    `measure` makes the metrics snapshot of the state: a simulation overrides metrics in it.
    """
    settings = policy.settings
    after = (
        correct_timestamps(before, -event.by, now)
        if isinstance(event, ClockSetBack)
        else apply_account_event(before, event, now)
    )
    if isinstance(event, Tick):
        after = record_ratios(after, settings, now)
    activity, paused_by = NO_RECORDS, ""
    if not isinstance(event, PricesRead):
        activity = collect_activity(before, event, policy.routing.channels, now)
        after, paused_by = _with_foreign_activity(after, activity.movements, policy, now)
    snapshot = measure(after, settings, now)
    # The first price after a silence changes more metrics than its own.
    after_price = isinstance(event, PricesRead) and is_fresh(before.prices.newest_at, now, settings.prices_stale_after)
    metrics = snapshot.get_many(_affected(snapshot, event, before, alone=after_price))
    evaluation = (
        evaluate_rules(snapshot, metrics, policy.rule_index, policy.routing, ids.next_alert_id, after_price=after_price)
        if metrics
        else Evaluation(after.alerts)
    )
    has_actions = bool(policy.actions or after.intents or after.action_blocks)
    if after_price and evaluation.open is after.alerts and not (metrics and has_actions):
        # The usual case of a price: it changes no decision, and there is nothing to act on.
        reads = requested_reads(before, after, event, NO_READS, settings, now)
        return StepResult(after, JournalEntry(account=after.account, at=now), reads, {})
    state = after if evaluation.open is after.alerts else replace(after, alerts=evaluation.open)
    if MONITOR_SUBJECT in metrics and not state.reference.terms_assumed:
        # Every subject was evaluated.
        unknown = unknown_conditions.update_unknown(state, settings, evaluation.unknown, now)
        state = (
            state
            if unknown is state.measurement.unknown_conditions
            else replace(state, measurement=replace(state.measurement, unknown_conditions=unknown))
        )
    decision = decide(state, metrics, policy.rules, policy.actions, policy.safety, settings, now, ids.next_intent_id)
    samples, last_samples = due_samples(before.measurement.last_samples, metrics, event, now)
    if (
        decision.blocks != state.action_blocks
        or decision.intents
        or last_samples is not before.measurement.last_samples
    ):
        state = replace(
            state,
            action_blocks=decision.blocks,
            intents={**state.intents, **{intent.id: intent for intent in decision.intents}},
            measurement=replace(state.measurement, last_samples=last_samples),
        )
    entry = JournalEntry(
        account=state.account,
        at=now,
        events=(event,) if isinstance(event, StreamEvent) else (),
        failures=(event,) if isinstance(event, ReadFailed) else (),
        samples=samples,
        alerts=evaluation.changed,
        transitions=evaluation.transitions,
        notifications=evaluation.notifications,
        notices=(
            *intent_notices(decision.intents, policy.routing.channels, now),
            *activity.notices,
            *evaluation.notices,
            *pause_notice(paused_by, policy.routing.channels, now),
        ),
        intents=decision.intents,
        intent_steps=decision.steps,
        movements=activity.movements,
        terms=activity.terms,
        paused_by=paused_by,
        gap_movements=activity.gap_movements,
        known_until=activity.known_until,
    )
    poll_intervals = (
        choose_intervals(state, settings, map(snapshot.get, snapshot.margin_subjects))
        if MONITOR_SUBJECT in metrics
        else {}
    )
    state = (
        replace(state, polling=replace(state.polling, intervals=remember_intervals(state, poll_intervals, now)))
        if poll_intervals
        else state
    )
    reads = requested_reads(before, state, event, decision.requested_reads, settings, now)
    return StepResult(state, entry, reads, poll_intervals, snapshot if MONITOR_SUBJECT in metrics else None)


def _with_foreign_activity(
    state: AccountState, movements: Sequence[Movement], policy: Policy, now: datetime
) -> tuple[AccountState, str]:
    """Return the state with new foreign activity, and the reason to pause all actions if the settings ask for it."""
    if not (movements or state.foreign_activity.suspects):
        return state, ""
    newly: tuple[ForeignMovement, ...] = ()
    activity = add_suspects(state.foreign_activity, movements, policy.actions, now)
    if state.keys.owner is not None or now - state.started_at >= EXPLANATION_GRACE:
        # Before that, orders of other accounts of this user are unknown, and may explain the movement.
        known = (*state.intents.values(), *state.sibling_intents)
        activity, newly = confirm_suspects(activity, known, now, policy.safety.watch)
    if activity is not state.foreign_activity:
        state = replace(state, foreign_activity=activity)
    pauses = newly and policy.safety.on_foreign_hand == "pause"
    return state, f"foreign-hand: account {state.account}, {describe_foreign_movement(newly[0])}" if pauses else ""


def _affected(snapshot: MetricsSnapshot, event: Event, before: AccountState, *, alone: bool) -> tuple[Subject, ...]:
    """Return the subjects that the event may have changed and that can't wait for the next tick.

    `alone`: prices change only the metrics of the subjects that they price, and of these only those that moved count.
    """
    if isinstance(event, PricesRead):
        if not alone:
            return snapshot.margin_subjects
        return snapshot.affected_by(event.prices if event.moved is None else event.moved)
    match event:
        case StreamEvent(scope=scope):
            return _scope_if_changed(snapshot, scope, before)
        case StreamAlive() | StreamChanged() | HealthRead() | OwnerRead() | ReadFailed():
            return ()
        case InterestRead() | RatesRead() | NextRatesRead():
            return ()
        case OddsRead():
            return snapshot.margin_subjects
        case LeverageTiersRead(symbol=symbol):
            # Read pair by pair: with hundreds of pairs, all subjects each time would keep a core busy for a minute.
            return (("isolated", symbol),) if ("isolated", symbol) in snapshot.margin_subjects else ()
        case LedgerRead() | TransfersRead() | CollateralRatiosRead() | MinRepayRead() | IndexPriceRead():
            return ()
        case KeyRead() | LiquidationsRead() | WalletRead() | OpenOrdersRead() | LiquidationLoanRead():
            return (ACCOUNT_SUBJECT,)
        case _:
            return snapshot.subjects


def _scope_if_changed(snapshot: MetricsSnapshot, scope: Scope, before: AccountState) -> tuple[Subject, ...]:
    """Return the scope if its balances, or the exchange's notice of its level, have changed since `before`."""
    if scope.symbol:
        changed = live_pair(snapshot.state, scope.symbol) is not live_pair(before, scope.symbol)
    else:
        changed = live_cross_balances(snapshot.state) is not live_cross_balances(before)
        changed = changed or snapshot.state.live_balances.notice is not before.live_balances.notice
    subject: Subject = (scope.kind, scope.symbol)
    return (subject,) if changed and subject in snapshot.margin_subjects else ()
