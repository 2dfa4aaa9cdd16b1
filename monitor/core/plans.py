"""The plan of one alert: its actions in the order of the configuration, the next one when the one before is settled.

A transfer may have a second half: the hop from cross into the pair, and the repayment with what arrived. That is made
first, and for a while also when the alert is over: collateral alone may have ended it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.account import CROSS, ZERO, Scope
from monitor.core.actions import repay, transfer_in
from monitor.core.actions.proposal import SMALLEST_REST, Allowance, Nothing, Proposal
from monitor.core.actions.spec import ActionSpec
from monitor.core.actions.target import level_wanted
from monitor.core.expressions import Read
from monitor.core.guards import Approved, Refused, allowance, exhausted, review, spent_by
from monitor.core.intents import IN_FLIGHT, SPENT, ByName, Intent, IntentState, Transfer
from monitor.core.metrics import Missing
from monitor.core.standing import Standing

ACKNOWLEDGED_PATIENCE = timedelta(seconds=10)
"""How long the next action waits for the proof of an acknowledged one before it counts as unknown."""

RETRY_AFTER = timedelta(seconds=1)
RETRIES = 5
RETRIES_WITHIN = timedelta(minutes=1)
REFUSAL_PAUSE = timedelta(minutes=1)
"""How long an action that was refused for good is passed over, at least."""

REST_REFUSALS = frozenset({-3015, -3016, -3024})
"""Codes by which the exchange says that the amount, or what it would leave, is not to its liking."""

LARGER_REST = Decimal(20)
"""USDT that a partial repayment leaves at least, after the exchange refused a smaller rest."""

SECOND_HALF_WITHIN = timedelta(minutes=10)
"""How long after a transfer was sent its second half is made although no alert calls for it any more."""

_S = IntentState


@dataclass(frozen=True, slots=True)
class Choice:
    """What a plan does next. Without `proposal` it waits or has nothing left to do.

    `half_of` is the transfer whose second half the proposal is. `blocked` names, by action, the limit that stops a live
    action; `wants` the reads that would help.
    """

    spec: ActionSpec | None = None
    proposal: Proposal | None = None
    half_of: Intent | None = None
    blocked: Mapping[str, str] = field(default_factory=dict)
    wants: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Ground:
    """What the plan of an alert (its number) stands on: its scope as it is now, and every intent that may matter."""

    plan: int | None
    scope: Scope
    standing: Standing
    read: Read
    intents: Sequence[Intent]
    worse_since: datetime | None = None


def choose(ground: Ground, specs: Sequence[ActionSpec], patience: timedelta, now: datetime) -> Choice:
    """The first action of the plan that is wanted and allowed; a refused one passes to the next."""
    if _has_to_wait(ground, patience, now):
        return Choice()
    blocked: dict[str, str] = {}
    wants: frozenset[str] = frozenset()
    for spec in specs:
        mine = of_action(ground, spec)
        if _passed_over(ground, spec, mine, now):
            continue
        found, half_of = _next(ground, spec, mine, now)
        if isinstance(found, Proposal):
            return Choice(spec, found, half_of)
        if isinstance(found, Nothing):
            wants |= found.wants
        if spec.mode == "live" and found.blocked:
            blocked[spec.name] = found.reason
    return Choice(blocked=blocked, wants=wants)


def unfinished(
    intents: Iterable[Intent], specs: Sequence[ActionSpec], now: datetime
) -> list[tuple[ActionSpec, Intent]]:
    """The transfers sent lately that arrived and whose second half is still to come, each with its action."""
    known = {spec.name: spec for spec in specs if spec.kind == "transfer_in" and spec.mode != "dry-run"}
    plans: dict[tuple[int | None, str], list[Intent]] = {}
    for intent in intents:
        if intent.mode != "manual" and intent.action in known:
            plans.setdefault((intent.plan, intent.action), []).append(intent)
    firsts = ((known[action], half_open(known[action], mine)) for (_, action), mine in plans.items())
    return [(spec, first) for spec, first in firsts if first is not None and is_recent(first, now)]


def finish(ground: Ground, spec: ActionSpec, first: Intent, patience: timedelta, now: datetime) -> Choice:
    """The second half of a transfer that arrived, when it is wanted and allowed."""
    if _has_to_wait(ground, patience, now) or _passed_over(ground, spec, of_action(ground, spec), now):
        return Choice()
    found = second_half(ground, spec, first, now)
    reviewed = found if isinstance(found, Nothing) else _reviewed(ground, spec, found, first, now)
    return Choice(spec, reviewed, first) if isinstance(reviewed, Proposal) else Choice()


def propose(
    ground: Ground, spec: ActionSpec, mine: Sequence[Intent], left: Allowance, now: datetime
) -> tuple[Proposal | Nothing, Intent | None]:
    """What `spec` would do on this ground, and the transfer of which that is the second half, if it is one."""
    target = _target(ground, spec)
    if isinstance(target, Nothing):
        return target, None
    first = half_open(spec, mine)
    if first is not None:
        second = second_half(ground, spec, first, now)
        if isinstance(second, Proposal) or first.scope != ground.scope:
            return second, first
    busy = frozenset(
        i.asset for i in ground.intents if i.kind == "repay" and i.scope == ground.scope and i.state in IN_FLIGHT
    )
    rest = LARGER_REST if any(i.refused_code in REST_REFUSALS for i in mine) else SMALLEST_REST
    standing = ground.standing
    match spec.kind:
        case "repay":
            return repay.propose(standing, spec, target, now, left, busy=busy, rest=rest), None
        case "transfer_in":
            direct = not any(_says_no_direct_way(i) for i in ground.intents)
            found = transfer_in.propose(standing, spec, target, now, left, busy=busy, rest=rest, direct=direct)
            return found, None
        case _:
            return Nothing(f"{spec.kind} is not available yet", blocked=True), None


def second_half(ground: Ground, spec: ActionSpec, first: Intent, now: datetime) -> Proposal | Nothing:
    """What follows the transfer `first`: its second hop, or the repayment with what it brought.

    What was brought in as collateral, because the debt could not be repaid then, is used up to the target only.
    """
    if first.scope != ground.scope:
        return transfer_in.second_hop(ground.standing, first)
    if spec.use == "collateral":
        return Nothing("it was brought in as collateral")
    target = None if first.purpose == "repay" else _target(ground, spec)
    if isinstance(target, Nothing):
        return target
    left = first.amount - _repaid_since(ground, first)
    if left <= ZERO:
        return Nothing("what was brought in is repaid already")
    return repay.propose(ground.standing, spec, target, now, Allowance(left), only=first.asset)


def half_open(spec: ActionSpec, mine: Sequence[Intent]) -> Intent | None:
    """The last transfer of this action in its plan that arrived, while its second half is still to come."""
    done = _S.SIMULATED if spec.mode == "dry-run" else _S.CONFIRMED
    arrived = [i for i in mine if i.kind == "transfer_in" and i.state is done]
    if not arrived:
        return None
    last = max(arrived, key=lambda i: i.id)
    later = [i for i in mine if i.id > last.id]
    if any(i.state not in (_S.EXPIRED, _S.REFUSED) or (i.state is _S.REFUSED and not _may_try_again(i)) for i in later):
        return None
    return last


def is_recent(first: Intent, now: datetime) -> bool:
    """Whether a transfer was sent so lately that its second half may be made without a firing alert."""
    return now - (first.submitted_at or first.created_at) <= SECOND_HALF_WITHIN


def of_action(ground: Ground, spec: ActionSpec) -> list[Intent]:
    """The intents of this plan that the action has made."""
    return [i for i in ground.intents if i.plan == ground.plan and i.made_by(spec.name)]


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


def _target(ground: Ground, spec: ActionSpec) -> Decimal | Nothing | None:
    """The level that sizes the action; None when an amount does."""
    if spec.sized_to is None:
        return None
    level = level_wanted(spec.sized_to, ground.read)
    return Nothing("the level of its target is not known", blocked=True) if isinstance(level, Missing) else level


def _next(
    ground: Ground, spec: ActionSpec, mine: Sequence[Intent], now: datetime
) -> tuple[Proposal | Nothing | Refused, Intent | None]:
    """The reviewed proposal of one action, with the amount that the limits leave, and what it is the second half of."""
    if spec.mode == "dry-run":
        ground = replace(ground, standing=_as_if_done(ground))
    spent = spent_by(spec, ground.standing.account, ground.intents, now)
    found, half_of = propose(ground, spec, mine, allowance(spec, spent), now)
    if isinstance(found, Nothing):
        return ((exhausted(spec, spent) or found) if found.blocked else found), None
    return _reviewed(ground, spec, found, half_of, now), half_of


def _reviewed(
    ground: Ground, spec: ActionSpec, found: Proposal, half_of: Intent | None, now: datetime
) -> Proposal | Refused:
    spent = spent_by(spec, ground.standing.account, ground.intents, now)
    verdict = review(found, ground.standing, spec, spent, now, worse_since=ground.worse_since, half_of=half_of)
    return cut(found, verdict.amount, ground.standing) if isinstance(verdict, Approved) else verdict


def cut(proposal: Proposal, amount: Decimal, standing: Standing) -> Proposal:
    """The proposal with a smaller amount, and the level that this leads to."""
    if amount == proposal.order.amount:
        return proposal
    order = replace(proposal.order, amount=amount)
    usdt = proposal.amount_usdt * amount / proposal.order.amount
    return replace(proposal, order=order, amount_usdt=usdt, level_after=standing.after(order).level)


def _has_to_wait(ground: Ground, patience: timedelta, now: datetime) -> bool:
    related = (i for i in ground.intents if i.plan == ground.plan or i.scope == ground.scope)
    return any(_holds_up(ground, intent, patience, now) for intent in related)


def _holds_up(ground: Ground, intent: Intent, patience: timedelta, now: datetime) -> bool:
    """Whether the plan waits for this intent: it is not settled, or no snapshot shows yet what it did."""
    match intent.state:
        case _S.PROPOSED:
            return intent.plan == ground.plan
        case _S.PLANNED | _S.SUBMITTING:
            return True
        case _S.ACKNOWLEDGED:
            return intent.submitted_at is None or now - intent.submitted_at < patience
        case _S.CONFIRMED:
            return intent.settled_at is not None and ground.standing.as_of < intent.settled_at
        case _:
            return False


def _passed_over(ground: Ground, spec: ActionSpec, mine: Sequence[Intent], now: datetime) -> bool:
    """Whether the action had its turn in this plan for now: refused, rejected, unanswered, or tried too often."""
    since = ground.worse_since
    tries = 0
    for intent in mine:
        at = intent.settled_at
        if at is None:
            continue
        unanswered = intent.state is _S.EXPIRED and intent.expires_at is not None and at >= intent.expires_at
        if (intent.state is _S.REJECTED or unanswered) and (since is None or since <= at):
            return True
        if intent.state is _S.REFUSED and not _may_try_again(intent) and now - at < max(spec.cooldown, REFUSAL_PAUSE):
            return True
        if intent.state in (_S.REFUSED, _S.EXPIRED):
            tries += now - at < RETRIES_WITHIN
            if now - at < RETRY_AFTER:
                return True
    return tries >= RETRIES


def _may_try_again(refused: Intent) -> bool:
    return refused.refused_transiently or refused.refused_code in REST_REFUSALS or _says_no_direct_way(refused)


def _says_no_direct_way(intent: Intent) -> bool:
    return (
        intent.refused_code in transfer_in.DIRECT_REFUSALS
        and isinstance(intent.order, Transfer)
        and intent.order.source == "spot"
        and intent.scope != CROSS
    )


def _as_if_done(ground: Ground) -> Standing:
    """The standing if the dry runs of this plan had been real; one that the real balances overtook is left out."""
    standing = ground.standing
    for intent in ground.intents:
        is_ours = intent.state is _S.SIMULATED and intent.plan == ground.plan
        if is_ours and not isinstance(intent.order, ByName) and _still_possible(standing, intent):
            standing = standing.after(intent.order)
    return standing


def _still_possible(standing: Standing, intent: Intent) -> bool:
    if isinstance(intent.order, Transfer):
        there = standing.outside.get(intent.order.source, {}).get(intent.asset, ZERO)
        return intent.amount <= there and standing.price(intent.asset) is not None
    row = standing.rows.get(intent.asset)
    return row is not None and intent.amount <= min(row.balance.free, row.balance.owed)
