"""Metric values in words: the short line in an alert's title."""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

from monitor.core.model.account import PairStatus
from monitor.core.model.metric import METRICS, MetricUnit, MetricValue, MissingValue
from monitor.core.model.stream_payloads import ReportedLevel
from monitor.core.numbers.amounts import format_decimal
from monitor.core.numbers.durations import span_text

_CENT = Decimal("0.01")
_TENTH = Decimal("0.1")


def notice_text(notice: ReportedLevel) -> str:
    """Return a text such as `the exchange said 1.23 MARGIN_CALL at 21:14:03 UTC`."""
    said = f"{value_text('margin_level', notice.level)} {notice.status}".rstrip()
    return f"the exchange said {said} at {notice.at:%H:%M:%S} UTC"


def value_text(metric: str, value: MetricValue) -> str:
    """Return a metric's value for people. Levels are truncated, not rounded, so that 1.0999 never shows as 1.10."""
    if isinstance(value, MissingValue):
        return "unknown"
    if not value.is_finite():
        return "infinite"
    match METRICS[metric].unit:
        case MetricUnit.LEVEL:
            return str(value.quantize(_CENT, ROUND_DOWN))
        case MetricUnit.FRACTION:
            return f"{(value * 100).quantize(_TENTH, ROUND_HALF_EVEN)} %"
        case MetricUnit.USDT:
            return f"{value.quantize(_CENT):,} USDT"
        case MetricUnit.SECONDS:
            return span_text(value)
        case MetricUnit.STATUS:
            return PairStatus(int(value)).name
        case MetricUnit.BOOLEAN:
            return "yes" if value else "no"
        case MetricUnit.COUNT:
            return str(int(value))
        case MetricUnit.AMOUNT | MetricUnit.PRICE:
            return format_decimal(value)
