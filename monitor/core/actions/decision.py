"""Decision on actions for the firing alerts: new intents, answered proposals, blocks."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

from monitor.core.actions.limits import REREAD_WITHIN
from monitor.core.actions.plan import PROOF_TIMEOUT, PlannedStep, follow_up_step, next_step, pending_follow_ups
from monitor.core.actions.plan_context import PlanContext, build_plan_context
from monitor.core.actions.proposal import Proposal
from monitor.core.actions.scope_position import LEVEL_STEP
from monitor.core.actions.spec import ActionSpec
from monitor.core.metrics.snapshot import Subject
from monitor.core.metrics.thresholds import THRESHOLD_DEPENDENT_METRICS
from monitor.core.model.account import CROSS, Scope
from monitor.core.model.action_blocks import ActionBlock, ActionBlocks, RuleStop
from monitor.core.model.alert import Alert, AlertState, severity_rank
from monitor.core.model.intent import Intent, IntentState, IntentStep
from monitor.core.model.metric import MetricValue
from monitor.core.model.metric_values import MetricValues
from monitor.core.model.order import Order, Reduce
from monitor.core.model.safety_settings import SafetySettings
from monitor.core.numbers.amounts import floor_to
from monitor.core.rules.rule import Rule
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_S = IntentState
_UNSEEN_TEXT = "the figures of its alert are not known, and nothing is sent until they are; act by hand"

_ActionCall = tuple[Alert, tuple[str, ...]]
"""A firing alert, and the names of the actions that its rule calls for."""


@dataclass(frozen=True, slots=True)
class Decision:
    """New intents and intents that changed state, each with its steps.

    `blocks` are the blocks of actions that a firing alert calls for. `requested_reads` are the reads (`spot`,
    `funding`) that would help an action, or without which it can't be sized.
    """

    intents: tuple[Intent, ...] = ()
    steps: tuple[IntentStep, ...] = ()
    blocks: ActionBlocks = field(default_factory=dict)
    requested_reads: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A plan that may act: the plan of a firing alert, or the follow-up of an earlier one."""

    plan: int | None
    scope: Scope
    call: _ActionCall | None
    plan_step: Callable[[PlanContext], PlannedStep]

    @property
    def alert(self) -> Alert | None:
        return None if self.call is None else self.call[0]


def decide(
    state: AccountState,
    metrics: Mapping[Subject, MetricValues],
    rules: Sequence[Rule],
    specs: Sequence[ActionSpec],
    safety: SafetySettings,
    settings: AccountSettings,
    now: datetime,
    new_id: Callable[[], int],
) -> Decision:
    """Decide on the actions of every firing alert whose rule names actions; none while the alert's data are unknown.

    Inhibited, silenced and acknowledged alerts act as well: inhibition, silence and ack concern notifications only.
    Each scope gets at most one new intent, for the worst alert first. A follow-up comes before any other action: an
    amount that a transfer brought in is used for its purpose first, for a while also after its alert has ended. Empty
    `metrics` mean that nothing was measured: only proposals are answered then.
    """
    answered = list(_answer_proposals(state, specs, now))
    action_calls, unseen_calls = _firing_calls(state, rules) if specs else ([], [])
    follow_ups = [
        follow_up
        for follow_up in pending_follow_ups(state.intents.values(), specs, now)
        if find_rule_stop(state, follow_up[1].plan) is None
    ]
    if not answered and not action_calls and not unseen_calls and not follow_ups:
        return Decision()
    intents = {**state.intents, **{intent.id: intent for intent, _ in answered}}
    if not metrics:
        return Decision(*_split(answered), blocks=state.action_blocks if action_calls or unseen_calls else {})
    spec_by_name = {spec.name: spec for spec in specs}
    made: list[tuple[Intent, IntentStep]] = list(answered)
    action_calls, stopped = _split_stopped(action_calls, spec_by_name, state)
    blocks = dict(_unseen_blocks(unseen_calls, spec_by_name, now)) | stopped
    requested_reads: frozenset[str] = frozenset()
    acted_scopes: set[Scope] = set()
    threshold_rules = {
        rule.name
        for rule in rules
        if rule.actions and not THRESHOLD_DEPENDENT_METRICS.isdisjoint(rule.when.metric_names)
    }
    proof_timeout = min(PROOF_TIMEOUT, safety.settle)
    for candidate in (
        *_follow_up_candidates(follow_ups, proof_timeout, now),
        *_alert_candidates(action_calls, spec_by_name, proof_timeout, now),
    ):
        context = build_plan_context(
            state, candidate.plan, candidate.scope, metrics, settings, tuple(intents.values()), now, candidate.alert
        )
        if candidate.scope in acted_scopes:
            continue
        if context is None:
            blocks |= _unseen_blocks([] if candidate.call is None else [candidate.call], spec_by_name, now)
            continue
        if candidate.alert is not None and candidate.alert.key.rule in threshold_rules:
            context = replace(context, is_triggered_by_thresholds=True)
        planned = candidate.plan_step(context)
        blocks |= {(candidate.scope, name): stop for name, stop in _reportable_blocks(planned.blocks, state)}
        requested_reads |= planned.requested_reads
        if planned.spec is None or planned.proposal is None:
            continue
        acted_scopes.add(candidate.scope)
        intent = _new_intent(
            planned.spec, planned.proposal, context, now, new_id(), is_follow_up=planned.follows is not None
        )
        steps = list(_first_steps(intent, planned.proposal.reason, now))
        made += steps
        intents[intent.id] = steps[-1][0]
    return Decision(*_split(made), blocks=blocks, requested_reads=requested_reads)


