"""Context of a plan: the position of its scope, the intents that matter, and the meaning of their refusals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from monitor.core.actions import transfer_in
from monitor.core.actions.proposal import NoProposal
from monitor.core.actions.scope_position import ScopePosition, build_scope_position
from monitor.core.actions.spec import ActionSpec
from monitor.core.actions.target import evaluate_target
from monitor.core.metrics.snapshot import Subject, measure_subject
from monitor.core.metrics.thresholds import THRESHOLD_DEPENDENT_METRICS
from monitor.core.model.account import CROSS, EffectiveThresholds, Scope
from monitor.core.model.alert import Alert
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.metric import MissingValue
from monitor.core.model.metric_values import MetricValues
from monitor.core.model.order import CancelOrders, ManualCall, Reduce, Transfer
from monitor.core.numbers.amounts import ZERO
from monitor.core.rules.parser import MetricReader
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState

REMAINDER_CODES = frozenset({-3015, -3024})
"""Codes by which the exchange refuses the remainder of the debt that a repayment would leave.

Not -3016, too small an amount: a larger remainder makes the amount smaller still.
"""


THRESHOLDS_ASSUMED = "its bars were never read, and no money moves by documented ones; act by hand"


@dataclass(frozen=True, slots=True)
class PlanContext:
    """Input of a plan: the number of its alert, its scope position now, and every intent that may matter."""

    plan: int | None
    scope: Scope
    position: ScopePosition
    read_metric: MetricReader
    intents: Sequence[Intent]
    worse_since: datetime | None = None
    firing_since: datetime | None = None
    """Time since which the alert fires; None if it does not."""
    thresholds: EffectiveThresholds | None = None
    """Thresholds of the scope; None if they are not known."""
    is_triggered_by_thresholds: bool = False
    """Whether the alert's condition reads the thresholds."""

    @property
    def thresholds_are_assumed(self) -> bool:
        """Whether the thresholds may be those of another account: nothing is sized or moved by assumed ones."""
        return self.thresholds is not None and self.thresholds.are_assumed


def target_level(context: PlanContext, spec: ActionSpec) -> Decimal | NoProposal | None:
    """Level that sizes the action; None if an amount or nothing does."""
    sized_by = spec.sizing_target.metric_names if spec.sizing_target is not None else ()
    if context.thresholds_are_assumed and (
        context.is_triggered_by_thresholds or not THRESHOLD_DEPENDENT_METRICS.isdisjoint(sized_by)
    ):
        return NoProposal(THRESHOLDS_ASSUMED, is_blocked=True)
    if spec.sizing_target is None or spec.kind == "cancel_orders":
        return None
    level = evaluate_target(spec.sizing_target, context.read_metric)
    return (
        NoProposal("the level of its target is not known; act by hand", is_blocked=True)
        if isinstance(level, MissingValue)
        else level
    )


def may_retry(refused: Intent) -> bool:
    return refused.refused_transiently or refused.refused_code in REMAINDER_CODES or lacks_direct_route(refused)


def lacks_direct_route(intent: Intent) -> bool:
    return (
        intent.refused_code in transfer_in.NO_DIRECT_ROUTE_CODES
        and isinstance(intent.order, Transfer)
        and intent.order.source == "spot"
        and intent.scope != CROSS
    )


def build_plan_context(
    state: AccountState,
    plan: int | None,
    scope: Scope,
    metrics: Mapping[Subject, MetricValues],
    settings: AccountSettings,
    intents: Sequence[Intent],
    now: datetime,
    alert: Alert | None = None,
) -> PlanContext | None:
    """Build the context of a plan; None while the figures of its scope are not known.

    `alert` is the plan's alert while it fires.
    """
    subject: Subject = (scope.kind, scope.symbol)
    scope_metrics = metrics.get(subject) or measure_subject(state, settings, subject, now)
    position = build_scope_position(state, scope, scope_metrics)
    if position is None:
        return None
    firing_since = None if alert is None else alert.fired_at
    position = replace(position, uses_action_key=settings.acts_with_own_key)
    known = (*intents, *state.sibling_intents)
    return PlanContext(
        plan,
        scope,
        position,
        scope_metrics.read,
        known,
        _worse_since(state, alert),
        firing_since,
        scope_metrics.thresholds,
    )


def _worse_since(state: AccountState, alert: Alert | None) -> datetime | None:
    """Time at which a worse rung of the alert's ladder fired; None unless that rung inhibits the alert now."""
    if alert is None or alert.inhibited_by is None:
        return None
    return next((other.fired_at for other in state.alerts.values() if other.id == alert.inhibited_by), None)


def simulated_position(context: PlanContext) -> ScopePosition:
    """Scope position as if the dry runs of this plan had been real.

    A dry run that is no longer possible with the real balances is left out.
    """
    position = context.position
    for intent in context.intents:
        is_ours = intent.state is IntentState.SIMULATED and intent.plan == context.plan
        if is_ours and not isinstance(intent.order, ManualCall) and _still_possible(position, intent):
            position = position.after(intent.order)
    return position


def _still_possible(position: ScopePosition, intent: Intent) -> bool:
    if isinstance(intent.order, CancelOrders):
        return any(order.symbol == intent.order.symbol for order in position.open_orders)
    if isinstance(intent.order, Reduce):
        sold = position.by_asset.get(intent.order.sell_asset)
        price = position.last_price(intent.order.symbol)
        if sold is None or price is None or intent.asset not in position.by_asset:
            return False
        return intent.order.quantity * (1 if intent.order.side == "SELL" else price) <= sold.balance.free
    if isinstance(intent.order, Transfer):
        there = position.external.get(intent.order.source, {}).get(intent.asset, ZERO)
        return intent.amount <= there and position.price(intent.asset) is not None
    row = position.by_asset.get(intent.asset)
    return row is not None and intent.amount <= min(row.balance.free, row.balance.owed)
