"""The level that sizes an action: `margin_level >= initial_level * 1.05` read once, then evaluated to a number."""

from decimal import Decimal

from monitor.core.model.alert import MetricScope
from monitor.core.model.metric import MetricValue, Missing
from monitor.core.rules.parser import ExpressionError, LevelTarget, MetricReader, parse_target

__all__ = ["DEFAULT_TARGET", "ExpressionError", "LevelTarget", "evaluate_target", "parse_sizing_target"]

_SCOPES: tuple[MetricScope, ...] = ("cross", "isolated")


def parse_sizing_target(text: str) -> LevelTarget:
    """The target that `text` states. Raises ExpressionError unless it asks for a `margin_level`."""
    target = parse_target(text, _SCOPES)
    if target.metric != "margin_level":
        raise ExpressionError(
            f"`{target.metric}` can't size an action", 1, "a target has the form `margin_level >= initial_level * 1.05`"
        )
    return target


def evaluate_target(target: LevelTarget, read: MetricReader) -> MetricValue:
    """The level to reach in the scope that `read` answers for; missing when a metric of it is, or it is infinite."""
    level = target.evaluate(read)
    return level if isinstance(level, Decimal) and level.is_finite() else Missing.UNAVAILABLE


DEFAULT_TARGET = parse_sizing_target("margin_level >= initial_level * 1.05")
"""Five per cent above the bar below which nothing more can be borrowed."""
