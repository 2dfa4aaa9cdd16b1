"""The limits: what they leave of a wish, and the review that every order passes, again right before it is sent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.actions.permissions import stranger
from monitor.core.actions.position import Place, Standing
from monitor.core.actions.proposal import Allowance, Proposal, may_enter
from monitor.core.actions.spec import ActionSpec
from monitor.core.metrics.valuation import AHEAD
from monitor.core.model.account import CROSS, KeyPermissions, Scope
from monitor.core.model.intent import IN_FLIGHT, SPENT, Intent, IntentState
from monitor.core.model.order import ActionKind, CallKind, CancelOrders, Reduce, Repay, Transfer
from monitor.core.numbers.amounts import EIGHT, INFINITE, ZERO, floor_to, plain
from monitor.core.state.record_coverage import Priced

DAY = timedelta(hours=24)

FRESH_WITHIN = timedelta(seconds=10)
"""Figures that are too old for an action are read anew within this, or a person should know."""

Target = tuple[ActionKind | CallKind, Scope, str]
"""What may be under way only once: kind, scope, asset."""

_UNKNOWN = frozenset({IntentState.UNCERTAIN, IntentState.UNRESOLVED})
_UNDER_WAY = IN_FLIGHT | {IntentState.PLANNED}
_MAY_HAVE_MOVED = SPENT | {IntentState.FAILED}


@dataclass(frozen=True, slots=True)
class Approved:
    """The order may go, with this amount: that of the proposal or less."""

    amount: Decimal


@dataclass(frozen=True, slots=True)
class Refused:
    """The order may not go. `blocked`: a person should know; otherwise it only has to wait."""

    reason: str
    blocked: bool = True


@dataclass(frozen=True, slots=True)
class Spent:
    """What was used up of the limits of one action, and what is under way in the account.

    `amount` counts in the unit of the limits: the action's asset, or USDT when it names none.
    """

    amount: Decimal = ZERO
    count: int = 0
    moved_at: Mapping[Target, datetime] = field(default_factory=dict)
    under_way: frozenset[Target] = frozenset()
    unknown: frozenset[Target] = frozenset()
    reserved: Mapping[tuple[Place, str], Decimal] = field(default_factory=dict)
    """What orders under way may still take from a place."""


def spent_by(spec: ActionSpec, account: str, intents: Iterable[Intent], now: datetime, uid: int | None = None) -> Spent:
    """What the limits of `spec` count of the last 24 hours, by the intents given.

    It counts what actions of its kind have done in this account of the exchange, whatever the action and the account
    were called: by `uid`, the exchange's number of its user, or by name where one of both is not known. What moved or
    may have moved, and what is about to; for a dry run also what it would have moved. Money is counted where it enters
    the scope: the repayment that follows a transfer, and its second hop, are not counted again. The cool-down alone is
    the action's own.
    """
    intents = [intent for intent in intents if _is_of(intent, account, uid)]
    halves = {_plan(intent) for intent in intents if intent.kind in ("transfer_in", "reduce")}
    dry = spec.mode == "dry-run"
    counted = SPENT | {IntentState.PLANNED} | ({IntentState.SIMULATED} if dry else frozenset())
    moving = _MAY_HAVE_MOVED | ({IntentState.SIMULATED} if dry else frozenset())
    amount, count = ZERO, 0
    moved_at: dict[Target, datetime] = {}
    under_way: set[Target] = set()
    unknown: set[Target] = set()
    reserved: dict[tuple[Place, str], Decimal] = {}
    for intent in intents:
        target = (intent.kind, intent.scope, intent.asset)
        if intent.state in _UNDER_WAY:
            under_way.add(target)
            if isinstance(intent.order, Transfer):
                place = (intent.order.source, intent.asset)
                reserved[place] = reserved.get(place, ZERO) + intent.amount
        if intent.state in _UNKNOWN:
            unknown.add(target)
        at = intent.submitted_at or intent.settled_at or intent.created_at
        is_own = intent.made_by(spec.name)
        if is_own and intent.state in moving and (target not in moved_at or at > moved_at[target]):
            moved_at[target] = at
        has_spent = intent.state in counted or intent.executed_late
        has_spent = has_spent and (intent.state in IN_FLIGHT or now - at < DAY)
        is_half = intent.kind == "repay" and _plan(intent) in halves
        if has_spent and not is_half and _is_about(spec, intent) and counts(spec, intent):
            amount += intent.amount if spec.asset is not None else intent.amount_usdt
            count += 1
    return Spent(amount, count, moved_at, frozenset(under_way), frozenset(unknown), reserved)


def with_found(spent: Spent, spec: ActionSpec, found: Iterable[Priced], now: datetime) -> Spent:
    """The same with what moved in gaps of the record: an earlier daemon may have done it, within the same limits.

    What has no price uses up limits in USDT.
    """
    amount, count, moved_at = spent.amount, spent.count, dict(spent.moved_at)
    for one in found:
        movement = one.movement
        if movement.kind != spec.kind or now - movement.at >= DAY or spec.asset not in (None, movement.asset):
            continue
        counted = one.counted(spec.asset)
        amount += INFINITE if counted is None else counted
        count += 1
        target: Target = (movement.kind, movement.scope, movement.asset)
        moved_at[target] = max(movement.at, moved_at.get(target, movement.at))
    return replace(spent, amount=amount, count=count, moved_at=moved_at)


def counts(spec: ActionSpec, intent: Intent) -> bool:
    """Whether the intent is what the limits of `spec` count, not the second half of such a one."""
    return intent.kind == spec.kind and not (isinstance(intent.order, Transfer) and intent.order.source == "cross")


def _is_of(intent: Intent, account: str, uid: int | None) -> bool:
    """Whether it was made in this account of the exchange."""
    return intent.account == account if uid is None or intent.uid is None else intent.uid == uid


def _plan(intent: Intent) -> tuple[str, int | None, str]:
    """What the two halves of an intent share."""
    return intent.account, intent.plan, intent.action


def _is_about(spec: ActionSpec, intent: Intent) -> bool:
    """Whether an action, none of a person's, made it about an asset that is `spec`'s."""
    asset = intent.order.frees if isinstance(intent.order, CancelOrders) else intent.asset
    return intent.mode != "manual" and spec.asset in (None, asset)


def allowance(spec: ActionSpec, spent: Spent) -> Allowance:
    """The largest order that the caps of `spec` still leave."""
    in_unit = min(
        INFINITE if spec.max_amount is None else spec.max_amount,
        INFINITE if spec.max_per_day is None else max(ZERO, spec.max_per_day - spent.amount),
    )
    usdt = INFINITE if spec.max_amount_usdt is None else spec.max_amount_usdt
    return Allowance(INFINITE, min(usdt, in_unit)) if spec.asset is None else Allowance(in_unit, usdt)


def exhausted(spec: ActionSpec, spent: Spent) -> Refused | None:
    """The cap that leaves nothing at all; None while any is left."""
    left = allowance(spec, spent)
    return Refused(_which_cap(spec, spent)) if min(left.amount, left.usdt) <= ZERO else None


def review(
    proposal: Proposal,
    standing: Standing,
    spec: ActionSpec,
    spent: Spent,
    now: datetime,
    *,
    worse_since: datetime | None = None,
    called_at: datetime | None = None,
    half_of: Intent | None = None,
    sending: bool = False,
) -> Approved | Refused:
    """Whether the order may go now, and how much of it.

    `spent` must not hold the order's own intent. `worse_since` is when the alert crossed a worse rung, which waives an
    older cool-down. `called_at` is since when the alert wants it: figures that stay too old for longer than a read
    takes are a limit that a person should know of. `half_of` is the transfer whose second half this is: its caps were
    counted there, its amount is the bound. A dry run is asked for everything but the permissions to send; a pause stops
    what is sent, so a proposal may still be laid before a person unless it is `sending`.
    """
    stop = None if spec.mode == "dry-run" else _may_send(proposal, standing)
    at_once = spec.mode == "live" or (spec.mode == "approve" and half_of is not None)
    if stop is None and standing.paused and (sending or at_once):
        stop = Refused("actions are paused; `margin-monitor actions resume` lets them go")
    if stop is None and standing.record.objection is not None and (sending or at_once):
        stop = Refused(standing.record.objection, blocked=standing.record.is_failing)
    stop = stop or _is_in_time(proposal, standing, spec, spent, now, called_at)
    if stop is None and half_of is None:
        stop = _within_count(proposal, spec, spent, now, worse_since)
    return stop or _amount(proposal, standing, spec, spent, half_of)


def _may_send(proposal: Proposal, standing: Standing) -> Refused | None:
    if standing.journal_failing:
        return Refused("the journal can't be written; see to the database")
    if standing.refuses_key:
        return Refused("the exchange refuses the key; renew it")
    if standing.key is None or standing.acting_key is None:
        return Refused("what the key may do is not known yet; `margin-monitor check` shows it, or act by hand")
    if (doubt := whose(standing)) is not None:
        return Refused(doubt)
    keys = (standing.key, standing.acting_key)
    if any(key.withdrawals for key in keys):
        return Refused("the key may withdraw; take that right away")
    if any(key.portfolio_margin for key in keys):
        return Refused("the account is in portfolio margin mode, where no action may be taken; act by hand")
    return _allowed_by_key(standing.acting_key, proposal) or _allowed_by_account(proposal, standing)


def whose(standing: Standing) -> str | None:
    """Why it is not certain that what is sent moves this account's money, and counts against its caps alone."""
    if standing.twin:
        return f"{standing.twin} is the same account of the exchange; take one of the two out of the configuration"
    if standing.unidentified:
        return f"whose account {standing.unidentified} is, is not known yet; `margin-monitor check` shows it"
    if not standing.acts_with_own_key or standing.key is None or standing.action_key is None:
        return None
    mine = standing.uid if standing.key.uid is None else standing.key.uid
    return stranger(mine, standing.action_key.uid)


