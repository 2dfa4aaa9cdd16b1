"""Backtest: the same rules on the same prices twice, with their actions and without."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.engine.step import Policy
from monitor.core.model.account import CROSS, Scope
from monitor.core.model.alert import Alert
from monitor.core.model.intent import Intent
from monitor.core.model.order import Transfer
from monitor.simulation.odds import SimulatedOdds
from monitor.simulation.portfolio import SimulatedPortfolio
from monitor.simulation.simulator import MarketFrame, simulate
from monitor.simulation.timeline import LowestLevel, SimulationTimeline

_MINUTE = timedelta(minutes=1)
_TENTH = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Backtest:
    """Backtest of one account. `without_actions` is the timeline without any action."""

    account: str
    timeline: SimulationTimeline
    without_actions: SimulationTimeline

    def low_of(self, alert: Alert) -> LowestLevel | None:
        """Lowest level of the alert's scope without any action; None for an alert of no scope."""
        if alert.key.scope not in ("cross", "isolated"):
            return None
        return self.without_actions.lows.get(Scope(alert.key.subject) if alert.key.scope == "isolated" else CROSS)

    def minutes_before_low(self, alert: Alert) -> Decimal | None:
        """Minutes from the firing of the alert to the low, to a tenth; negative if the alert fired after the low."""
        low = self.low_of(alert)
        if low is None or alert.fired_at is None:
            return None
        return minutes_between(alert.fired_at, low.at)

    def executed_for(self, alert: Alert) -> tuple[Intent, ...]:
        """Executed orders of the alert's plan, in the order of their execution."""
        return tuple(intent for intent in self.timeline.executed if intent.alert == alert.id)

    @property
    def moved_totals(self) -> dict[tuple[str, str], Decimal]:
        """Total amounts moved, by kind and asset. A second hop is not counted again."""
        total: dict[tuple[str, str], Decimal] = {}
        for intent in self.timeline.executed:
            if not (isinstance(intent.order, Transfer) and intent.order.source == "cross"):
                key = (intent.kind, intent.asset)
                total[key] = total.get(key, Decimal(0)) + intent.amount
        return total


def run_backtest(
    policy: Policy,
    portfolio: SimulatedPortfolio,
    frames: Callable[[], Iterable[MarketFrame]],
    *,
    gap: timedelta = timedelta(),
    liquidates: bool = True,
    odds: Callable[[], SimulatedOdds | None] = lambda: None,
) -> Backtest:
    """Simulate the notifications and actions of the rules.

    `frames` must return the same frames at every call, `odds` a measurement that has not begun.
    """
    bare = replace(policy, actions=())
    without_actions = _simulate_timeline(bare, portfolio, frames(), gap, liquidates, odds())
    used_actions = {name for rule in policy.rules for name in rule.actions} & {spec.name for spec in policy.actions}
    timeline = (
        _simulate_timeline(policy, portfolio, frames(), gap, liquidates, odds()) if used_actions else without_actions
    )
    return Backtest(policy.settings.account, timeline, without_actions)


def minutes_between(earlier: datetime, later: datetime) -> Decimal:
    """Minutes from `earlier` to `later`, to a tenth; negative if `later` is the earlier time."""
    seconds = Decimal((later - earlier) // timedelta(milliseconds=1)) / 1000
    return (seconds / 60).quantize(_TENTH)


def _simulate_timeline(
    policy: Policy,
    portfolio: SimulatedPortfolio,
    frames: Iterable[MarketFrame],
    gap: timedelta,
    liquidates: bool,
    odds: SimulatedOdds | None,
) -> SimulationTimeline:
    timeline = SimulationTimeline()
    for moment in simulate(policy, portfolio, frames, gap=gap, liquidates=liquidates, odds=odds):
        timeline.record(moment)
    return timeline
