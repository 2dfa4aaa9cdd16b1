"""Ages, times, amounts and states in the words of the pages."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Literal

from monitor.core.model.metric import METRICS, MetricUnit
from monitor.view.formatting import (
    format_amount,
    format_level,
    format_percent,
    format_price,
    format_timestamp,
    format_usdt,
)

PageTone = Literal["good", "note", "bad", "old", "dim"]
"""`old`: the figures can't be relied on; `dim`: nothing to judge."""

TONE_RANKS: Mapping[PageTone, int] = {"bad": 0, "old": 1, "note": 2, "good": 3, "dim": 4}
"""The worst first."""

SEVERITY_PAGE_TONES: Mapping[str, PageTone] = {"critical": "bad", "warning": "note", "info": "dim"}

_TO_THE_CENT_FROM = Decimal(1_000)
_WHOLE_PRICE_FROM = Decimal(10_000)

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def worst_tone(*tones: PageTone) -> PageTone:
    """Return the worst of the tones; `dim` of none."""
    return min(tones, key=lambda tone: TONE_RANKS[tone], default="dim")


def age_words(seconds: float) -> str:
    """An age in its two largest units, rounded down: `4 s`, `3 min 5 s`, `2 h`, `1 d 3 h`.

    The script of the pages counts on in the same words.
    """
    parts: list[str] = []
    rest = max(int(seconds), 0)
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
        if len(parts) == 2:
            break
    return " ".join(part for part in parts if part) or "0 s"


def seconds_since(time: str | None, now: datetime) -> float | None:
    """Seconds from the time of a document to `now`, never negative; None without one."""
    return None if time is None else max((now - parse_time(time)).total_seconds(), 0.0)


def parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def time_words(text: str | None) -> str:
    """The time of a document as people read it, with its zone; empty without one."""
    return "" if text is None else format_timestamp(text)


def clock_words(text: str) -> str:
    """The time of day of a document's time: `21:13:30 UTC`."""
    return f"{text[11:19]} UTC"


def decimal_of(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def price_words(price: Decimal) -> str:
    """A price, without cents where they don't matter: a number must not break over two lines of a phone."""
    return format_price(price) if price < _WHOLE_PRICE_FROM else f"{price:,.0f}"


def amount_words(amount: str, asset: str) -> str:
    """An amount with its asset, exactly; the asset alone where there is no amount."""
    number = Decimal(amount)
    return f"{format_amount(number)} {asset}" if number else asset


def short_amount_words(amount: str, asset: str) -> str:
    """An amount with its asset, to the cent where it is large."""
    number = Decimal(amount)
    return (
        f"{format_amount(number if abs(number) < _TO_THE_CENT_FROM else round(number, 2))} {asset}" if number else asset
    )


def metric_words(name: str, text: str) -> str:
    """The figure of a metric in its unit."""
    metric = METRICS.get(name)
    number = Decimal(text)
    match metric.unit if metric is not None else None:
        case MetricUnit.LEVEL:
            return format_level(number)
        case MetricUnit.FRACTION:
            return format_percent(number)
        case MetricUnit.USDT:
            return format_usdt(number)
        case MetricUnit.PRICE:
            return format_price(number)
        case MetricUnit.SECONDS:
            return age_words(int(number))
        case MetricUnit.BOOLEAN:
            return "yes" if number else "no"
        case _:
            return format_amount(number)
