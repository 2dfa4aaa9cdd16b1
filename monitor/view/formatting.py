"""Numbers, amounts and times as people read them, rounded; documents for programs are exact."""

import re
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from monitor.core.model.metric import METRICS, Metric, MetricValue
from monitor.core.numbers.amounts import format_decimal
from monitor.core.numbers.durations import span_text, to_seconds

INFINITY_SIGN = "∞"
UNKNOWN = "unknown"

_NAME = re.compile(r"[a-z_][a-z0-9_]*")


def format_level(value: MetricValue | None, decimals: int = 2) -> str:
    """A margin level, rounded down: 1.2999 is below a threshold of 1.30 and must look so."""
    return _format_rounded(value, decimals, ROUND_FLOOR)


def format_threshold(value: MetricValue | None) -> str:
    """A threshold, exactly, with at least two decimals."""
    if not isinstance(value, Decimal) or not value.is_finite():
        return _infinity_or_unknown(value)
    text = format_decimal(value)
    decimals = len(text.partition(".")[2])
    return text if decimals >= 2 else f"{value:.2f}"


def format_percent(fraction: MetricValue | None) -> str:
    """A fraction as a percentage rounded down: one decimal, below one per cent two."""
    if not isinstance(fraction, Decimal) or not fraction.is_finite():
        return _infinity_or_unknown(fraction)
    percent = fraction * 100
    return f"{_format_rounded(percent, 2 if abs(percent) < 1 else 1, ROUND_FLOOR)} %"


def format_usdt(value: MetricValue | None) -> str:
    """A value in USDT, to the cent."""
    text = _format_rounded(value, 2, ROUND_HALF_EVEN)
    return f"{text} USDT" if isinstance(value, Decimal) and value.is_finite() else text


def format_whole(value: Decimal) -> str:
    """A value without cents, rounded down."""
    return f"{value.to_integral_value(ROUND_FLOOR):,f}"


def format_amount(value: MetricValue | None) -> str:
    """An amount of an asset with at most eight decimals, thousands separated."""
    text = _format_rounded(value, 8, ROUND_FLOOR)
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_needed_amount(amount: Decimal, asset: str) -> str:
    """An amount that is needed, rounded up to four significant digits: nobody types eight decimals at night."""
    if not amount.is_finite() or amount <= 0:
        return f"{format_amount(amount)} {asset}"
    step = Decimal(1).scaleb(max(amount.adjusted() - 3, -8))
    text = f"{(amount / step).to_integral_value(ROUND_CEILING) * step:,f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {asset}"


def format_price(value: MetricValue | None) -> str:
    """A price with as many decimals as its size needs."""
    if not isinstance(value, Decimal) or not value.is_finite():
        return _infinity_or_unknown(value)
    size = abs(value)
    text = _format_rounded(value, 2 if size >= 100 else 4 if size >= 1 else 8, ROUND_HALF_EVEN)
    return text if size >= 100 else text.rstrip("0").rstrip(".")


def format_age(span: timedelta) -> str:
    """A time span in its two largest units, rounded down: `2d 3h`, `1m 5s`, `0s`. Negative ones count as zero."""
    return span_text(to_seconds(max(span, timedelta())))


def format_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def format_minute(text: str) -> str:
    """A document's time in UTC, to the minute."""
    return f"{text[:10]} {text[11:16]}"


def format_timestamp(text: str) -> str:
    """The time of a document as people read it."""
    return f"{text[:10]} {text[11:19]} UTC"


def find_first_metric(condition: str) -> Metric | None:
    """The first metric in a condition: the one that the alert's value belongs to."""
    return next((METRICS[name] for name in _NAME.findall(condition) if name in METRICS), None)


def format_route(route: str, amount: Decimal, asset: str, repays: str = "") -> str:
    """One recovery option in words."""
    sum_ = format_needed_amount(amount, asset)
    match route:
        case "repay":
            return f"repay {sum_} from the free balance"
        case "transfer_and_repay":
            return f"bring in {sum_} and repay"
        case "reduce":
            return f"sell {sum_} for {repays} and repay" if repays else f"sell {sum_} and repay"
        case _:
            return f"bring in {sum_} as collateral"


def _format_rounded(value: MetricValue | None, decimals: int, rounding: str) -> str:
    if not isinstance(value, Decimal) or not value.is_finite():
        return _infinity_or_unknown(value)
    return f"{value.quantize(Decimal(1).scaleb(-decimals), rounding=rounding):,f}"


def _infinity_or_unknown(value: MetricValue | None) -> str:
    return INFINITY_SIGN if isinstance(value, Decimal) and value > 0 else UNKNOWN
