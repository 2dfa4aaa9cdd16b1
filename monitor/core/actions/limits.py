"""Limits of actions: the review of every order before sending."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.actions.limit_usage import LimitUsage, remaining_allowance
from monitor.core.actions.permissions import key_owner_objection
from monitor.core.actions.proposal import Allowance, Proposal, max_transfer_in
from monitor.core.actions.scope_position import ScopePosition
from monitor.core.actions.spec import ActionSpec
from monitor.core.metrics.valuation import MAX_CLOCK_AHEAD
from monitor.core.model.account import CROSS, KeyPermissions
from monitor.core.model.intent import Intent
from monitor.core.model.order import CancelOrders, Reduce, Repay, Transfer
from monitor.core.numbers.amounts import EIGHT_DECIMALS, ZERO, floor_to, format_decimal

REREAD_WITHIN = timedelta(seconds=10)
"""Time within which figures too old for an action are read again; after it a person should know of them."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The order may be sent with this amount, which is that of the proposal or less."""

    amount: Decimal


@dataclass(frozen=True, slots=True)
class Denied:
    """The order may not be sent. `is_blocked`: a person should know; otherwise the order only has to wait."""

    reason: str
    is_blocked: bool = True


def find_reached_cap(spec: ActionSpec, usage: LimitUsage) -> Denied | None:
    """Denial by the cap that is used up; None while some allowance is left."""
    left = remaining_allowance(spec, usage)
    return Denied(_cap_text(spec, usage)) if min(left.amount, left.usdt) <= ZERO else None


def check_limits(
    proposal: Proposal,
    position: ScopePosition,
    spec: ActionSpec,
    usage: LimitUsage,
    now: datetime,
    *,
    worse_since: datetime | None = None,
    firing_since: datetime | None = None,
    follows: Intent | None = None,
    is_sending: bool = False,
) -> Allowed | Denied:
    """Decide whether the order may be sent now, and how much of it.

    `usage` must not include the order's own intent. `worse_since` is the time at which a worse rung fired, which waives
    an older cool-down. `firing_since` is the time since which the alert fires: figures that stay too old for longer
    than a read takes are a limit that a person should know of. `follows` is the intent whose follow-up this is: the
    caps were counted there, and its amount is the upper bound. A dry run skips the checks of permission to send, no
    others. A pause stops sending only, so an order may still be proposed to a person unless `is_sending`.
    """
    denied = None if spec.mode == "dry-run" else _check_sending(proposal, position)
    at_once = spec.mode == "live" or (spec.mode == "approve" and follows is not None)
    if denied is None and position.is_paused and (is_sending or at_once):
        denied = Denied("actions are paused; `margin-monitor actions resume` lets them go")
    if denied is None and position.record_coverage.objection is not None and (is_sending or at_once):
        denied = Denied(position.record_coverage.objection, is_blocked=position.record_coverage.is_failing)
    denied = denied or _check_timing(proposal, position, spec, usage, now, firing_since)
    if denied is None and follows is None:
        denied = _check_count(proposal, spec, usage, now, worse_since)
    return denied or _check_amount(proposal, position, spec, usage, follows)


def _check_sending(proposal: Proposal, position: ScopePosition) -> Denied | None:
    if position.journal_failing:
        return Denied("the journal can't be written; see to the database")
    if position.is_key_refused:
        return Denied("the exchange refuses the key; renew it")
    if position.key is None or position.action_permissions is None:
        return Denied("what the key may do is not known yet; `margin-monitor check` shows it, or act by hand")
    if (objection := account_objection(position)) is not None:
        return Denied(objection)
    keys = (position.key, position.action_permissions)
    if any(key.withdrawals for key in keys):
        return Denied("the key may withdraw; take that right away")
    if any(key.portfolio_margin for key in keys):
        return Denied("the account is in portfolio margin mode, where no action may be taken; act by hand")
    return _check_permissions(position.action_permissions, proposal) or _check_account(proposal, position)


