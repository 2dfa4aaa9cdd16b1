"""Context of a plan: the position of its scope, the intents that matter, and the meaning of their refusals."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from monitor.core.actions import transfer_in
from monitor.core.actions.proposal import NoProposal
from monitor.core.actions.scope_position import ScopePosition
from monitor.core.actions.spec import ActionSpec
from monitor.core.actions.target import evaluate_target
from monitor.core.metrics.thresholds import THRESHOLD_DEPENDENT_METRICS
from monitor.core.model.account import CROSS, EffectiveThresholds, Scope
from monitor.core.model.intent import Intent
from monitor.core.model.metric import MissingValue
from monitor.core.model.order import Transfer
from monitor.core.rules.parser import MetricReader

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
