"""The last look before an order is sent: is it still wanted, is it still allowed, and how much of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from monitor.core.actions.decision import ground_of, named, stop_of, told_level
from monitor.core.actions.follow_up import half_open, is_recent, second_half
from monitor.core.actions.level_loss import balances_of
from monitor.core.actions.limits import Refused, allowance, counts, review, spent_by, with_found
from monitor.core.actions.plan import cut, propose
from monitor.core.actions.position import Standing
from monitor.core.actions.proposal import Allowance, Nothing
from monitor.core.actions.spec import ActionSpec
from monitor.core.model.account import CROSS, Balance, Scope
from monitor.core.model.alert import AlertState
from monitor.core.model.intent import Intent
from monitor.core.model.order import ByName, CancelOrders, Order, Reduce, Repay, Transfer
from monitor.core.numbers.amounts import EIGHT, floor_to
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState


@dataclass(frozen=True, slots=True)
class Before:
    """What the account shows of an order's asset: owed and free in its scope.

    `source` is what is free where a transfer comes from, what is held of the asset that is sold, or what is locked of
    the one that is to be freed.
    """

    owed: Decimal | None
    free: Decimal | None
    source: Decimal | None


@dataclass(frozen=True, slots=True)
class NoLonger:
    """The order is not sent; why. `not_yet`: what has to be known is not known yet, as after a start.

    `by_limit`: a limit stops it, and not the end of what it was wanted for.
    """

    reason: str
    not_yet: bool = False
    by_limit: bool = False


def recheck(
    state: AccountState, intent: Intent, specs: Sequence[ActionSpec], settings: Settings, now: datetime
) -> Intent | NoLonger:
    """The intent as it is to be sent: sized anew on the present state, with what the account shows before it.

    The wish must be the same: kind, scope, asset, source and purpose. An amount that a person approved never grows.
    Its alert must still fire; only the second half of a recent transfer is made without.
    """
    spec = next((spec for spec in specs if intent.made_by(spec.name)), None)
    if spec is None or spec.mode == "dry-run" or isinstance(intent.order, ByName):
        return NoLonger("its action is not configured to send any more")
    if intent.expires_at is not None and now >= intent.expires_at:
        return NoLonger("it was approved, but could not be sent before its time was over")
    alert = next((a for a in state.alerts.values() if a.id == intent.alert and a.state is AlertState.FIRING), None)
    others = tuple(i for i in state.intents.values() if i.id != intent.id)
    mine = [i for i in others if i.plan == intent.plan and i.made_by(spec.name)]
    half_of = None if counts(spec, intent) else half_open(spec, mine)
    if alert is None and (half_of is None or not is_recent(half_of, now)):
        return NoLonger("its alert does not fire any more")
    if alert is not None and alert.unknown_since is not None:
        return NoLonger("whether its alert still fires is not known", not_yet=True)
    stopped = stop_of(state, intent.plan)
    if stopped is not None:
        return NoLonger(stopped.text, not_yet=not stopped.is_lasting, by_limit=stopped.is_lasting)
    ground = ground_of(state, intent.plan, intent.helps, {}, settings, others, now, alert)
    if ground is None:
        return NoLonger("the figures of its scope are not known", not_yet=True)
    standing = ground.standing
    if intent.uid is not None and standing.uid is not None and intent.uid != standing.uid:
        return NoLonger("it was decided for another account of the exchange")
    if (standing.key is None or standing.acting_key is None) and not standing.refuses_key:
        return NoLonger("what the key may do is not known", not_yet=True)
    if standing.record.objection is not None:
        failing = standing.record.is_failing
        return NoLonger(standing.record.objection, not_yet=not failing, by_limit=failing)
    spent = with_found(spent_by(spec, state.account, ground.intents, now, state.uid), spec, standing.found, now)
    if half_of is not None:
        found = second_half(ground, spec, half_of, now)
    else:
        only = intent.order.symbol if isinstance(intent.order, CancelOrders) else None
        left = _approved(allowance(spec, spent), spec, intent)
        found, half_of = propose(ground, _the_same(spec, intent), specs, mine, left, now, only=only)
    if isinstance(found, Nothing):
        return NoLonger(found.reason, by_limit=found.blocked)
    if found.purpose != intent.purpose or not _is_same_wish(found.order, intent.order):
        return NoLonger("another order is wanted now")
    if intent.mode == "approve" and isinstance(found.order, Reduce) and isinstance(intent.order, Reduce):
        approved = _as_approved(found.order, intent.order, ground.standing)
        if approved is None:
            return NoLonger("the price is worse than what was approved")
        worth = found.amount_usdt * approved.amount / found.order.amount
        found = replace(found, order=approved, amount_usdt=worth, level_after=ground.standing.after(approved).level)
    elif intent.mode == "approve":
        found = cut(found, min(found.order.amount, intent.amount), ground.standing)
    verdict = review(
        found, ground.standing, spec, spent, now, worse_since=ground.worse_since, half_of=half_of, sending=True
    )
    if isinstance(verdict, Refused):
        return NoLonger(verdict.reason, by_limit=verdict.blocked)
    final = cut(found, verdict.amount, ground.standing)
    before = balances(state, intent.order)
    return replace(
        intent,
        order=named(final.order, intent),
        amount_usdt=final.amount_usdt,
        level_before=told_level(ground.read("margin_level")),
        level_after=told_level(final.level_after),
        owed_before=before.owed,
        free_before=before.free,
        source_before=before.source,
        balances_before=balances_of(state, intent.helps),
    )


def balances(state: AccountState, order: Order) -> Before:
    """What `state` shows of the order's asset; None where nothing was read."""
    if isinstance(order, CancelOrders):
        freed = _balance(state, order.scope, order.frees)
        return Before(None, None, None if freed is None else freed.locked)
    balance = _balance(state, order.scope, order.asset)
    owed, free = (balance.owed, balance.free) if balance is not None else (None, None)
    source: Decimal | None = None
    if isinstance(order, Reduce):
        sold = _balance(state, order.scope, order.sells)
        source = None if sold is None else sold.held
    if isinstance(order, Transfer):
        if order.source == "cross":
            there = _balance(state, CROSS, order.asset)
            source = there.free if there is not None else None
        elif order.source in state.wallets:
            source = state.wallets[order.source].free.get(order.asset, Decimal(0))
    return Before(owed, free, source)


