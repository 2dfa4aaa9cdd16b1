"""One-line summary of an alert's condition: its first known metric and value."""

from collections.abc import Sequence

from monitor.core.metrics.value_text import value_text
from monitor.core.model.metric import MissingValue
from monitor.core.model.metric_values import MetricValues

_COUNT_NOUNS = {
    "orders_open": ("open order", "open orders"),
    "liquidations_24h": ("liquidation in 24 h", "liquidations in 24 h"),
    "foreign_movements_24h": ("movement by another hand in 24 h", "movements by another hand in 24 h"),
    "actions_blocked": ("action blocked", "actions blocked"),
    "notifications_failing": ("channel failing", "channels failing"),
    "conditions_unknown": ("condition unknown", "conditions unknown"),
}
"""Noun of each counted metric, singular and plural."""


def summarize_condition(names: Sequence[str], metrics: MetricValues) -> str:
    """First known metric of a condition and its value: `margin level 1.21`, or `2 open orders`."""
    if not names:
        return metrics.kind
    values = {name: metrics.display.get(name, MissingValue.UNAVAILABLE) for name in names}
    name = next((name for name, value in values.items() if not isinstance(value, MissingValue)), names[0])
    value = values[name]
    if name in _COUNT_NOUNS and not isinstance(value, MissingValue):
        one, several = _COUNT_NOUNS[name]
        return f"{value_text(name, value)} {one if value == 1 else several}"
    return f"{name.replace('_', ' ')} {value_text(name, value)}"
