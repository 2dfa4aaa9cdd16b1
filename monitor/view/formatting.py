"""Figures in the words and roundings that people read. Documents for programs are exact; these are not."""

import re
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from monitor.core.model.metric import METRICS, Metric, Value
from monitor.core.numbers.amounts import plain
from monitor.core.numbers.durations import span_text, to_seconds

INFINITY_SIGN = "∞"
UNKNOWN = "unknown"

_NAME = re.compile(r"[a-z_][a-z0-9_]*")


def level_text(value: Value | None, decimals: int = 2) -> str:
    """A margin level, rounded down: 1.2999 is below a bar of 1.30 and must look so."""
    return _rounded(value, decimals, ROUND_FLOOR)


def bar_text(value: Value | None) -> str:
    """A bar, exactly, with two decimals at least."""
    if not isinstance(value, Decimal) or not value.is_finite():
        return _without_number(value)
    text = plain(value)
    decimals = len(text.partition(".")[2])
    return text if decimals >= 2 else f"{value:.2f}"


def percent_text(fraction: Value | None) -> str:
    """A fraction as a percentage rounded down: one decimal, below one per cent two."""
    if not isinstance(fraction, Decimal) or not fraction.is_finite():
        return _without_number(fraction)
    percent = fraction * 100
    return f"{_rounded(percent, 2 if abs(percent) < 1 else 1, ROUND_FLOOR)} %"


def money_text(value: Value | None) -> str:
    """A value in USDT, to the cent."""
    text = _rounded(value, 2, ROUND_HALF_EVEN)
    return f"{text} USDT" if isinstance(value, Decimal) and value.is_finite() else text


def whole_text(value: Decimal) -> str:
    """A value without cents, rounded down."""
    return f"{value.to_integral_value(ROUND_FLOOR):,f}"


def amount_text(value: Value | None) -> str:
    """An amount of an asset with at most eight decimals, thousands separated."""
    text = _rounded(value, 8, ROUND_FLOOR)
    return text.rstrip("0").rstrip(".") if "." in text else text


def needed_text(amount: Decimal, asset: str) -> str:
    """An amount that is needed, rounded up to four digits that say something: nobody types eight decimals at night."""
    if not amount.is_finite() or amount <= 0:
        return f"{amount_text(amount)} {asset}"
    step = Decimal(1).scaleb(max(amount.adjusted() - 3, -8))
    text = f"{(amount / step).to_integral_value(ROUND_CEILING) * step:,f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {asset}"


def price_text(value: Value | None) -> str:
    """A price with as many decimals as its size asks for."""
    if not isinstance(value, Decimal) or not value.is_finite():
        return _without_number(value)
    size = abs(value)
    text = _rounded(value, 2 if size >= 100 else 4 if size >= 1 else 8, ROUND_HALF_EVEN)
    return text if size >= 100 else text.rstrip("0").rstrip(".")


def age_text(span: timedelta) -> str:
    """A time span in its two largest units, rounded down: `2d 3h`, `1m 5s`, `0s`. Negative ones count as zero."""
    return span_text(to_seconds(max(span, timedelta())))


def time_text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def stamp_text(text: str) -> str:
    """The time of a document as people read it."""
    return f"{text[:10]} {text[11:19]} UTC"


def first_metric(condition: str) -> Metric | None:
    """The metric that a condition names first: the one its alert's value belongs to."""
    return next((METRICS[name] for name in _NAME.findall(condition) if name in METRICS), None)


def _rounded(value: Value | None, decimals: int, rounding: str) -> str:
    if not isinstance(value, Decimal) or not value.is_finite():
        return _without_number(value)
    return f"{value.quantize(Decimal(1).scaleb(-decimals), rounding=rounding):,f}"


def _without_number(value: Value | None) -> str:
    return INFINITY_SIGN if isinstance(value, Decimal) and value > 0 else UNKNOWN
