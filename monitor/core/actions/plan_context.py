"""What a plan stands on: its scope as it is now, the intents that matter, and what their refusals tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from monitor.core.actions import transfer_in
from monitor.core.actions.position import ScopePosition
from monitor.core.actions.proposal import NoProposal
from monitor.core.actions.spec import ActionSpec
from monitor.core.actions.target import evaluate_target
from monitor.core.metrics.thresholds import THRESHOLD_DEPENDENT_METRICS
from monitor.core.model.account import CROSS, EffectiveThresholds, Scope
from monitor.core.model.intent import Intent
from monitor.core.model.metric import Missing
from monitor.core.model.order import Transfer
from monitor.core.rules.parser import MetricReader

REMAINDER_CODES = frozenset({-3015, -3024})
"""Codes by which the exchange says that what the amount would leave is not to its liking.

Not -3016, too small an amount: a larger rest makes that smaller still.
"""


THRESHOLDS_ASSUMED = "its bars were never read, and no money moves by documented ones; act by hand"


@dataclass(frozen=True, slots=True)
class PlanContext:
    """What the plan of an alert (its number) stands on: its scope as it is now, and every intent that may matter."""

    plan: int | None
    scope: Scope
    position: ScopePosition
    read_metric: MetricReader
    intents: Sequence[Intent]
    worse_since: datetime | None = None
    firing_since: datetime | None = None
    """Since when the alert fires."""
    thresholds: EffectiveThresholds | None = None
    """The bars by which the scope is judged."""
    is_triggered_by_thresholds: bool = False
    """Whether the condition of the alert rests on them."""

    @property
    def thresholds_are_assumed(self) -> bool:
        """Whether they may be another account's: nothing is sized or moved by them."""
        return self.thresholds is not None and self.thresholds.are_assumed


def target_level(context: PlanContext, spec: ActionSpec) -> Decimal | NoProposal | None:
    """The level that sizes the action; None when an amount does, or nothing."""
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
        if isinstance(level, Missing)
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
