"""The plan of one alert: its actions in the order of the configuration, the next one when the one before is settled.

A transfer may have a second half: the hop from cross into the pair, and the repayment with what arrived. So may an
order on the market, where the exchange did not repay with what it brought. That is made first, and for a while also
when the alert is over: collateral alone may have ended it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import assert_never

from monitor.core.actions import cancel_orders, reduce, repay, transfer_in
from monitor.core.actions.follow_up import IN_HALVES, half_open, holds_back, is_recent, of_action, second_half
from monitor.core.actions.limits import Approved, Refused, Spent, allowance, exhausted, review, spent_by, with_found
from monitor.core.actions.plan_context import REST_REFUSALS, Ground, may_try_again, says_no_direct_way, target_of
from monitor.core.actions.position import Standing
from monitor.core.actions.proposal import SMALLEST_REST, Allowance, Nothing, Proposal
from monitor.core.actions.spec import ActionSpec
from monitor.core.actions.target import level_wanted
from monitor.core.model.blocks import Stop
from monitor.core.model.intent import IN_FLIGHT, Intent, IntentState
from monitor.core.model.order import ActionKind, ByName, CancelOrders, Reduce, Repay, Transfer
from monitor.core.numbers.amounts import ZERO

ACKNOWLEDGED_PATIENCE = timedelta(seconds=10)
"""How long the next action waits for the proof of an acknowledged one before it counts as unknown."""

RETRY_AFTER = timedelta(seconds=1)
RETRIES = 5
RETRIES_WITHIN = timedelta(minutes=1)
REFUSAL_PAUSE = timedelta(minutes=1)
"""How long an action that was refused for good is passed over, at least."""

LARGER_REST = Decimal(20)
"""USDT that a partial repayment leaves at least, after the exchange refused a smaller rest."""

_S = IntentState


@dataclass(frozen=True, slots=True)
class Choice:
    """What a plan does next. Without `proposal` it waits or has nothing left to do.

    `half_of` is the transfer whose second half the proposal is. `blocked` names, by action, what stops an action that
    would send; `wants` the reads that would help.
    """

    spec: ActionSpec | None = None
    proposal: Proposal | None = None
    half_of: Intent | None = None
    blocked: Mapping[str, Stop] = field(default_factory=dict)
    wants: frozenset[str] = frozenset()


def choose(ground: Ground, specs: Sequence[ActionSpec], patience: timedelta, now: datetime) -> Choice:
    """The first action of the plan that is wanted and allowed; a refused one passes to the next."""
    if _has_to_wait(ground, patience, now):
        return Choice()
    blocked: dict[str, Stop] = {}
    wants: frozenset[str] = frozenset()
    for spec in specs:
        mine = of_action(ground, spec)
        had_its_turn = _passed_over(ground, spec, mine, now)
        if had_its_turn is not None:
            blocked[spec.name] = Stop(had_its_turn)
            continue
        found, half_of = _next(ground, spec, specs, mine, now)
        if isinstance(found, Proposal):
            return Choice(spec, found, half_of)
        if isinstance(found, Nothing):
            wants |= found.wants
        stop = _stop(spec, found)
        if stop is not None:
            blocked[spec.name] = stop
    return Choice(blocked=blocked, wants=wants)


def unfinished(
    intents: Iterable[Intent], specs: Sequence[ActionSpec], now: datetime
) -> list[tuple[ActionSpec, Intent]]:
    """What was sent lately, arrived, and has a second half that is still to come, each with its action."""
    known = {spec.name: spec for spec in specs if spec.kind in IN_HALVES and spec.mode != "dry-run"}
    plans: dict[tuple[int | None, str], list[Intent]] = {}
    for intent in intents:
        if intent.mode != "manual" and intent.action in known:
            plans.setdefault((intent.plan, intent.action), []).append(intent)
    firsts = ((known[action], half_open(known[action], mine)) for (_, action), mine in plans.items())
    return [(spec, first) for spec, first in firsts if first is not None and is_recent(first, now)]


def finish(ground: Ground, spec: ActionSpec, first: Intent, patience: timedelta, now: datetime) -> Choice:
    """The second half of a transfer that arrived, when it is wanted and allowed."""
    if _has_to_wait(ground, patience, now) or _passed_over(ground, spec, of_action(ground, spec), now) is not None:
        return Choice()
    found = second_half(ground, spec, first, now)
    reviewed = found if isinstance(found, Nothing) else _reviewed(ground, spec, found, first, now)
    return Choice(spec, reviewed, first) if isinstance(reviewed, Proposal) else Choice()


def propose(
    ground: Ground,
    spec: ActionSpec,
    plan: Sequence[ActionSpec],
    mine: Sequence[Intent],
    left: Allowance,
    now: datetime,
    *,
    only: str | None = None,
) -> tuple[Proposal | Nothing, Intent | None]:
    """What `spec` would do on this ground, and the intent of which that is the second half, if it is one.

    `plan` are the actions that orders would be cancelled for; `only` the one symbol on which they would be.
    """
    target = target_of(ground, spec)
    if isinstance(target, Nothing):
        return target, None
    first = half_open(spec, mine)
    if first is not None:
        second = second_half(ground, spec, first, now)
        if isinstance(second, Proposal) or first.scope != ground.scope or holds_back(second):
            return second, first
    busy = _busy(ground, spec.kind if spec.kind in ("reduce", "cancel_orders") else "repay")
    rest = LARGER_REST if any(i.refused_code in REST_REFUSALS for i in mine) else SMALLEST_REST
    standing = ground.standing
    match spec.kind:
        case "repay":
            return repay.propose(standing, spec, target, now, left, busy=busy, rest=rest), None
        case "transfer_in":
            direct = not any(says_no_direct_way(i) for i in ground.intents)
            found = transfer_in.propose(standing, spec, target, now, left, busy=busy, rest=rest, direct=direct)
            return found, None
        case "reduce":
            return reduce.propose(standing, spec, target, now, left, busy=busy), None
        case "cancel_orders":
            aim, sellable = _aim(ground, plan), _sellable(plan)
            return cancel_orders.propose(standing, spec, aim, sellable, busy=busy, only=only), None
        case _:
            assert_never(spec.kind)


def _busy(ground: Ground, kind: ActionKind) -> frozenset[str]:
    """What an order of this kind and of unknown outcome is about: for one on the market, what it sells too."""
    open_ = [i for i in ground.intents if (i.kind, i.scope) == (kind, ground.scope) and i.state in IN_FLIGHT]
    sold = {i.order.sells for i in open_ if isinstance(i.order, Reduce)}
    return frozenset({i.asset for i in open_} | sold)


def _aim(ground: Ground, plan: Sequence[ActionSpec]) -> Decimal | None:
    """The highest level that an action of the plan is to reach; None where one is sized by an amount."""
    levels: list[Decimal] = []
    for spec in plan:
        if spec.kind == "cancel_orders":
            continue
        level = None if spec.sized_to is None else level_wanted(spec.sized_to, ground.read)
        if not isinstance(level, Decimal):
            return None
        levels.append(level)
    return max(levels, default=None)


def _sellable(plan: Sequence[ActionSpec]) -> frozenset[str] | None:
    """What an action of the plan would sell; None: anything."""
    sellers = [spec for spec in plan if spec.kind == "reduce"]
    if any(not spec.sell for spec in sellers):
        return None
    return frozenset(asset for spec in sellers for asset in spec.sell)


def _next(
    ground: Ground, spec: ActionSpec, plan: Sequence[ActionSpec], mine: Sequence[Intent], now: datetime
) -> tuple[Proposal | Nothing | Refused, Intent | None]:
    """The reviewed proposal of one action, with the amount that the limits leave, and what it is the second half of."""
    if spec.mode == "dry-run":
        ground = replace(ground, standing=_as_if_done(ground))
    spent = _spent(ground, spec, now)
    found, half_of = propose(ground, spec, plan, mine, allowance(spec, spent), now)
    if isinstance(found, Nothing):
        return ((exhausted(spec, spent) or found) if found.blocked else found), None
    return _reviewed(ground, spec, found, half_of, now), half_of


def _spent(ground: Ground, spec: ActionSpec, now: datetime) -> Spent:
    spent = spent_by(spec, ground.standing.account, ground.intents, now, ground.standing.uid)
    return with_found(spent, spec, ground.standing.found, now)


def _reviewed(
    ground: Ground, spec: ActionSpec, found: Proposal, half_of: Intent | None, now: datetime
) -> Proposal | Refused:
    spent = _spent(ground, spec, now)
    verdict = review(
        found,
        ground.standing,
        spec,
        spent,
        now,
        worse_since=ground.worse_since,
        called_at=ground.called_at,
        half_of=half_of,
    )
    return cut(found, verdict.amount, ground.standing) if isinstance(verdict, Approved) else verdict


def _stop(spec: ActionSpec, found: Nothing | Refused) -> Stop | None:
    """What people should hear of an action that is not taken now; None where nothing has to be done, or may be."""
    if spec.mode == "dry-run":
        return None
    if isinstance(found, Refused) or found.blocked:
        return Stop(found.reason, counts=spec.mode == "live" and found.blocked)
    return Stop(found.reason, counts=spec.mode == "live", lacks=found.lacks) if found.lacks else None


def cut(proposal: Proposal, amount: Decimal, standing: Standing) -> Proposal:
    """The proposal with a smaller amount, and the level that this leads to.

    An order on the market is sized within its limits from the start: its lots can't be cut as finely.
    """
    if amount == proposal.order.amount or not isinstance(proposal.order, Repay | Transfer):
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


def _passed_over(ground: Ground, spec: ActionSpec, mine: Sequence[Intent], now: datetime) -> str | None:
    """Why the action had its turn in this plan for now: refused, rejected, unanswered, tried too often; None if not."""
    since = ground.worse_since
    tries: list[datetime] = []
    for intent in mine:
        at = intent.settled_at
        if at is None:
            continue
        if intent.is_unasked:
            return f"no channel has taken the question R-{intent.id}; once one takes a message, it is asked again"
        # Once a channel took word of it after its end, somebody can be asked.
        unanswered = intent.ran_out and intent.asked_at is not None and intent.asked_at <= at
        if (intent.state is _S.REJECTED or unanswered) and (since is None or since <= at):
            was = (
                f"R-{intent.id} was not approved and sent in time" if unanswered else f"a person rejected R-{intent.id}"
            )
            return f"{was}, so it is not proposed again; act by hand"
        pause = max(spec.cooldown, REFUSAL_PAUSE)
        if intent.state is _S.REFUSED and not may_try_again(intent) and now - at < pause:
            return _again(intent, at + pause)
        if intent.state in (_S.REFUSED, _S.EXPIRED):
            if now - at < RETRIES_WITHIN:
                tries.append(at)
            if now - at < RETRY_AFTER:
                return _again(intent, at + RETRY_AFTER)
    if len(tries) < RETRIES:
        return None
    last = max((i for i in mine if i.settled_at in tries), key=lambda i: i.id)
    return _again(last, sorted(tries)[-RETRIES] + RETRIES_WITHIN)


def _again(intent: Intent, at: datetime) -> str:
    """What became of the intent, and when its action is tried again."""
    told = (intent.evidence or "no reason given").removeprefix("refused ")
    was = f"the exchange refused R-{intent.id}" if intent.state is _S.REFUSED else f"R-{intent.id} was not sent"
    return f"{was} ({told}); tried again from {at:%H:%M:%S} UTC on, or act by hand"


def _as_if_done(ground: Ground) -> Standing:
    """The standing if the dry runs of this plan had been real; one that the real balances overtook is left out."""
    standing = ground.standing
    for intent in ground.intents:
        is_ours = intent.state is _S.SIMULATED and intent.plan == ground.plan
        if is_ours and not isinstance(intent.order, ByName) and _still_possible(standing, intent):
            standing = standing.after(intent.order)
    return standing


def _still_possible(standing: Standing, intent: Intent) -> bool:
    if isinstance(intent.order, CancelOrders):
        return any(one.symbol == intent.order.symbol for one in standing.resting)
    if isinstance(intent.order, Reduce):
        sold = standing.rows.get(intent.order.sells)
        price = standing.last_price(intent.order.symbol)
        if sold is None or price is None or intent.asset not in standing.rows:
            return False
        return intent.order.quantity * (1 if intent.order.side == "SELL" else price) <= sold.balance.free
    if isinstance(intent.order, Transfer):
        there = standing.outside.get(intent.order.source, {}).get(intent.asset, ZERO)
        return intent.amount <= there and standing.price(intent.asset) is not None
    row = standing.rows.get(intent.asset)
    return row is not None and intent.amount <= min(row.balance.free, row.balance.owed)
