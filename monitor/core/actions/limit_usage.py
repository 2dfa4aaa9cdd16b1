"""Usage of the limits of an action in the last 24 hours, and the allowance that is left."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.actions.proposal import Allowance
from monitor.core.actions.scope_position import SourceWallet
from monitor.core.actions.spec import ActionSpec
from monitor.core.model.account import Scope
from monitor.core.model.intent import IN_FLIGHT_STATES, SPENT_STATES, Intent, IntentState
from monitor.core.model.order import ActionKind, CancelOrders, ManualCallKind, Transfer
from monitor.core.numbers.amounts import INFINITE, ZERO
from monitor.core.state.record_coverage import PricedMovement

LIMIT_PERIOD = timedelta(hours=24)

OrderTarget = tuple[ActionKind | ManualCallKind, Scope, str]
"""Key under which only one order may be under way: kind, scope, asset."""

_UNKNOWN = frozenset({IntentState.UNCERTAIN, IntentState.UNRESOLVED})
_IN_PROGRESS = IN_FLIGHT_STATES | {IntentState.PLANNED}
_MAY_HAVE_MOVED = SPENT_STATES | {IntentState.FAILED}


@dataclass(frozen=True, slots=True)
class LimitUsage:
    """Usage of the limits of one action, and orders under way in the account.

    `amount` is in the unit of the limits: the action's asset, or USDT if the action names none.
    """

    amount: Decimal = ZERO
    count: int = 0
    last_moved_at: Mapping[OrderTarget, datetime] = field(default_factory=dict)
    in_progress: frozenset[OrderTarget] = frozenset()
    unknown_outcome: frozenset[OrderTarget] = frozenset()
    reserved: Mapping[tuple[SourceWallet, str], Decimal] = field(default_factory=dict)
    """Amount that orders under way may still take out of a source wallet, by wallet and asset."""


def compute_limit_usage(
    spec: ActionSpec, account: str, intents: Iterable[Intent], now: datetime, uid: int | None = None
) -> LimitUsage:
    """Usage of the limits of `spec` in the last 24 hours, from the intents given.

    Intents of the same kind in this account of the exchange count, whatever the names of action and account: the
    account is matched by `uid`, the exchange's number of its user, or by name if either `uid` is not known. Amounts
    that moved, may have moved, or are about to move count; for a dry run also the amounts that it would have moved.
    Money counts where it enters the scope: the repayment that follows a transfer, and the second hop, don't count
    again. Only the cool-down is per action.
    """
    intents = [intent for intent in intents if _belongs_to(intent, account, uid)]
    two_step_plans = {_plan_key(intent) for intent in intents if intent.kind in ("transfer_in", "reduce")}
    dry = spec.mode == "dry-run"
    counted = SPENT_STATES | {IntentState.PLANNED} | ({IntentState.SIMULATED} if dry else frozenset())
    moving = _MAY_HAVE_MOVED | ({IntentState.SIMULATED} if dry else frozenset())
    amount, count = ZERO, 0
    last_moved_at: dict[OrderTarget, datetime] = {}
    in_progress: set[OrderTarget] = set()
    unknown_outcome: set[OrderTarget] = set()
    reserved: dict[tuple[SourceWallet, str], Decimal] = {}
    for intent in intents:
        target = (intent.kind, intent.scope, intent.asset)
        if intent.state in _IN_PROGRESS:
            in_progress.add(target)
            if isinstance(intent.order, Transfer):
                place = (intent.order.source, intent.asset)
                reserved[place] = reserved.get(place, ZERO) + intent.amount
        if intent.state in _UNKNOWN:
            unknown_outcome.add(target)
        at = intent.submitted_at or intent.settled_at or intent.created_at
        is_own = intent.is_made_by(spec.name)
        if is_own and intent.state in moving and (target not in last_moved_at or at > last_moved_at[target]):
            last_moved_at[target] = at
        uses_limit = intent.state in counted or intent.executed_late
        uses_limit = uses_limit and (intent.state in IN_FLIGHT_STATES or now - at < LIMIT_PERIOD)
        is_follow_up = intent.kind == "repay" and _plan_key(intent) in two_step_plans
        if uses_limit and not is_follow_up and _concerns(spec, intent) and counts_toward_limits(spec, intent):
            amount += intent.amount if spec.asset is not None else intent.amount_usdt
            count += 1
    return LimitUsage(amount, count, last_moved_at, frozenset(in_progress), frozenset(unknown_outcome), reserved)


def with_gap_movements(
    usage: LimitUsage, spec: ActionSpec, gap_movements: Iterable[PricedMovement], now: datetime
) -> LimitUsage:
    """Usage with the movements in gaps of the record added: an earlier daemon may have made them under these limits.

    A movement without a price uses up limits in USDT entirely.
    """
    amount, count, last_moved_at = usage.amount, usage.count, dict(usage.last_moved_at)
    for priced in gap_movements:
        movement = priced.movement
        if movement.kind != spec.kind or now - movement.at >= LIMIT_PERIOD or spec.asset not in (None, movement.asset):
            continue
        counted = priced.counted_amount(spec.asset)
        amount += INFINITE if counted is None else counted
        count += 1
        target: OrderTarget = (movement.kind, movement.scope, movement.asset)
        last_moved_at[target] = max(movement.at, last_moved_at.get(target, movement.at))
    return replace(usage, amount=amount, count=count, last_moved_at=last_moved_at)


def counts_toward_limits(spec: ActionSpec, intent: Intent) -> bool:
    """Return whether the limits of `spec` count the intent: it is of the same kind and not a second hop."""
    return intent.kind == spec.kind and not (isinstance(intent.order, Transfer) and intent.order.source == "cross")


def _belongs_to(intent: Intent, account: str, uid: int | None) -> bool:
    """Return whether the intent was made in this account of the exchange."""
    return intent.account == account if uid is None or intent.uid is None else intent.uid == uid


def _plan_key(intent: Intent) -> tuple[str, int | None, str]:
    """Key that the two steps of an intent share."""
    return intent.account, intent.plan, intent.action


def _concerns(spec: ActionSpec, intent: Intent) -> bool:
    """Return whether an action, not a person, made the intent, and about an asset of `spec`."""
    asset = intent.order.unlocks if isinstance(intent.order, CancelOrders) else intent.asset
    return intent.mode != "manual" and spec.asset in (None, asset)


def remaining_allowance(spec: ActionSpec, usage: LimitUsage) -> Allowance:
    """Largest order that the caps of `spec` still allow."""
    in_unit = min(
        INFINITE if spec.max_amount is None else spec.max_amount,
        INFINITE if spec.max_per_day is None else max(ZERO, spec.max_per_day - usage.amount),
    )
    usdt = INFINITE if spec.max_amount_usdt is None else spec.max_amount_usdt
    return Allowance(INFINITE, min(usdt, in_unit)) if spec.asset is None else Allowance(in_unit, usdt)