def _balance(state: AccountState, scope: Scope, asset: str) -> Balance | None:
    if scope == CROSS:
        return state.cross.balances.get(asset, Balance(asset)) if state.cross is not None else None
    pair = state.isolated.pairs.get(scope.symbol) if state.isolated is not None else None
    if pair is None:
        return None
    return next((b for b in (pair.base, pair.quote) if b.asset == asset), None)


def _the_same(spec: ActionSpec, intent: Intent) -> ActionSpec:
    """The spec narrowed to what the intent is about, so that prices which moved do not change the choice."""
    if isinstance(intent.order, Transfer) and intent.order.source != "cross":
        return replace(spec, asset=intent.asset, source=(intent.order.source,))
    if isinstance(intent.order, Reduce):
        return replace(spec, asset=intent.asset, sell=(intent.order.sells,))
    if isinstance(intent.order, CancelOrders):
        return spec
    return replace(spec, asset=intent.asset)


def _as_approved(found: Reduce, planned: Reduce, standing: Standing) -> Reduce | None:
    """The order with no more of it, and at no worse a price, than a person approved; None where it could not fill."""
    price = standing.last_price(found.symbol) or found.price
    sells = found.side == "SELL"
    if price < planned.price if sells else price > planned.price:
        return None
    quantity = min(found.quantity, planned.quantity)
    bound = max(found.price, planned.price) if sells else min(found.price, planned.price)
    amount = floor_to(found.amount * quantity / found.quantity, EIGHT)
    return replace(found, quantity=quantity, price=bound, amount=amount)


def _approved(left: Allowance, spec: ActionSpec, intent: Intent) -> Allowance:
    """What a person approved of an order in whole lots bounds it before it is sized, since it can't be cut after."""
    if intent.mode != "approve" or not isinstance(intent.order, Reduce):
        return left
    return replace(left, amount=min(left.amount, intent.amount * (1 + spec.max_slippage)))


def _is_same_wish(found: Order, planned: Order) -> bool:
    if isinstance(found, Reduce) and isinstance(planned, Reduce):
        return (found.symbol, found.side, found.asset) == (planned.symbol, planned.side, planned.asset)
    if isinstance(found, CancelOrders) and isinstance(planned, CancelOrders):
        return found.symbol == planned.symbol
    return isinstance(found, Repay | Transfer) and replace(found, amount=planned.amount) == planned