def _allowed_by_key(key: KeyPermissions, proposal: Proposal) -> Refused | None:
    if isinstance(proposal.order, Repay) and not key.margin:
        return Refused("the key may not repay; allow margin loan, repay and transfer (enableMargin) at the exchange")
    if isinstance(proposal.order, Transfer) and not key.universal_transfer:
        return Refused("the key may not transfer; allow universal transfer (permitsUniversalTransfer) at the exchange")
    if isinstance(proposal.order, Reduce | CancelOrders) and not key.trading:
        return Refused("the key may not trade; allow spot and margin trading (enableSpotAndMarginTrading)")
    return None


def _allowed_by_account(proposal: Proposal, standing: Standing) -> Refused | None:
    order = proposal.order
    if isinstance(order, Repay) and not standing.repay_enabled:
        return Refused(f"{standing.scope} is not enabled; enable it at the exchange")
    if isinstance(order, Reduce) and not standing.trade_enabled:
        return Refused(f"{standing.scope} may not trade now; see to it at the exchange, or repay by hand")
    if isinstance(order, Transfer) and not standing.transfer_in_enabled:
        return Refused(f"{standing.scope} takes no transfers now; repay from what is in it")
    over_cross = isinstance(order, Transfer) and (order.source == "cross" or order.scope != standing.scope)
    if over_cross and not standing.cross_lets_out:
        return Refused(f"the way into {standing.scope} leads over cross, which lets nothing out now; repay by hand")
    return None


