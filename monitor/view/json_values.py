"""How a single value is written in a JSON document: decimals as text, times in RFC 3339, durations as seconds."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from monitor.core.model.account import Balance
from monitor.core.model.metric import Value
from monitor.core.numbers.amounts import plain
from monitor.core.numbers.durations import rfc3339


def number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


Document = dict[str, Any]
"""A JSON object."""


def decimal_text(value: Value | None) -> str | None:
    """The number without exponent; null when it is infinite, unavailable or not known."""
    return plain(value) if isinstance(value, Decimal) and value.is_finite() else None


def moment_text(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def seconds_number(span: timedelta | Value | None) -> int | float | None:
    """The duration in seconds, to the millisecond; null as in `decimal_text`."""
    if isinstance(span, timedelta):
        seconds = Decimal(span // timedelta(milliseconds=1)) / 1000
    elif isinstance(span, Decimal) and span.is_finite():
        seconds = span.quantize(Decimal("0.001"))
    else:
        return None
    return int(seconds) if seconds == seconds.to_integral_value() else float(seconds)


def age_number(as_of: datetime | None, now: datetime) -> int | float | None:
    """Seconds from `as_of` to `now`, never negative."""
    return None if as_of is None else seconds_number(max(now - as_of, timedelta()))


def balance_fields(balance: Balance) -> Document:
    return {
        "asset": balance.asset,
        "free": plain(balance.free),
        "locked": plain(balance.locked),
        "borrowed": plain(balance.borrowed),
        "interest": plain(balance.interest),
        "net": plain(balance.net),
    }
