"""Target level of an action: `margin_level >= initial_level * 1.05`, parsed and evaluated."""

from decimal import Decimal

from monitor.core.model.alert import MetricScope
from monitor.core.model.metric import MetricValue, MissingValue
from monitor.core.rules.parser import ExpressionError, LevelTarget, MetricReader, parse_target

__all__ = ["DEFAULT_TARGET", "ExpressionError", "LevelTarget", "evaluate_target", "parse_sizing_target"]

_SCOPES: tuple[MetricScope, ...] = ("cross", "isolated")


def parse_sizing_target(text: str) -> LevelTarget:
    """Parse a target. Raises ExpressionError unless its metric is `margin_level`."""
    target = parse_target(text, _SCOPES)
    if target.metric != "margin_level":
        raise ExpressionError(
            f"`{target.metric}` can't size an action", 1, "a target has the form `margin_level >= initial_level * 1.05`"
        )
    return target


def evaluate_target(target: LevelTarget, read: MetricReader) -> MetricValue:
    """Level to reach in the scope of `read`; missing if one of its metrics is, or if the level is infinite."""
    level = target.evaluate(read)
    return level if isinstance(level, Decimal) and level.is_finite() else MissingValue.UNAVAILABLE


DEFAULT_TARGET = parse_sizing_target("margin_level >= initial_level * 1.05")
"""Five per cent above the initial level, below which nothing more can be borrowed."""
