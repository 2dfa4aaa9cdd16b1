"""Hourly bars for tests, from closes that follow one another."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from monitor.core.model.price_history import HOUR, PriceBar

BEGAN = datetime(2026, 2, 1, tzinfo=UTC)
D = Decimal


def hour(number: int) -> datetime:
    """The start of the hour with this number."""
    return BEGAN + HOUR * number


def bar(number: int, opened: str, high: str, low: str, close: str, volume: str | None = "10") -> PriceBar:
    """One bar of the hour with this number."""
    return PriceBar(hour(number), D(opened), D(high), D(low), D(close), None if volume is None else D(volume))


def bars(closes: Sequence[str], start: int = 0, volume: str | None = "10") -> tuple[PriceBar, ...]:
    """Bars that each open at the close before and reach nothing beyond their ends."""
    found, opened = [], D(closes[0])
    for number, text in enumerate(closes, start):
        close = D(text)
        traded = None if volume is None else D(volume)
        found.append(PriceBar(hour(number), opened, max(opened, close), min(opened, close), close, traded))
        opened = close
    return tuple(found)
