"""Revalidation of an intent on the newest state before it is sent."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from monitor.core.actions.decision import find_rule_stop, recorded_level, with_client_id
from monitor.core.actions.follow_up import is_recent, pending_follow_up, propose_follow_up
from monitor.core.actions.level_loss import scope_balances
from monitor.core.actions.limit_usage import (
    compute_limit_usage,
    counts_toward_limits,
    remaining_allowance,
    with_gap_movements,
)
from monitor.core.actions.limits import Denied, check_limits
from monitor.core.actions.plan import propose_action, resize
from monitor.core.actions.plan_context import build_plan_context
from monitor.core.actions.proposal import Allowance, NoProposal
from monitor.core.actions.scope_position import ScopePosition
from monitor.core.actions.spec import ActionSpec
from monitor.core.model.account import CROSS, Balance, Scope
from monitor.core.model.alert import AlertState
from monitor.core.model.intent import Intent
from monitor.core.model.order import CancelOrders, ManualCall, Order, Reduce, Repay, Transfer
from monitor.core.numbers.amounts import EIGHT_DECIMALS, floor_to
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.scopes import polled_balances


@dataclass(frozen=True, slots=True)
class OrderBalances:
    """Balances of an order's asset: owed and free in the order's scope; None where they were not read.

    `source` is the free amount in the wallet that a transfer comes from, the held amount of the asset that is sold, or
    the locked amount of the asset that a cancellation frees.
    """

    owed: Decimal | None
    free: Decimal | None
    source: Decimal | None


@dataclass(frozen=True, slots=True)
class NotWanted:
    """The order is not sent, and the reason. `is_retryable`: something needed is not known yet, as after a start.

    `by_limit`: a limit stops the order, not the end of the need for it.
    """

    reason: str
    is_retryable: bool = False
    by_limit: bool = False


def revalidate(
    state: AccountState, intent: Intent, specs: Sequence[ActionSpec], settings: AccountSettings, now: datetime
) -> Intent | NotWanted:
    """The intent as it is to be sent: resized on the newest state, with the balances before it.

    The order must be the same in kind, scope, asset, source and purpose. An amount that a person approved never grows.
    The alert must still fire, except for the follow-up of a recent intent.
    """
    spec = next((spec for spec in specs if intent.is_made_by(spec.name)), None)
    if spec is None or spec.mode == "dry-run" or isinstance(intent.order, ManualCall):
        return NotWanted("its action is not configured to send any more")
    if intent.expires_at is not None and now >= intent.expires_at:
        return NotWanted("it was approved, but could not be sent before its time was over")
    alert = next((a for a in state.alerts.values() if a.id == intent.alert and a.state is AlertState.FIRING), None)
    others = tuple(i for i in state.intents.values() if i.id != intent.id)
    own_intents = [i for i in others if i.plan == intent.plan and i.is_made_by(spec.name)]
    follows = None if counts_toward_limits(spec, intent) else pending_follow_up(spec, own_intents)
    if alert is None and (follows is None or not is_recent(follows, now)):
        return NotWanted("its alert does not fire any more")
    if alert is not None and alert.unknown_since is not None:
        return NotWanted("whether its alert still fires is not known", is_retryable=True)
    rule_stop = find_rule_stop(state, intent.plan)
    if rule_stop is not None:
        return NotWanted(rule_stop.text, is_retryable=not rule_stop.is_lasting, by_limit=rule_stop.is_lasting)
    context = build_plan_context(state, intent.plan, intent.target_scope, {}, settings, others, now, alert)
    if context is None:
        return NotWanted("the figures of its scope are not known", is_retryable=True)
    position = context.position
    if intent.uid is not None and position.uid is not None and intent.uid != position.uid:
        return NotWanted("it was decided for another account of the exchange")
    if (position.key is None or position.action_permissions is None) and not position.is_key_refused:
        return NotWanted("what the key may do is not known", is_retryable=True)
    if position.record_coverage.objection is not None:
        failing = position.record_coverage.is_failing
        return NotWanted(position.record_coverage.objection, is_retryable=not failing, by_limit=failing)
    usage = with_gap_movements(
        compute_limit_usage(spec, state.account, context.intents, now, state.uid), spec, position.gap_movements, now
    )
    if follows is not None:
        found = propose_follow_up(context, spec, follows, now)
    else:
        only = intent.order.symbol if isinstance(intent.order, CancelOrders) else None
        left = _approved_allowance(remaining_allowance(spec, usage), spec, intent)
        found, follows = propose_action(
            context, _narrowed_spec(spec, intent), specs, own_intents, left, now, only_symbol=only
        )
    if isinstance(found, NoProposal):
        return NotWanted(found.reason, by_limit=found.is_blocked)
    if found.purpose != intent.purpose or not _is_same_order(found.order, intent.order):
        return NotWanted("another order is wanted now")
    if intent.mode == "approve" and isinstance(found.order, Reduce) and isinstance(intent.order, Reduce):
        approved = _within_approval(found.order, intent.order, context.position)
        if approved is None:
            return NotWanted("the price is worse than what was approved")
        worth = found.amount_usdt * approved.amount / found.order.amount
        found = replace(found, order=approved, amount_usdt=worth, level_after=context.position.after(approved).level)
    elif intent.mode == "approve":
        found = resize(found, min(found.order.amount, intent.amount), context.position)
    verdict = check_limits(
        found, context.position, spec, usage, now, worse_since=context.worse_since, follows=follows, is_sending=True
    )
    if isinstance(verdict, Denied):
        return NotWanted(verdict.reason, by_limit=verdict.is_blocked)
    final = resize(found, verdict.amount, context.position)
    before = order_balances(state, intent.order)
    return replace(
        intent,
        order=with_client_id(final.order, intent),
        amount_usdt=final.amount_usdt,
        level_before=recorded_level(context.read_metric("margin_level")),
        level_after=recorded_level(final.level_after),
        owed_before=before.owed,
        free_before=before.free,
        source_before=before.source,
        balances_before=scope_balances(state, intent.target_scope),
    )


def order_balances(state: AccountState, order: Order) -> OrderBalances:
    """Balances of the order's asset in `state`; None where nothing was read."""
    if isinstance(order, CancelOrders):
        freed = _balance(state, order.scope, order.unlocks)
        return OrderBalances(None, None, None if freed is None else freed.locked)
    balance = _balance(state, order.scope, order.asset)
    owed, free = (balance.owed, balance.free) if balance is not None else (None, None)
    source: Decimal | None = None
    if isinstance(order, Reduce):
        sold = _balance(state, order.scope, order.sell_asset)
        source = None if sold is None else sold.held
    if isinstance(order, Transfer):
        if order.source == "cross":
            there = _balance(state, CROSS, order.asset)
            source = there.free if there is not None else None
        elif order.source in state.wallets:
            source = state.wallets[order.source].free.get(order.asset, Decimal(0))
    return OrderBalances(owed, free, source)


