"""What the firing alerts make of the actions: new intents, proposals answered, and the limits that stand in the way."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

from monitor.core.actions.limits import FRESH_WITHIN
from monitor.core.actions.plan import ACKNOWLEDGED_PATIENCE, Choice, choose, finish, unfinished
from monitor.core.actions.plan_context import Ground
from monitor.core.actions.position import LEVEL_STEP, standing_of
from monitor.core.actions.proposal import Proposal
from monitor.core.actions.spec import ActionSpec
from monitor.core.metrics.snapshot import Subject, figures_of
from monitor.core.metrics.thresholds import RESTING_ON_BARS
from monitor.core.model.account import CROSS, Scope
from monitor.core.model.alert import SEVERITIES, Alert, AlertState
from monitor.core.model.blocks import RuleStop, Stop, Stops
from monitor.core.model.intent import Intent, IntentState, IntentStep
from monitor.core.model.metric import Value
from monitor.core.model.metric_values import Figures
from monitor.core.model.order import Order, Reduce
from monitor.core.model.safety import Safety
from monitor.core.numbers.amounts import floor_to
from monitor.core.rules.rule import Rule
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState

READ_PAUSE = timedelta(seconds=5)
"""How long a read that failed is not asked for again."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_S = IntentState
_UNSEEN = "the figures of its alert are not known, and nothing is sent until they are; act by hand"

_Call = tuple[Alert, tuple[str, ...]]
"""An alert that fires, and the actions that it calls for."""


@dataclass(frozen=True, slots=True)
class Decision:
    """New intents and those that changed state, each with its steps.

    `blocked` names what stops actions which a firing alert wants; `wants` the reads (`spot`, `funding`) without which
    an action can't be sized.
    """

    intents: tuple[Intent, ...] = ()
    steps: tuple[IntentStep, ...] = ()
    blocked: Stops = field(default_factory=dict)
    wants: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Turn:
    """A plan that may act: of an alert that fires, or what is left to do of one that did."""

    plan: int | None
    scope: Scope
    call: _Call | None
    choose: Callable[[Ground], Choice]

    @property
    def alert(self) -> Alert | None:
        return None if self.call is None else self.call[0]


def decide(
    state: AccountState,
    figures: Mapping[Subject, Figures],
    rules: Sequence[Rule],
    specs: Sequence[ActionSpec],
    safety: Safety,
    settings: Settings,
    now: datetime,
    new_id: Callable[[], int],
) -> Decision:
    """What to do now for every firing alert whose rule names actions; nothing while its data are unknown.

    Inhibited, silenced and acknowledged alerts act all the same: that concerns who is told. One new intent a scope, the
    worst alert first; but what a transfer has brought in is used for what it was brought in for before anything else,
    for a while also when its alert is over. An empty `figures` means that nothing was measured: only proposals are
    looked after.
    """
    answered = list(_answered(state, specs, now))
    calls, unseen = _calls(state, rules) if specs else ([], [])
    halves = [half for half in unfinished(state.intents.values(), specs, now) if stop_of(state, half[1].plan) is None]
    if not answered and not calls and not unseen and not halves:
        return Decision()
    intents = {**state.intents, **{intent.id: intent for intent, _ in answered}}
    if not figures:
        return Decision(*_split(answered), blocked=state.blocked if calls or unseen else {})
    known = {spec.name: spec for spec in specs}
    made: list[tuple[Intent, IntentStep]] = list(answered)
    calls, stopped = _without_stopped(calls, known, state)
    blocked = dict(_blind(unseen, known, now)) | stopped
    wants: frozenset[str] = frozenset()
    acted: set[Scope] = set()
    by_bars = {rule.name for rule in rules if rule.actions and not RESTING_ON_BARS.isdisjoint(rule.when.names)}
    patience = min(ACKNOWLEDGED_PATIENCE, safety.settle)
    for turn in (*_unfinished(halves, patience, now), *_called_for(calls, known, patience, now)):
        ground = ground_of(state, turn.plan, turn.scope, figures, settings, tuple(intents.values()), now, turn.alert)
        if turn.scope in acted:
            continue
        if ground is None:
            blocked |= _blind([] if turn.call is None else [turn.call], known, now)
            continue
        if turn.alert is not None and turn.alert.key.rule in by_bars:
            ground = replace(ground, is_called_by_bars=True)
        choice = turn.choose(ground)
        blocked |= {(turn.scope, name): stop for name, stop in _told(choice.blocked, state)}
        wants |= choice.wants
        if choice.spec is None or choice.proposal is None:
            continue
        acted.add(turn.scope)
        intent = _born(choice.spec, choice.proposal, ground, now, new_id(), is_half=choice.half_of is not None)
        born = list(_birth(intent, choice.proposal.reason, now))
        made += born
        intents[intent.id] = born[-1][0]
    return Decision(*_split(made), blocked=blocked, wants=_worth_asking(state, wants, now))


def scope_of(alert: Alert) -> Scope:
    """The scope in which an alert's actions act: the pair it is about, else cross."""
    return Scope(alert.key.subject) if alert.key.scope == "isolated" else CROSS