def alert_scope(alert: Alert) -> Scope:
    """Scope in which the alert's actions act: the alert's own pair, else cross."""
    return Scope(alert.key.subject) if alert.key.scope == "isolated" else CROSS


def with_client_id(order: Order, intent: Intent) -> Order:
    """The order with the client id by which it can be found at the exchange."""
    if not isinstance(order, Reduce):
        return order
    return replace(order, client_id=f"mm-{intent.id}-{(intent.created_at - _EPOCH) // timedelta(milliseconds=1)}")


def recorded_level(level: MetricValue) -> Decimal | None:
    """The level as an intent records it, rounded down to 8 decimals; None if it is infinite or missing."""
    return floor_to(level, LEVEL_STEP) if isinstance(level, Decimal) and level.is_finite() else None


def _firing_calls(state: AccountState, rules: Sequence[Rule]) -> tuple[list[_ActionCall], list[_ActionCall]]:
    """Firing alerts that call for actions, worst first: those with known data, and those with unknown data."""
    actions = {rule.name: rule.actions for rule in rules if rule.actions}
    firing = [
        (alert, actions[key.rule])
        for key, alert in state.alerts.items()
        if key.rule in actions and alert.state is AlertState.FIRING
    ]
    firing.sort(key=lambda call: (-severity_rank(call[0].severity), call[0].id))
    seen = [call for call in firing if call[0].unknown_since is None]
    return seen, [call for call in firing if call[0].unknown_since is not None]


def _unseen_blocks(
    calls: Iterable[_ActionCall], known: Mapping[str, ActionSpec], now: datetime
) -> Iterator[tuple[tuple[Scope, str], ActionBlock]]:
    """Yield the blocks of actions whose alerts have unknown data for longer than a read takes."""
    for alert, actions in calls:
        since = alert.unknown_since or alert.fired_at or alert.since
        if now - since < REREAD_WITHIN:
            continue
        for spec in (known[name] for name in actions if name in known):
            if spec.mode != "dry-run":
                yield (alert_scope(alert), spec.name), ActionBlock(_UNSEEN_TEXT, blocks_live_action=spec.mode == "live")


def find_rule_stop(state: AccountState, plan: int | None) -> RuleStop | None:
    """The stop of the rule whose alert has the number `plan`; None if the rule is not stopped. A lasting stop wins."""
    rules = {alert.id: key.rule for key, alert in state.alerts.items()}
    rule = None if plan is None else rules.get(plan)
    stops = (*state.commands.stopped_rules, *_unjudged(state, rules))
    holding = [s for s in stops if s.account == state.account and (s.rule == rule or plan in s.plans)]
    return next((stop for stop in holding if stop.is_lasting), next(iter(holding), None))


def _unjudged(state: AccountState, rules: Mapping[int, str]) -> Iterator[RuleStop]:
    """Yield a stop for each rule that waits for the judgement of its order, from intents not yet judged."""
    for intent in state.intents.values():
        if intent.awaits_judgement and intent.alert is not None:
            plans = frozenset({intent.alert})
            at = intent.settled_at or intent.created_at
            yield RuleStop(state.account, rules.get(intent.alert, ""), intent.id, at, "", plans, "unjudged")


def _split_stopped(
    calls: Sequence[_ActionCall], known: Mapping[str, ActionSpec], state: AccountState
) -> tuple[list[_ActionCall], dict[tuple[Scope, str], ActionBlock]]:
    """Split the actions of stopped rules from the calls, and return these as blocks; dry runs go on."""
    active: list[_ActionCall] = []
    blocks: dict[tuple[Scope, str], ActionBlock] = {}
    for alert, actions in calls:
        stop = find_rule_stop(state, alert.id)
        if stop is None:
            active.append((alert, actions))
            continue
        halted = [name for name in actions if name in known and known[name].mode != "dry-run"]
        active.append((alert, tuple(name for name in actions if name not in halted)))
        for name in halted:
            blocks[alert_scope(alert), name] = ActionBlock(
                stop.text, blocks_live_action=stop.is_lasting and known[name].mode == "live"
            )
    return active, blocks


def _follow_up_candidates(
    follow_ups: Sequence[tuple[ActionSpec, Intent]], proof_timeout: timedelta, now: datetime
) -> Iterator[_Candidate]:
    for spec, first in follow_ups:
        plan_step = partial(follow_up_step, spec=spec, first_intent=first, proof_timeout=proof_timeout, now=now)
        yield _Candidate(first.plan, first.target_scope, None, plan_step)