def _is_in_time(
    proposal: Proposal, standing: Standing, spec: ActionSpec, spent: Spent, now: datetime, called_at: datetime | None
) -> Refused | None:
    age = now - standing.as_of
    if age < -AHEAD:
        return Refused("the figures are of a moment that is still to come; see `clock_offset`, or act by hand")
    if age > spec.max_data_age:
        return Refused(
            f"the figures are {int(age.total_seconds())} s old, max_data_age is exceeded; "
            "it goes on with newer ones, or act by hand",
            blocked=called_at is not None and min(age - spec.max_data_age, now - called_at) >= FRESH_WITHIN,
        )
    target = (proposal.kind, proposal.order.scope, proposal.order.asset)
    if target in spent.unknown:
        return Refused(
            f"the outcome of a {proposal.kind} of {proposal.order.asset} is not known; "
            "`margin-monitor actions` shows it, `actions resolve` settles it"
        )
    if target in spent.under_way:
        return Refused(f"a {proposal.kind} of {proposal.order.asset} is under way; wait for it", blocked=False)
    return None


def _within_count(
    proposal: Proposal, spec: ActionSpec, spent: Spent, now: datetime, worse_since: datetime | None
) -> Refused | None:
    if spent.count >= spec.max_actions_per_day:
        return Refused(f"max_actions_per_day is reached ({spent.count}); raise it, or act by hand")
    last = spent.moved_at.get((proposal.kind, proposal.order.scope, proposal.order.asset))
    waived = last is not None and worse_since is not None and worse_since > last
    if last is not None and now - last < spec.cooldown and not waived:
        until = last + spec.cooldown
        return Refused(f"cooling down until {until:%H:%M:%S} UTC; what can't wait is done by hand", blocked=False)
    return None


