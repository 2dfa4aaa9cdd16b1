"""The same rules over the same prices twice: as they are, and as if nothing were done."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.engine.step import Policy
from monitor.core.model.account import CROSS, Scope
from monitor.core.model.alert import Alert
from monitor.core.model.intent import Intent
from monitor.core.model.order import Transfer
from monitor.simulation.portfolio import Portfolio
from monitor.simulation.simulator import Frame, rehearse
from monitor.simulation.timeline import Chronicle, Low

_MINUTE = timedelta(minutes=1)
_TENTH = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Backtest:
    """One account's story. `without` is what would have become of it without any action."""

    account: str
    story: Chronicle
    without: Chronicle

    def low_of(self, alert: Alert) -> Low | None:
        """The lowest level, without any action, of the scope that an alert is about."""
        if alert.key.scope not in ("cross", "isolated"):
            return None
        return self.without.lows.get(Scope(alert.key.subject) if alert.key.scope == "isolated" else CROSS)

    def minutes_before_low(self, alert: Alert) -> Decimal | None:
        """How long before the low it fired, to a tenth of a minute; negative when it fired after it."""
        low = self.low_of(alert)
        if low is None or alert.fired_at is None:
            return None
        return minutes_between(alert.fired_at, low.at)

    def done_for(self, alert: Alert) -> tuple[Intent, ...]:
        """The orders of the alert's plan, in their order."""
        return tuple(intent for intent in self.story.done if intent.alert == alert.id)

    @property
    def spent(self) -> dict[tuple[str, str], Decimal]:
        """How much was repaid and brought in, by kind and asset; a second hop is not counted again."""
        total: dict[tuple[str, str], Decimal] = {}
        for intent in self.story.done:
            if not (isinstance(intent.order, Transfer) and intent.order.source == "cross"):
                key = (intent.kind, intent.asset)
                total[key] = total.get(key, Decimal(0)) + intent.amount
        return total


def backtest(
    policy: Policy,
    portfolio: Portfolio,
    frames: Callable[[], Iterable[Frame]],
    *,
    gap: timedelta = timedelta(),
    liquidates: bool = True,
) -> Backtest:
    """What the rules would have told and done. `frames` gives the moments, the same ones each time it is called."""
    without = _story(replace(policy, actions=()), portfolio, frames(), gap, liquidates)
    acts = {name for rule in policy.rules for name in rule.actions} & {spec.name for spec in policy.actions}
    story = _story(policy, portfolio, frames(), gap, liquidates) if acts else without
    return Backtest(policy.settings.account, story, without)


def minutes_between(earlier: datetime, later: datetime) -> Decimal:
    """Minutes to a tenth; negative when it is the other way round."""
    seconds = Decimal((later - earlier) // timedelta(milliseconds=1)) / 1000
    return (seconds / 60).quantize(_TENTH)


def _story(
    policy: Policy, portfolio: Portfolio, frames: Iterable[Frame], gap: timedelta, liquidates: bool
) -> Chronicle:
    chronicle = Chronicle()
    for moment in rehearse(policy, portfolio, frames, gap=gap, liquidates=liquidates):
        chronicle.note(moment)
    return chronicle
