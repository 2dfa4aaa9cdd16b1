"""Single values in JSON documents: decimals as text, times in RFC 3339, durations in seconds."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from monitor.core.model.account import Balance
from monitor.core.model.metric import MetricValue
from monitor.core.numbers.amounts import format_decimal
from monitor.core.numbers.durations import format_rfc3339


def parse_json_decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


Document = dict[str, Any]
"""A JSON object."""


def json_decimal(value: MetricValue | None) -> str | None:
    """The number without exponent; null when it is infinite, unavailable or not known."""
    return format_decimal(value) if isinstance(value, Decimal) and value.is_finite() else None


def json_time(time: datetime | None) -> str | None:
    return None if time is None else format_rfc3339(time)


def json_seconds(span: timedelta | MetricValue | None) -> int | float | None:
    """The duration in seconds, to the millisecond; null as in `json_decimal`."""
    if isinstance(span, timedelta):
        seconds = Decimal(span // timedelta(milliseconds=1)) / 1000
    elif isinstance(span, Decimal) and span.is_finite():
        seconds = span.quantize(Decimal("0.001"))
    else:
        return None
    return int(seconds) if seconds == seconds.to_integral_value() else float(seconds)


def json_age(as_of: datetime | None, now: datetime) -> int | float | None:
    """Seconds from `as_of` to `now`, never negative."""
    return None if as_of is None else json_seconds(max(now - as_of, timedelta()))


def json_balance(balance: Balance) -> Document:
    return {
        "asset": balance.asset,
        "free": format_decimal(balance.free),
        "locked": format_decimal(balance.locked),
        "borrowed": format_decimal(balance.borrowed),
        "interest": format_decimal(balance.interest),
        "net": format_decimal(balance.net),
    }
