"""The second half of an intent: the hop from cross into the pair, or repaying with what arrived."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.actions import repay, transfer_in
from monitor.core.actions.plan_context import Ground, may_try_again, target_of
from monitor.core.actions.position import FEE
from monitor.core.actions.proposal import SMALLEST_REST, Allowance, Nothing, Proposal
from monitor.core.actions.spec import ActionSpec
from monitor.core.model.intent import SPENT, Intent, IntentState
from monitor.core.model.order import ActionKind, Reduce
from monitor.core.numbers.amounts import ZERO

SECOND_HALF_WITHIN = timedelta(minutes=10)
"""How long after a transfer was sent its second half is made although no alert calls for it any more."""

IN_HALVES: tuple[ActionKind, ...] = ("transfer_in", "reduce")
"""Kinds that may leave a repayment to be made."""

REPAYS_WITHIN = timedelta(seconds=3)
"""How long after an order was proven the exchange may take to repay with what it brought."""

_S = IntentState


def second_half(ground: Ground, spec: ActionSpec, first: Intent, now: datetime) -> Proposal | Nothing:
    """What follows `first`: its second hop, or the repayment with what it brought.

    What was brought in as collateral, because the debt could not be repaid then, is used up to the target only. With
    what an order brought the exchange repays by itself, or fails to without a word: the debt tells.
    """
    if isinstance(first.order, Reduce):
        return _unrepaid(ground, spec, first, now)
    if first.scope != ground.scope:
        return transfer_in.second_hop(ground.standing, first)
    if spec.use == "collateral":
        return Nothing("it was brought in as collateral")
    target = None if first.purpose == "repay" else target_of(ground, spec)
    if isinstance(target, Nothing):
        return target
    left = first.amount - _repaid_since(ground, first)
    if left <= ZERO:
        return Nothing("what was brought in is repaid already")
    return repay.propose(ground.standing, spec, target, now, Allowance(left), only=first.asset)


def holds_back(second: Proposal | Nothing) -> bool:
    """Whether the exchange is given time for its own part: until then nothing else is sold."""
    return isinstance(second, Nothing) and second.waits


def half_open(spec: ActionSpec, mine: Sequence[Intent]) -> Intent | None:
    """The last of this action in its plan that arrived, while its second half is still to come."""
    done = _S.SIMULATED if spec.mode == "dry-run" else _S.CONFIRMED
    arrived = [i for i in mine if i.kind in IN_HALVES and i.state is done]
    if not arrived:
        return None
    last = max(arrived, key=lambda i: i.id)
    later = [i for i in mine if i.id > last.id]
    if any(i.state not in (_S.EXPIRED, _S.REFUSED) or (i.state is _S.REFUSED and not may_try_again(i)) for i in later):
        return None
    return last


def is_recent(first: Intent, now: datetime) -> bool:
    """Whether a transfer was sent so lately that its second half may be made without a firing alert."""
    return now - (first.submitted_at or first.created_at) <= SECOND_HALF_WITHIN


def of_action(ground: Ground, spec: ActionSpec) -> list[Intent]:
    """The intents of this plan that the action has made."""
    return [i for i in ground.intents if i.plan == ground.plan and i.made_by(spec.name)]


def _unrepaid(ground: Ground, spec: ActionSpec, first: Intent, now: datetime) -> Proposal | Nothing:
    """The repayment with what an order brought and the exchange did not repay."""
    row = ground.standing.rows.get(first.asset)
    if row is None or first.owed_before is None:
        return Nothing("what it brought is repaid already")
    brought = first.amount * (1 - FEE)
    left = min(brought, brought - (first.owed_before - row.balance.owed) - 2 * row.next_interest)
    if left * row.price < SMALLEST_REST:
        return Nothing("what it brought is repaid already")
    if _is_young(first, now):
        return Nothing("the exchange is given a moment to repay with what it brought", waits=True)
    return repay.propose(ground.standing, spec, None, now, Allowance(left), only=first.asset)


def _is_young(first: Intent, now: datetime) -> bool:
    at = first.settled_at or first.submitted_at
    return at is not None and now - at < REPAYS_WITHIN


def _repaid_since(ground: Ground, first: Intent) -> Decimal:
    """What others have repaid of the asset since the transfer was sent, which may be what it brought."""
    sent = first.submitted_at or first.created_at
    return sum(
        (
            i.amount
            for i in ground.intents
            if (i.kind, i.scope, i.asset) == ("repay", ground.scope, first.asset)
            and i.state in SPENT
            and i.submitted_at is not None
            and i.submitted_at >= sent
        ),
        ZERO,
    )
