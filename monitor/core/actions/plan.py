"""Plan of one alert: its actions in configured order, each after the one before is settled.

A transfer may have a follow-up: the hop from cross into the pair, and the repayment with the amount that arrived. So
may an order on the market, if the exchange did not repay with the amount that it brought. A follow-up is made first,
and for a while also after the alert has ended, since the collateral alone may have ended the alert.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import assert_never

from monitor.core.actions import cancel_orders, reduce, repay, transfer_in
from monitor.core.actions.follow_up import (
    TWO_STEP_KINDS,
    intents_of_action,
    is_recent,
    pending_follow_up,
    propose_follow_up,
    waits_for_exchange,
)
from monitor.core.actions.limit_usage import LimitUsage, compute_limit_usage, remaining_allowance, with_gap_movements
from monitor.core.actions.limits import Allowed, Denied, check_limits, find_reached_cap
from monitor.core.actions.plan_context import (
    REMAINDER_CODES,
    PlanContext,
    lacks_direct_route,
    may_retry,
    simulated_position,
    target_level,
)
from monitor.core.actions.proposal import MIN_REMAINDER_USDT, Allowance, NoProposal, Proposal
from monitor.core.actions.scope_position import ScopePosition
from monitor.core.actions.spec import ActionSpec
from monitor.core.actions.target import evaluate_target
from monitor.core.model.action_blocks import ActionBlock
from monitor.core.model.intent import IN_FLIGHT_STATES, Intent, IntentState
from monitor.core.model.order import ActionKind, Reduce, Repay, Transfer

PROOF_TIMEOUT = timedelta(seconds=10)
"""Time that the next action waits for the proof of an acknowledged intent, which then counts as unknown."""

RETRY_AFTER = timedelta(seconds=1)
RETRIES = 5
RETRIES_WITHIN = timedelta(minutes=1)
MIN_REFUSAL_PAUSE = timedelta(minutes=1)
"""Least time for which an action is skipped after a refusal that is not transient."""

LARGER_REMAINDER_USDT = Decimal(20)
"""Least debt that a partial repayment leaves, in USDT, after the exchange refused a smaller remainder."""

_S = IntentState


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """Next step of a plan. Without `proposal` the plan waits or has nothing left to do.

    `follows` is the intent whose follow-up the proposal is. `blocks` are the blocks of sending actions by name.
    `requested_reads` are the reads that would help.
    """

    spec: ActionSpec | None = None
    proposal: Proposal | None = None
    follows: Intent | None = None
    blocks: Mapping[str, ActionBlock] = field(default_factory=dict)
    requested_reads: frozenset[str] = frozenset()


def next_step(
    context: PlanContext, specs: Sequence[ActionSpec], proof_timeout: timedelta, now: datetime
) -> PlannedStep:
    """Find the first action of the plan that is wanted and allowed. A refused action passes to the next one."""
    if _must_wait(context, proof_timeout, now):
        return PlannedStep()
    blocks: dict[str, ActionBlock] = {}
    requested_reads: frozenset[str] = frozenset()
    for spec in specs:
        own_intents = intents_of_action(context, spec)
        skip_reason = _skip_reason(context, spec, own_intents, now)
        if skip_reason is not None:
            blocks[spec.name] = ActionBlock(skip_reason)
            continue
        found, follows = _reviewed_proposal(context, spec, specs, own_intents, now)
        if isinstance(found, Proposal):
            return PlannedStep(spec, found, follows)
        if isinstance(found, NoProposal):
            requested_reads |= found.requested_reads
        block = _block(spec, found)
        if block is not None:
            blocks[spec.name] = block
    return PlannedStep(blocks=blocks, requested_reads=requested_reads)


def pending_follow_ups(
    intents: Iterable[Intent], specs: Sequence[ActionSpec], now: datetime
) -> list[tuple[ActionSpec, Intent]]:
    """Recent intents that arrived and whose follow-up is still to come, each with its action."""
    known = {spec.name: spec for spec in specs if spec.kind in TWO_STEP_KINDS and spec.mode != "dry-run"}
    plans: dict[tuple[int | None, str], list[Intent]] = {}
    for intent in intents:
        if intent.mode != "manual" and intent.action in known:
            plans.setdefault((intent.plan, intent.action), []).append(intent)
    firsts = ((known[action], pending_follow_up(known[action], mine)) for (_, action), mine in plans.items())
    return [(spec, first) for spec, first in firsts if first is not None and is_recent(first, now)]


def follow_up_step(
    context: PlanContext, spec: ActionSpec, first_intent: Intent, proof_timeout: timedelta, now: datetime
) -> PlannedStep:
    """Plan the follow-up of an intent that arrived, if it is wanted and allowed."""
    if (
        _must_wait(context, proof_timeout, now)
        or _skip_reason(context, spec, intents_of_action(context, spec), now) is not None
    ):
        return PlannedStep()
    found = propose_follow_up(context, spec, first_intent, now)
    reviewed = found if isinstance(found, NoProposal) else _review_proposal(context, spec, found, first_intent, now)
    return PlannedStep(spec, reviewed, first_intent) if isinstance(reviewed, Proposal) else PlannedStep()


def propose_action(
    context: PlanContext,
    spec: ActionSpec,
    plan: Sequence[ActionSpec],
    own_intents: Sequence[Intent],
    allowance: Allowance,
    now: datetime,
    *,
    only_symbol: str | None = None,
) -> tuple[Proposal | NoProposal, Intent | None]:
    """Propose the order of `spec` in this context. The second result is the intent that it follows up, or None.

    `plan` are the actions for which orders would be cancelled. `only_symbol` is the one symbol to cancel orders of.
    """
    target = target_level(context, spec)
    if isinstance(target, NoProposal):
        return target, None
    first_intent = pending_follow_up(spec, own_intents)
    if first_intent is not None:
        follow_up = propose_follow_up(context, spec, first_intent, now)
        if isinstance(follow_up, Proposal) or first_intent.scope != context.scope or waits_for_exchange(follow_up):
            return follow_up, first_intent
    unsettled = _unsettled_assets(context, spec.kind if spec.kind in ("reduce", "cancel_orders") else "repay")
    min_remainder = (
        LARGER_REMAINDER_USDT if any(i.refused_code in REMAINDER_CODES for i in own_intents) else MIN_REMAINDER_USDT
    )
    position = context.position
    match spec.kind:
        case "repay":
            return repay.propose_repayment(
                position, spec, target, now, allowance, unsettled=unsettled, min_remainder=min_remainder
            ), None
        case "transfer_in":
            direct_route = not any(lacks_direct_route(i) for i in context.intents)
            found = transfer_in.propose_transfer_in(
                position,
                spec,
                target,
                now,
                allowance,
                unsettled=unsettled,
                min_remainder=min_remainder,
                direct_route=direct_route,
            )
            return found, None
        case "reduce":
            return reduce.propose_reduction(position, spec, target, now, allowance, unsettled=unsettled), None
        case "cancel_orders":
            highest_target, sellable = _highest_target(context, plan), _sellable(plan)
            return cancel_orders.propose_cancellation(
                position, spec, highest_target, sellable, unsettled=unsettled, only_symbol=only_symbol
            ), None
        case _:
            assert_never(spec.kind)


def _unsettled_assets(context: PlanContext, kind: ActionKind) -> frozenset[str]:
    """Assets of orders of this kind that are in flight in the scope, including the asset that an order sells."""
    open_ = [i for i in context.intents if (i.kind, i.scope) == (kind, context.scope) and i.state in IN_FLIGHT_STATES]
    sold = {i.order.sell_asset for i in open_ if isinstance(i.order, Reduce)}
    return frozenset({i.asset for i in open_} | sold)


def _highest_target(context: PlanContext, plan: Sequence[ActionSpec]) -> Decimal | None:
    """Highest target level of the plan's actions; None if one is sized by an amount, or its target is not known."""
    levels: list[Decimal] = []
    for spec in plan:
        if spec.kind == "cancel_orders":
            continue
        level = None if spec.sizing_target is None else evaluate_target(spec.sizing_target, context.read_metric)
        if not isinstance(level, Decimal):
            return None
        levels.append(level)
    return max(levels, default=None)