def account_objection(position: ScopePosition) -> str | None:
    """Reason why an order might move money of another account, or count against its caps; None if there is none."""
    if position.duplicate_account:
        other = position.duplicate_account
        return f"{other} is the same account of the exchange; take one of the two out of the configuration"
    if position.unidentified_account:
        return f"whose account {position.unidentified_account} is, is not known yet; `margin-monitor check` shows it"
    if not position.uses_action_key or position.key is None or position.action_key is None:
        return None
    mine = position.uid if position.key.uid is None else position.key.uid
    return key_owner_objection(mine, position.action_key.uid)


def _check_permissions(key: KeyPermissions, proposal: Proposal) -> Denied | None:
    if isinstance(proposal.order, Repay) and not key.margin:
        return Denied("the key may not repay; allow margin loan, repay and transfer (enableMargin) at the exchange")
    if isinstance(proposal.order, Transfer) and not key.universal_transfer:
        return Denied("the key may not transfer; allow universal transfer (permitsUniversalTransfer) at the exchange")
    if isinstance(proposal.order, Reduce | CancelOrders) and not key.trading:
        return Denied("the key may not trade; allow spot and margin trading (enableSpotAndMarginTrading)")
    return None


def _check_account(proposal: Proposal, position: ScopePosition) -> Denied | None:
    order = proposal.order
    if isinstance(order, Repay) and not position.repay_enabled:
        return Denied(f"{position.scope} is not enabled; enable it at the exchange")
    if isinstance(order, Reduce) and not position.trade_enabled:
        return Denied(f"{position.scope} may not trade now; see to it at the exchange, or repay by hand")
    if isinstance(order, Transfer) and not position.transfer_in_enabled:
        return Denied(f"{position.scope} takes no transfers now; repay from what is in it")
    over_cross = isinstance(order, Transfer) and (order.source == "cross" or order.scope != position.scope)
    if over_cross and not position.cross_transfer_out_enabled:
        return Denied(f"the way into {position.scope} leads over cross, which lets nothing out now; repay by hand")
    return None


def _check_timing(
    proposal: Proposal,
    position: ScopePosition,
    spec: ActionSpec,
    usage: LimitUsage,
    now: datetime,
    firing_since: datetime | None,
) -> Denied | None:
    age = now - position.as_of
    if age < -MAX_CLOCK_AHEAD:
        return Denied("the figures are of a moment that is still to come; see `clock_offset`, or act by hand")
    if age > spec.max_data_age:
        return Denied(
            f"the figures are {int(age.total_seconds())} s old, max_data_age is exceeded; "
            "it goes on with newer ones, or act by hand",
            is_blocked=firing_since is not None and min(age - spec.max_data_age, now - firing_since) >= REREAD_WITHIN,
        )
    target = (proposal.kind, proposal.order.scope, proposal.order.asset)
    if target in usage.unknown_outcome:
        return Denied(
            f"the outcome of a {proposal.kind} of {proposal.order.asset} is not known; "
            "`margin-monitor actions` shows it, `actions resolve` settles it"
        )
    if target in usage.in_progress:
        return Denied(f"a {proposal.kind} of {proposal.order.asset} is under way; wait for it", is_blocked=False)
    return None


def _check_count(
    proposal: Proposal, spec: ActionSpec, usage: LimitUsage, now: datetime, worse_since: datetime | None
) -> Denied | None:
    if usage.count >= spec.max_actions_per_day:
        return Denied(f"max_actions_per_day is reached ({usage.count}); raise it, or act by hand")
    last = usage.last_moved_at.get((proposal.kind, proposal.order.scope, proposal.order.asset))
    waived = last is not None and worse_since is not None and worse_since > last
    if last is not None and now - last < spec.cooldown and not waived:
        until = last + spec.cooldown
        return Denied(f"cooling down until {until:%H:%M:%S} UTC; what can't wait is done by hand", is_blocked=False)
    return None