def _balance(state: AccountState, scope: Scope, asset: str) -> Balance | None:
    balances = polled_balances(state, scope)
    if balances is None:
        return None
    return balances.get(asset, Balance(asset) if scope == CROSS else None)


def _narrowed_spec(spec: ActionSpec, intent: Intent) -> ActionSpec:
    """The spec narrowed to the intent's assets and source, so that changed prices do not change the choice."""
    if isinstance(intent.order, Transfer) and intent.order.source != "cross":
        return replace(spec, asset=intent.asset, source=(intent.order.source,))
    if isinstance(intent.order, Reduce):
        return replace(spec, asset=intent.asset, sell=(intent.order.sell_asset,))
    if isinstance(intent.order, CancelOrders):
        return spec
    return replace(spec, asset=intent.asset)


def _within_approval(found: Reduce, planned: Reduce, position: ScopePosition) -> Reduce | None:
    """The order cut to the quantity and price that a person approved; None if it could not fill at that price."""
    price = position.last_price(found.symbol) or found.price
    sells = found.side == "SELL"
    if price < planned.price if sells else price > planned.price:
        return None
    quantity = min(found.quantity, planned.quantity)
    bound = max(found.price, planned.price) if sells else min(found.price, planned.price)
    amount = floor_to(found.amount * quantity / found.quantity, EIGHT_DECIMALS)
    return replace(found, quantity=quantity, price=bound, amount=amount)


def _approved_allowance(allowance: Allowance, spec: ActionSpec, intent: Intent) -> Allowance:
    """The allowance bounded by the approved amount of a `reduce`: an order in whole lots can't be cut after sizing."""
    if intent.mode != "approve" or not isinstance(intent.order, Reduce):
        return allowance
    return replace(allowance, amount=min(allowance.amount, intent.amount * (1 + spec.max_slippage)))


def _is_same_order(found: Order, planned: Order) -> bool:
    if isinstance(found, Reduce) and isinstance(planned, Reduce):
        return (found.symbol, found.side, found.asset) == (planned.symbol, planned.side, planned.asset)
    if isinstance(found, CancelOrders) and isinstance(planned, CancelOrders):
        return found.symbol == planned.symbol
    return isinstance(found, Repay | Transfer) and replace(found, amount=planned.amount) == planned