def _alert_candidates(
    calls: Sequence[_ActionCall], known: Mapping[str, ActionSpec], proof_timeout: timedelta, now: datetime
) -> Iterator[_Candidate]:
    for alert, actions in calls:
        specs = [known[name] for name in actions if name in known]
        yield _Candidate(
            alert.id,
            alert_scope(alert),
            (alert, actions),
            partial(next_step, specs=specs, proof_timeout=proof_timeout, now=now),
        )


def _new_intent(
    spec: ActionSpec, proposal: Proposal, context: PlanContext, now: datetime, number: int, *, is_follow_up: bool
) -> Intent:
    # Approving a transfer also approves its follow-up repayment.
    needs_approval = spec.mode == "approve" and not is_follow_up
    intent = Intent(
        id=number,
        plan=context.plan,
        action=spec.name,
        kind=proposal.kind,
        mode=spec.mode,
        account=context.position.account,
        order=proposal.order,
        state=_S.PROPOSED if needs_approval else _S.PLANNED,
        amount_usdt=proposal.amount_usdt,
        created_at=now,
        alert=context.plan,
        destination=None if proposal.order.scope == context.scope else context.scope,
        purpose=proposal.purpose,
        reason=proposal.reason,
        level_before=recorded_level(context.read_metric("margin_level")),
        level_after=recorded_level(proposal.level_after),
        expires_at=now + spec.approve_within if needs_approval else None,
        uid=context.position.uid,
    )
    return replace(intent, order=with_client_id(proposal.order, intent))


def _first_steps(intent: Intent, reason: str, now: datetime) -> Iterator[tuple[Intent, IntentStep]]:
    yield intent, IntentStep(intent.id, None, intent.state, now, reason)
    if intent.mode == "dry-run":
        done = replace(intent, state=_S.SIMULATED, settled_at=now)
        yield done, IntentStep(intent.id, _S.PLANNED, _S.SIMULATED, now, "dry run: nothing was sent")


def _reportable_blocks(blocks: Mapping[str, ActionBlock], state: AccountState) -> Iterator[tuple[str, ActionBlock]]:
    """Yield the blocks except those that only wait for a first read. Once that read fails, the block is reported."""
    for name, stop in blocks.items():
        if not stop.missing_reads:
            yield name, stop
        elif stop.missing_reads & state.polling.failed_at.keys():
            yield name, replace(stop, reason=f"{stop.reason}: reading it fails; move the money by hand")


def _answer_proposals(
    state: AccountState, specs: Sequence[ActionSpec], now: datetime
) -> Iterator[tuple[Intent, IntentStep]]:
    """Yield the steps of proposals that a person answered, that timed out, or that are no longer wanted."""
    by_name = {spec.name: spec for spec in specs}
    decisions = state.commands.decisions or {}
    firing = {alert.id for alert in state.alerts.values() if alert.state is AlertState.FIRING}
    for intent in state.intents.values():
        if intent.state is not _S.PROPOSED:
            continue
        spec = by_name.get(intent.action)
        approved = decisions.get(intent.id)
        is_held = state.is_sending_blocked or find_rule_stop(state, intent.plan) is not None
        if approved is False:
            yield _step_to(intent, _S.REJECTED, now, "rejected by a person")
        elif spec is None:
            yield _step_to(intent, _S.EXPIRED, now, "its action is not configured any more")
        elif intent.alert is not None and intent.alert not in firing:
            yield _step_to(intent, _S.EXPIRED, now, "its alert does not fire any more")
        elif approved and not is_held:
            # The deadline stays: an intent approved too late to be sent before it is not sent.
            known = replace(intent, asked_at=intent.asked_at or now)
            timed = known if spec.on_no_answer == "skip" else replace(known, expires_at=None)
            yield _step_to(timed, _S.PLANNED, now, "approved by a person")
        elif intent.expires_at is not None and now >= intent.expires_at:
            if intent.asked_at is None:
                yield _step_to(intent, _S.EXPIRED, now, "no channel has taken the question")
            elif spec.on_no_answer == "act" and not is_held:
                unbound = replace(intent, expires_at=None)
                yield _step_to(unbound, _S.PLANNED, now, "nobody answered: on_no_answer = act")
            else:
                yield _step_to(intent, _S.EXPIRED, now, "nobody approved it in time")


def _step_to(intent: Intent, to: IntentState, now: datetime, note: str) -> tuple[Intent, IntentStep]:
    """The intent in its next state, with the step."""
    moved = replace(intent, state=to) if to is _S.PLANNED else replace(intent, state=to, settled_at=now, evidence=note)
    return moved, IntentStep(intent.id, intent.state, to, now, note)


def _split(moves: Sequence[tuple[Intent, IntentStep]]) -> tuple[tuple[Intent, ...], tuple[IntentStep, ...]]:
    """Intents after all their steps, and the steps."""
    newest = {intent.id: intent for intent, _ in moves}
    return tuple(newest.values()), tuple(step for _, step in moves)
