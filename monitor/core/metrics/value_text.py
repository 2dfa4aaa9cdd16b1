"""Figures in words: the short line that an alert's title carries."""

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

from monitor.core.model.account import PairStatus
from monitor.core.model.events import Noticed
from monitor.core.model.metric import METRICS, Missing, Unit, Value
from monitor.core.model.metric_values import Figures
from monitor.core.numbers.amounts import plain

_CENT = Decimal("0.01")
_TENTH = Decimal("0.1")

_COUNTED = {
    "orders_open": ("open order", "open orders"),
    "liquidations_24h": ("liquidation in 24 h", "liquidations in 24 h"),
    "foreign_movements_24h": ("movement by another hand in 24 h", "movements by another hand in 24 h"),
    "actions_blocked": ("action blocked", "actions blocked"),
    "notifications_failing": ("channel failing", "channels failing"),
    "conditions_unknown": ("condition unknown", "conditions unknown"),
}
"""What is counted, one of it and several."""


def summary_of(names: Sequence[str], figures: Figures) -> str:
    """The condition's first metric that is known, and its value: `margin level 1.21`, or `2 open orders`."""
    if not names:
        return figures.kind
    values = {name: figures.shown.get(name, Missing.UNAVAILABLE) for name in names}
    name = next((name for name, value in values.items() if not isinstance(value, Missing)), names[0])
    value = values[name]
    if name in _COUNTED and not isinstance(value, Missing):
        one, several = _COUNTED[name]
        return f"{value_text(name, value)} {one if value == 1 else several}"
    return f"{name.replace('_', ' ')} {value_text(name, value)}"


def notice_text(notice: Noticed) -> str:
    """Such as `the exchange said 1.23 MARGIN_CALL at 21:14:03 UTC`."""
    said = f"{value_text('margin_level', notice.level)} {notice.status}".rstrip()
    return f"the exchange said {said} at {notice.at:%H:%M:%S} UTC"


def value_text(metric: str, value: Value) -> str:
    """A metric's value as people read it. Levels are cut, not rounded, so that 1.0999 never reads as 1.10."""
    if isinstance(value, Missing):
        return "unknown"
    if not value.is_finite():
        return "infinite"
    match METRICS[metric].unit:
        case Unit.LEVEL:
            return str(value.quantize(_CENT, ROUND_DOWN))
        case Unit.FRACTION:
            return f"{(value * 100).quantize(_TENTH, ROUND_HALF_EVEN)} %"
        case Unit.USDT:
            return f"{value.quantize(_CENT):,} USDT"
        case Unit.SECONDS:
            return span_text(value)
        case Unit.STATUS:
            return PairStatus(int(value)).name
        case Unit.BOOLEAN:
            return "yes" if value else "no"
        case Unit.COUNT:
            return str(int(value))
        case Unit.AMOUNT | Unit.PRICE:
            return plain(value)


def span_text(seconds: Decimal) -> str:
    """A time span in its two largest units: `3d 4h`, `2m 10s`, `8s`; `-2m` for one that is behind us."""
    if seconds < 0:
        span = span_text(-seconds)
        return span if span == "0s" else f"-{span}"
    rest = int(seconds)
    parts: list[str] = []
    for letter, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count}{letter}")
    return " ".join(part for part in parts[:2] if not part.startswith("0")) or "0s"