def _amount(
    proposal: Proposal, standing: Standing, spec: ActionSpec, spent: Spent, half_of: Intent | None
) -> Approved | Refused:
    order = proposal.order
    if isinstance(order, CancelOrders):
        return Approved(order.amount)
    price = proposal.amount_usdt / order.amount
    left = allowance(spec, spent) if half_of is None else Allowance(half_of.amount)
    capped = min(order.amount, left.of(price))
    if capped <= ZERO:
        return Refused(_which_cap(spec, spent))
    if isinstance(order, Reduce):
        # Sized within all limits in whole lots; whatever has shrunk since makes it another order.
        if (turned := _turned_round(order, standing, spent)) is not None:
            return Refused(f"it would turn the {turned} in {order.scope} round; repay from what is free first")
        return Approved(order.amount) if capped == order.amount else Refused(_which_cap(spec, spent))
    if isinstance(order, Repay):
        row = standing.rows.get(order.asset)
        there = min(row.balance.free, row.balance.owed) if row is not None else ZERO
        lacking = f"no free {order.asset} in {order.scope}, or none owed; bring some in"
    else:
        free = standing.outside.get(order.source, {}).get(order.asset, ZERO)
        keep = spec.keep_in_source if order.source != "cross" else ZERO
        there = free - keep - spent.reserved.get((order.source, order.asset), ZERO)
        above = f" above the {plain(keep)} kept there" if keep else ""
        lacking = f"{order.source} has no {order.asset} to spare{above}; put some there"
        if order.scope == standing.scope and (most := may_enter(standing, order.asset)) < there:
            there = most
            lacking = f"{order.asset} is to be delisted, and what is held of it covers what is owed; repay with that"
    amount = floor_to(min(capped, there), EIGHT)
    if amount <= ZERO:
        return Refused(lacking)
    short = _below_least(proposal, standing, amount)
    return Approved(amount) if short is None else Refused(short)


def _below_least(proposal: Proposal, standing: Standing, amount: Decimal) -> str | None:
    """Why so much is not repaid, or brought in to repay with: the exchange takes no less, but for a whole debt."""
    order = proposal.order
    row = standing.rows.get(order.asset)
    # What a first hop has brought to cross goes on.
    repays = proposal.purpose == "repay" and isinstance(order, Transfer) and order.source != "cross"
    if row is None or not (repays or isinstance(order, Repay)) or amount >= min(row.min_repay, row.balance.owed):
        return None
    return (
        f"the exchange takes no repayment of a part below {plain(row.min_repay)} {order.asset}, and only "
        f"{plain(amount)} may go; raise the limits, put more there, or repay by hand"
    )


def _turned_round(order: Reduce, standing: Standing, spent: Spent) -> str | None:
    """The asset of which more would be owed than is held, or held than is owed, where it is the other way now."""
    sold, owing = standing.rows.get(order.sells), standing.rows.get(order.asset)
    leaving = spent.reserved.get(("cross", order.sells), ZERO) if order.scope == CROSS else ZERO
    given = order.quantity if order.side == "SELL" else order.quantity * order.price
    if sold is None or given > sold.balance.net - leaving:
        return order.sells
    return order.asset if owing is None or order.amount > -owing.balance.net else None


def _which_cap(spec: ActionSpec, spent: Spent) -> str:
    if spec.max_per_day is not None and spent.amount >= spec.max_per_day:
        limit = f"{plain(spec.max_per_day)} {spec.asset or 'USDT'} in 24 h"
        return f"max_per_day is used up ({limit}); raise it, or act by hand"
    return "max_amount leaves nothing; raise it, or act by hand"
