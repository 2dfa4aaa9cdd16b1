"""Follow-up of an intent in two steps: the hop from cross into the pair, or the repayment with the amount brought."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.actions import repay, transfer_in
from monitor.core.actions.plan_context import PlanContext, may_retry, target_level
from monitor.core.actions.proposal import MIN_REMAINDER_USDT, Allowance, NoProposal, Proposal
from monitor.core.actions.scope_position import TRADING_FEE
from monitor.core.actions.spec import ActionSpec
from monitor.core.model.intent import SPENT_STATES, Intent, IntentState
from monitor.core.model.order import ActionKind, Reduce
from monitor.core.numbers.amounts import ZERO

FOLLOW_UP_WITHIN = timedelta(minutes=10)
"""Time after a transfer was sent in which its follow-up is made even if no alert calls for it any more."""

TWO_STEP_KINDS: tuple[ActionKind, ...] = ("transfer_in", "reduce")
"""Kinds of action that may need a follow-up."""

AUTO_REPAY_WITHIN = timedelta(seconds=3)
"""Time that the exchange may take, after an order was proven, to repay with the amount that it brought."""

_S = IntentState


def propose_follow_up(
    context: PlanContext, spec: ActionSpec, first_intent: Intent, now: datetime
) -> Proposal | NoProposal:
    """Propose the follow-up of `first_intent`: its second hop, or the repayment with the amount that it brought.

    An amount that was brought in as collateral, because the debt could not be repaid then, is used up to the target
    only. With the amount that an order on the market brought the exchange repays by itself, or fails to do so without
    an error: only the debt shows which.
    """
    if isinstance(first_intent.order, Reduce):
        return _repay_remainder(context, spec, first_intent, now)
    if first_intent.scope != context.scope:
        return transfer_in.propose_second_hop(context.position, first_intent)
    if spec.use == "collateral":
        return NoProposal("it was brought in as collateral")
    target = None if first_intent.purpose == "repay" else target_level(context, spec)
    if isinstance(target, NoProposal):
        return target
    left = first_intent.amount - _repaid_since(context, first_intent)
    if left <= ZERO:
        return NoProposal("what was brought in is repaid already")
    return repay.propose_repayment(context.position, spec, target, now, Allowance(left), only_asset=first_intent.asset)


def waits_for_exchange(proposal: Proposal | NoProposal) -> bool:
    """Return whether the exchange is given time to repay by itself; until then nothing else is sold."""
    return isinstance(proposal, NoProposal) and proposal.waits_for_exchange


def pending_follow_up(spec: ActionSpec, own_intents: Sequence[Intent]) -> Intent | None:
    """The last intent of this action in its plan that arrived, while its follow-up is still to come; None otherwise."""
    done = _S.SIMULATED if spec.mode == "dry-run" else _S.CONFIRMED
    arrived = [i for i in own_intents if i.kind in TWO_STEP_KINDS and i.state is done]
    if not arrived:
        return None
    last = max(arrived, key=lambda i: i.id)
    later = [i for i in own_intents if i.id > last.id]
    if any(i.state not in (_S.EXPIRED, _S.REFUSED) or (i.state is _S.REFUSED and not may_retry(i)) for i in later):
        return None
    return last


def is_recent(first_intent: Intent, now: datetime) -> bool:
    """Return whether the intent was sent so recently that its follow-up may be made without a firing alert."""
    return now - (first_intent.submitted_at or first_intent.created_at) <= FOLLOW_UP_WITHIN


def intents_of_action(context: PlanContext, spec: ActionSpec) -> list[Intent]:
    """Intents of this plan that the action made."""
    return [i for i in context.intents if i.plan == context.plan and i.is_made_by(spec.name)]


def _repay_remainder(
    context: PlanContext, spec: ActionSpec, first_intent: Intent, now: datetime
) -> Proposal | NoProposal:
    """Propose the repayment with the amount that an order brought and the exchange did not repay by itself."""
    row = context.position.by_asset.get(first_intent.asset)
    if row is None or first_intent.owed_before is None:
        return NoProposal("what it brought is repaid already")
    proceeds = first_intent.amount * (1 - TRADING_FEE)
    left = min(proceeds, proceeds - (first_intent.owed_before - row.balance.owed) - 2 * row.next_interest)
    if left * row.price < MIN_REMAINDER_USDT:
        return NoProposal("what it brought is repaid already")
    if _may_auto_repay(first_intent, now):
        return NoProposal("the exchange is given a moment to repay with what it brought", waits_for_exchange=True)
    return repay.propose_repayment(context.position, spec, None, now, Allowance(left), only_asset=first_intent.asset)


def _may_auto_repay(first_intent: Intent, now: datetime) -> bool:
    at = first_intent.settled_at or first_intent.submitted_at
    return at is not None and now - at < AUTO_REPAY_WITHIN


def _repaid_since(context: PlanContext, first_intent: Intent) -> Decimal:
    """Repayments of the asset that were sent since the transfer, and may have used the amount it brought."""
    sent = first_intent.submitted_at or first_intent.created_at
    return sum(
        (
            i.amount
            for i in context.intents
            if (i.kind, i.scope, i.asset) == ("repay", context.scope, first_intent.asset)
            and i.state in SPENT_STATES
            and i.submitted_at is not None
            and i.submitted_at >= sent
        ),
        ZERO,
    )