def ground_of(
    state: AccountState,
    plan: int | None,
    scope: Scope,
    figures: Mapping[Subject, Figures],
    settings: Settings,
    intents: Sequence[Intent],
    now: datetime,
    alert: Alert | None = None,
) -> Ground | None:
    """What a plan stands on; None while the figures of its scope are not known. `alert` is its alert while it fires."""
    subject: Subject = (scope.kind, scope.symbol)
    measured = figures.get(subject) or figures_of(state, settings, subject, now)
    standing = standing_of(state, scope, measured)
    if standing is None:
        return None
    called_at = None if alert is None else alert.fired_at
    standing = replace(standing, acts_with_own_key=settings.acts_with_own_key)
    known = (*intents, *state.elsewhere)
    return Ground(plan, scope, standing, measured.read, known, _worse_since(state, alert), called_at, measured.bars)


def named(order: Order, intent: Intent) -> Order:
    """The order with the name that it is to bear at the exchange, by which it can be found there."""
    if not isinstance(order, Reduce):
        return order
    return replace(order, client_id=f"mm-{intent.id}-{(intent.created_at - _EPOCH) // timedelta(milliseconds=1)}")


def told_level(level: Value) -> Decimal | None:
    """The level as an intent tells it, to 8 decimals; None when it is infinite or missing."""
    return floor_to(level, LEVEL_STEP) if isinstance(level, Decimal) and level.is_finite() else None


def _calls(state: AccountState, rules: Sequence[Rule]) -> tuple[list[_Call], list[_Call]]:
    """The firing alerts that call for actions, worst first: those that can be seen, and those that can't."""
    actions = {rule.name: rule.actions for rule in rules if rule.actions}
    firing = [
        (alert, actions[key.rule])
        for key, alert in state.alerts.items()
        if key.rule in actions and alert.state is AlertState.FIRING
    ]
    firing.sort(key=lambda call: (-SEVERITIES.index(call[0].severity), call[0].id))
    seen = [call for call in firing if call[0].unknown_since is None]
    return seen, [call for call in firing if call[0].unknown_since is not None]


def _blind(
    calls: Iterable[_Call], known: Mapping[str, ActionSpec], now: datetime
) -> Iterator[tuple[tuple[Scope, str], Stop]]:
    """What stops the actions of alerts whose figures are not known, once that lasts for longer than a read takes."""
    for alert, actions in calls:
        since = alert.unknown_since or alert.fired_at or alert.since
        if now - since < FRESH_WITHIN:
            continue
        for spec in (known[name] for name in actions if name in known):
            if spec.mode != "dry-run":
                yield (scope_of(alert), spec.name), Stop(_UNSEEN, counts=spec.mode == "live")


def stop_of(state: AccountState, plan: int | None) -> RuleStop | None:
    """What stops the actions of the rule to which an alert of this number belongs; None where nothing does."""
    rules = {alert.id: key.rule for key, alert in state.alerts.items()}
    rule = None if plan is None else rules.get(plan)
    stops = (*state.operator.stopped, *_unjudged(state, rules))
    holding = [s for s in stops if s.account == state.account and (s.rule == rule or plan in s.plans)]
    return next((stop for stop in holding if stop.is_lasting), next(iter(holding), None))


def _unjudged(state: AccountState, rules: Mapping[int, str]) -> Iterator[RuleStop]:
    """The rules that wait until it is judged what an order of theirs did, by what is known before any read of them."""
    for intent in state.intents.values():
        if intent.awaits_judgement and intent.alert is not None:
            plans = frozenset({intent.alert})
            at = intent.settled_at or intent.created_at
            yield RuleStop(state.account, rules.get(intent.alert, ""), intent.id, at, "", plans, "unjudged")


def _without_stopped(
    calls: Sequence[_Call], known: Mapping[str, ActionSpec], state: AccountState
) -> tuple[list[_Call], dict[tuple[Scope, str], Stop]]:
    """The calls without the actions of rules that are stopped, and these; dry runs go on."""
    left: list[_Call] = []
    blocked: dict[tuple[Scope, str], Stop] = {}
    for alert, actions in calls:
        stop = stop_of(state, alert.id)
        if stop is None:
            left.append((alert, actions))
            continue
        halted = [name for name in actions if name in known and known[name].mode != "dry-run"]
        left.append((alert, tuple(name for name in actions if name not in halted)))
        for name in halted:
            blocked[scope_of(alert), name] = Stop(stop.text, counts=stop.is_lasting and known[name].mode == "live")
    return left, blocked


def _unfinished(halves: Sequence[tuple[ActionSpec, Intent]], patience: timedelta, now: datetime) -> Iterator[_Turn]:
    for spec, first in halves:
        chosen = partial(finish, spec=spec, first=first, patience=patience, now=now)
        yield _Turn(first.plan, first.helps, None, chosen)


def _called_for(
    calls: Sequence[_Call], known: Mapping[str, ActionSpec], patience: timedelta, now: datetime
) -> Iterator[_Turn]:
    for alert, actions in calls:
        specs = [known[name] for name in actions if name in known]
        yield _Turn(
            alert.id, scope_of(alert), (alert, actions), partial(choose, specs=specs, patience=patience, now=now)
        )