def _check_amount(
    proposal: Proposal, position: ScopePosition, spec: ActionSpec, usage: LimitUsage, follows: Intent | None
) -> Allowed | Denied:
    order = proposal.order
    if isinstance(order, CancelOrders):
        return Allowed(order.amount)
    price = proposal.amount_usdt / order.amount
    left = remaining_allowance(spec, usage) if follows is None else Allowance(follows.amount)
    capped = min(order.amount, left.amount_at(price))
    if capped <= ZERO:
        return Denied(_cap_text(spec, usage))
    if isinstance(order, Reduce):
        # The order was sized within all limits in whole lots; a limit that shrank since makes it another order.
        if (turned := _would_flip(order, position, usage)) is not None:
            return Denied(f"it would turn the {turned} in {order.scope} round; repay from what is free first")
        return Allowed(order.amount) if capped == order.amount else Denied(_cap_text(spec, usage))
    if isinstance(order, Repay):
        row = position.by_asset.get(order.asset)
        available = min(row.balance.free, row.balance.owed) if row is not None else ZERO
        lacking = f"no free {order.asset} in {order.scope}, or none owed; bring some in"
    else:
        free = position.external.get(order.source, {}).get(order.asset, ZERO)
        keep = spec.keep_in_source if order.source != "cross" else ZERO
        available = free - keep - usage.reserved.get((order.source, order.asset), ZERO)
        above = f" above the {format_decimal(keep)} kept there" if keep else ""
        lacking = f"{order.source} has no {order.asset} to spare{above}; put some there"
        if order.scope == position.scope and (most := max_transfer_in(position, order.asset)) < available:
            available = most
            lacking = (
                f"{order.asset} is to be delisted, and what is held of it covers what is owed; repay with that"
                if order.asset in position.delisting
                else f"whether {order.asset} is to be delisted is not known yet; repay with what is held of it"
            )
    amount = floor_to(min(capped, available), EIGHT_DECIMALS)
    if amount <= ZERO:
        return Denied(lacking)
    short = _below_min_repay(proposal, position, amount)
    return Allowed(amount) if short is None else Denied(short)


def _below_min_repay(proposal: Proposal, position: ScopePosition, amount: Decimal) -> str | None:
    """Reason why the amount is too small to repay, or to bring in for a repayment; None if it is not.

    The exchange has a minimum for repayments, except for a repayment of the whole debt.
    """
    order = proposal.order
    row = position.by_asset.get(order.asset)
    # An amount that a first hop brought to cross is moved on even below the minimum.
    repays = proposal.purpose == "repay" and isinstance(order, Transfer) and order.source != "cross"
    if row is None or not (repays or isinstance(order, Repay)) or amount >= min(row.min_repay, row.balance.owed):
        return None
    return (
        f"the exchange takes no repayment of a part below {format_decimal(row.min_repay)} {order.asset}, and only "
        f"{format_decimal(amount)} may go; raise the limits, put more there, or repay by hand"
    )


def _would_flip(order: Reduce, position: ScopePosition, usage: LimitUsage) -> str | None:
    """The asset whose net balance would change its sign by the trade; None if there is none."""
    sold, owing = position.by_asset.get(order.sell_asset), position.by_asset.get(order.asset)
    leaving = usage.reserved.get(("cross", order.sell_asset), ZERO) if order.scope == CROSS else ZERO
    given = order.quantity if order.side == "SELL" else order.quantity * order.price
    if sold is None or given > sold.balance.net - leaving:
        return order.sell_asset
    return order.asset if owing is None or order.amount > -owing.balance.net else None


def _cap_text(spec: ActionSpec, usage: LimitUsage) -> str:
    if spec.max_per_day is not None and usage.amount >= spec.max_per_day:
        limit = f"{format_decimal(spec.max_per_day)} {spec.asset or 'USDT'} in 24 h"
        return f"max_per_day is used up ({limit}); raise it, or act by hand"
    return "max_amount leaves nothing; raise it, or act by hand"