def _sellable(plan: Sequence[ActionSpec]) -> frozenset[str] | None:
    """Assets that the plan's `reduce` actions may sell; None: any asset."""
    sellers = [spec for spec in plan if spec.kind == "reduce"]
    if any(not spec.sell for spec in sellers):
        return None
    return frozenset(asset for spec in sellers for asset in spec.sell)


def _reviewed_proposal(
    context: PlanContext, spec: ActionSpec, plan: Sequence[ActionSpec], own_intents: Sequence[Intent], now: datetime
) -> tuple[Proposal | NoProposal | Denied, Intent | None]:
    """Propose an order of one action and review it. The second result is the intent that it follows up, or None."""
    if spec.mode == "dry-run":
        context = replace(context, position=simulated_position(context))
    usage = _usage(context, spec, now)
    found, follows = propose_action(context, spec, plan, own_intents, remaining_allowance(spec, usage), now)
    if isinstance(found, NoProposal):
        return ((find_reached_cap(spec, usage) or found) if found.is_blocked else found), None
    return _review_proposal(context, spec, found, follows, now), follows


def _usage(context: PlanContext, spec: ActionSpec, now: datetime) -> LimitUsage:
    usage = compute_limit_usage(spec, context.position.account, context.intents, now, context.position.uid)
    return with_gap_movements(usage, spec, context.position.gap_movements, now)


