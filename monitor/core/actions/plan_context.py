"""What a plan stands on: its scope as it is now, the intents that matter, and what their refusals tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from monitor.core.actions import transfer_in
from monitor.core.actions.position import Standing
from monitor.core.actions.proposal import Nothing
from monitor.core.actions.spec import ActionSpec
from monitor.core.actions.target import level_wanted
from monitor.core.metrics.thresholds import RESTING_ON_BARS
from monitor.core.model.account import CROSS, BarsInForce, Scope
from monitor.core.model.intent import Intent
from monitor.core.model.metric import Missing
from monitor.core.model.order import Transfer
from monitor.core.rules.parser import Read

REST_REFUSALS = frozenset({-3015, -3024})
"""Codes by which the exchange says that what the amount would leave is not to its liking.

Not -3016, too small an amount: a larger rest makes that smaller still.
"""


BARS_ASSUMED = "its bars were never read, and no money moves by documented ones; act by hand"


@dataclass(frozen=True, slots=True)
class Ground:
    """What the plan of an alert (its number) stands on: its scope as it is now, and every intent that may matter."""

    plan: int | None
    scope: Scope
    standing: Standing
    read: Read
    intents: Sequence[Intent]
    worse_since: datetime | None = None
    called_at: datetime | None = None
    """Since when the alert fires."""
    bars: BarsInForce | None = None
    """The bars by which the scope is judged."""
    is_called_by_bars: bool = False
    """Whether the condition of the alert rests on them."""

    @property
    def bars_are_assumed(self) -> bool:
        """Whether they may be another account's: nothing is sized or moved by them."""
        return self.bars is not None and self.bars.are_assumed


def target_of(ground: Ground, spec: ActionSpec) -> Decimal | Nothing | None:
    """The level that sizes the action; None when an amount does, or nothing."""
    sized_by = spec.sized_to.names if spec.sized_to is not None else ()
    if ground.bars_are_assumed and (ground.is_called_by_bars or not RESTING_ON_BARS.isdisjoint(sized_by)):
        return Nothing(BARS_ASSUMED, blocked=True)
    if spec.sized_to is None or spec.kind == "cancel_orders":
        return None
    level = level_wanted(spec.sized_to, ground.read)
    return (
        Nothing("the level of its target is not known; act by hand", blocked=True)
        if isinstance(level, Missing)
        else level
    )


def may_try_again(refused: Intent) -> bool:
    return refused.refused_transiently or refused.refused_code in REST_REFUSALS or says_no_direct_way(refused)


def says_no_direct_way(intent: Intent) -> bool:
    return (
        intent.refused_code in transfer_in.DIRECT_REFUSALS
        and isinstance(intent.order, Transfer)
        and intent.order.source == "spot"
        and intent.scope != CROSS
    )