def _worse_since(state: AccountState, alert: Alert | None) -> datetime | None:
    """When a worse rung of the alert's ladder fired, which holds for as long as it inhibits this one."""
    if alert is None or alert.inhibited_by is None:
        return None
    return next((other.fired_at for other in state.alerts.values() if other.id == alert.inhibited_by), None)


def _born(spec: ActionSpec, proposal: Proposal, ground: Ground, now: datetime, number: int, *, is_half: bool) -> Intent:
    # Who approved a transfer has approved what it is for.
    asked = spec.mode == "approve" and not is_half
    born = Intent(
        id=number,
        plan=ground.plan,
        action=spec.name,
        kind=proposal.kind,
        mode=spec.mode,
        account=ground.standing.account,
        order=proposal.order,
        state=_S.PROPOSED if asked else _S.PLANNED,
        amount_usdt=proposal.amount_usdt,
        created_at=now,
        alert=ground.plan,
        goal=None if proposal.order.scope == ground.scope else ground.scope,
        purpose=proposal.purpose,
        reason=proposal.reason,
        level_before=told_level(ground.read("margin_level")),
        level_after=told_level(proposal.level_after),
        expires_at=now + spec.approve_within if asked else None,
        uid=ground.standing.uid,
    )
    return replace(born, order=named(proposal.order, born))


def _birth(intent: Intent, reason: str, now: datetime) -> Iterator[tuple[Intent, IntentStep]]:
    yield intent, IntentStep(intent.id, None, intent.state, now, reason)
    if intent.mode == "dry-run":
        done = replace(intent, state=_S.SIMULATED, settled_at=now)
        yield done, IntentStep(intent.id, _S.PLANNED, _S.SIMULATED, now, "dry run: nothing was sent")


def _worth_asking(state: AccountState, wants: frozenset[str], now: datetime) -> frozenset[str]:
    """Without the reads that failed just now: asked again at every price, they would use up what others need."""
    return frozenset(name for name in wants if name not in state.failed_at or now - state.failed_at[name] >= READ_PAUSE)


def _told(blocked: Mapping[str, Stop], state: AccountState) -> Iterator[tuple[str, Stop]]:
    """Without what only waits for a first read; once that fails, a person is told."""
    for name, stop in blocked.items():
        if not stop.lacks:
            yield name, stop
        elif stop.lacks & state.failed_at.keys():
            yield name, replace(stop, reason=f"{stop.reason}: reading it fails; move the money by hand")


def _answered(state: AccountState, specs: Sequence[ActionSpec], now: datetime) -> Iterator[tuple[Intent, IntentStep]]:
    """Proposals that a person has answered, or that have waited long enough."""
    by_name = {spec.name: spec for spec in specs}
    decisions = state.operator.decisions or {}
    firing = {alert.id for alert in state.alerts.values() if alert.state is AlertState.FIRING}
    for intent in state.intents.values():
        if intent.state is not _S.PROPOSED:
            continue
        spec = by_name.get(intent.action)
        approved = decisions.get(intent.id)
        is_held = state.is_held_back or stop_of(state, intent.plan) is not None
        if approved is False:
            yield _moved(intent, _S.REJECTED, now, "rejected by a person")
        elif spec is None:
            yield _moved(intent, _S.EXPIRED, now, "its action is not configured any more")
        elif intent.alert is not None and intent.alert not in firing:
            yield _moved(intent, _S.EXPIRED, now, "its alert does not fire any more")
        elif approved and not is_held:
            # Its time goes on: what was approved too late to be sent in it is not sent.
            known = replace(intent, asked_at=intent.asked_at or now)
            timed = known if spec.on_no_answer == "skip" else replace(known, expires_at=None)
            yield _moved(timed, _S.PLANNED, now, "approved by a person")
        elif intent.expires_at is not None and now >= intent.expires_at:
            if intent.asked_at is None:
                yield _moved(intent, _S.EXPIRED, now, "no channel has taken the question")
            elif spec.on_no_answer == "act" and not is_held:
                unbound = replace(intent, expires_at=None)
                yield _moved(unbound, _S.PLANNED, now, "nobody answered: on_no_answer = act")
            else:
                yield _moved(intent, _S.EXPIRED, now, "nobody approved it in time")


def _moved(intent: Intent, to: IntentState, now: datetime, note: str) -> tuple[Intent, IntentStep]:
    """The intent one step on."""
    moved = replace(intent, state=to) if to is _S.PLANNED else replace(intent, state=to, settled_at=now, evidence=note)
    return moved, IntentStep(intent.id, intent.state, to, now, note)


def _split(moves: Sequence[tuple[Intent, IntentStep]]) -> tuple[tuple[Intent, ...], tuple[IntentStep, ...]]:
    """The intents as they stand after all their steps, and the steps."""
    newest = {intent.id: intent for intent, _ in moves}
    return tuple(newest.values()), tuple(step for _, step in moves)