def _review_proposal(
    context: PlanContext, spec: ActionSpec, proposal: Proposal, follows: Intent | None, now: datetime
) -> Proposal | Denied:
    usage = _usage(context, spec, now)
    verdict = check_limits(
        proposal,
        context.position,
        spec,
        usage,
        now,
        worse_since=context.worse_since,
        firing_since=context.firing_since,
        follows=follows,
    )
    return resize(proposal, verdict.amount, context.position) if isinstance(verdict, Allowed) else verdict


def _block(spec: ActionSpec, outcome: NoProposal | Denied) -> ActionBlock | None:
    """Block of an action that is not taken now, for people to see; None if nothing needs to be done about it."""
    if spec.mode == "dry-run":
        return None
    if isinstance(outcome, Denied) or outcome.is_blocked:
        return ActionBlock(outcome.reason, blocks_live_action=spec.mode == "live" and outcome.is_blocked)
    return (
        ActionBlock(outcome.reason, blocks_live_action=spec.mode == "live", missing_reads=outcome.missing_reads)
        if outcome.missing_reads
        else None
    )


def resize(proposal: Proposal, amount: Decimal, position: ScopePosition) -> Proposal:
    """The proposal with a smaller amount and the level that it leads to.

    An order on the market is returned unchanged. It is sized within its limits from the start, because an amount in
    whole lots can't be cut freely.
    """
    if amount == proposal.order.amount or not isinstance(proposal.order, Repay | Transfer):
        return proposal
    order = replace(proposal.order, amount=amount)
    usdt = proposal.amount_usdt * amount / proposal.order.amount
    return replace(proposal, order=order, amount_usdt=usdt, level_after=position.after(order).level)


def _must_wait(context: PlanContext, proof_timeout: timedelta, now: datetime) -> bool:
    related = (i for i in context.intents if i.plan == context.plan or i.scope == context.scope)
    return any(_is_unsettled(context, intent, proof_timeout, now) for intent in related)


def _is_unsettled(context: PlanContext, intent: Intent, proof_timeout: timedelta, now: datetime) -> bool:
    """Return whether the plan waits for this intent: it is not settled, or no snapshot shows its effect yet."""
    match intent.state:
        case _S.PROPOSED:
            return intent.plan == context.plan
        case _S.PLANNED | _S.SUBMITTING:
            return True
        case _S.ACKNOWLEDGED:
            return intent.submitted_at is None or now - intent.submitted_at < proof_timeout
        case _S.CONFIRMED:
            return intent.settled_at is not None and context.position.as_of < intent.settled_at
        case _:
            return False


def _skip_reason(context: PlanContext, spec: ActionSpec, own_intents: Sequence[Intent], now: datetime) -> str | None:
    """Reason to skip the action for now: refused, rejected, unanswered, or tried too often; None if there is none."""
    since = context.worse_since
    attempts: list[datetime] = []
    for intent in own_intents:
        at = intent.settled_at
        if at is None:
            continue
        if intent.is_unasked:
            return f"no channel has taken the question R-{intent.id}; once one takes a message, it is asked again"
        # Once a channel took the message of its end, a person can be asked again.
        unanswered = intent.is_timed_out and intent.asked_at is not None and intent.asked_at <= at
        if (intent.state is _S.REJECTED or unanswered) and (since is None or since <= at):
            was = (
                f"R-{intent.id} was not approved and sent in time" if unanswered else f"a person rejected R-{intent.id}"
            )
            return f"{was}, so it is not proposed again; act by hand"
        pause = max(spec.cooldown, MIN_REFUSAL_PAUSE)
        if intent.state is _S.REFUSED and not may_retry(intent) and now - at < pause:
            return _retry_text(intent, at + pause)
        if intent.state in (_S.REFUSED, _S.EXPIRED):
            if now - at < RETRIES_WITHIN:
                attempts.append(at)
            if now - at < RETRY_AFTER:
                return _retry_text(intent, at + RETRY_AFTER)
    if len(attempts) < RETRIES:
        return None
    last = max((i for i in own_intents if i.settled_at in attempts), key=lambda i: i.id)
    return _retry_text(last, sorted(attempts)[-RETRIES] + RETRIES_WITHIN)


def _retry_text(intent: Intent, at: datetime) -> str:
    """Text of the intent's end and of the time at which its action is tried again."""
    reason = (intent.evidence or "no reason given").removeprefix("refused ")
    was = f"the exchange refused R-{intent.id}" if intent.state is _S.REFUSED else f"R-{intent.id} was not sent"
    return f"{was} ({reason}); tried again from {at:%H:%M:%S} UTC on, or act by hand"
