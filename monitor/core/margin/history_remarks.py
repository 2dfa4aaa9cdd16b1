"""Remarks on a price history: where it is short, has gaps, was put into another unit, or is a bound."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from monitor.core.model.price_history import HOUR, HourSpan, PriceHistory

MAX_LAG = HOUR * 2
"""Time by which bars may lie behind before it is said: each hour is read within minutes of its end."""


def describe_history(history: PriceHistory) -> tuple[str, ...]:
    """Return one sentence for each thing that a reader of the history must know; empty if it is whole and plain."""
    return (history.missing,) if history.missing else tuple(_remarks(history))


def _remarks(history: PriceHistory) -> Iterator[str]:
    asset, route = history.asset, history.route
    if route is not None and route.peg:
        yield f"{asset} has no pair with USDT: its past is that of {route.peg}"
    elif route is not None and route.bridge_pair:
        yield f"{asset} is valued by {route.pair} × {route.bridge_pair}: its lows and highs are bounds"
    if history.broken_at is not None:
        yield f"{asset} jumped before {_at(history.broken_at)}, which nothing explains: nothing before it counts"
    elif history.listed_at is not None:
        yield f"{asset} is traded since {_at(history.listed_at)} only"
    elif history.known_from is not None and history.known_from > history.since:
        yield f"{asset} is read back to {_at(history.known_from)} so far"
    for change in history.redenominations:
        yield (
            f"{change.symbol} has a new unit since {_at(change.at)} (price × {change.factor:f}): "
            "earlier bars are put into it"
        )
    if history.holes:
        yield f"{asset} has no bars in {_hours(history.holes)}"
    if history.halts:
        yield f"{asset} was not traded in {_hours(history.halts)}"
    if history.ended_at is not None:
        yield f"{asset} has no bars since {_at(history.ended_at)}: renamed, delisted or halted"
    elif history.known_until is not None and history.until - history.known_until >= MAX_LAG:
        yield f"{asset} is read up to {_at(history.known_until)} only"


def _hours(spans: Sequence[HourSpan]) -> str:
    """Return how many hours there are, and where the longest span lies."""
    total, longest = sum(span.hours for span in spans), max(spans, key=lambda span: span.hours)
    where = f"from {_at(longest.since)} to {_at(longest.until)}"
    return f"{total} h, {where}" if len(spans) == 1 else f"{total} h, the longest {where}"


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
