"""Short notation of a series: `1.8 1.7x3 _ stale 1.5-0.1x4`, one value per interval."""

import re
from decimal import Decimal

from monitor.core.model.account import PairStatus
from monitor.core.model.metric import MetricValue, MissingValue
from monitor.core.numbers.amounts import INFINITE, parse_amount
from monitor.core.numbers.durations import parse_duration, to_seconds

MAX_VALUES = 100_000
"""Most values of a series."""

_ITEM = re.compile(r"(?P<first>[-+]?[^-+x]+)(?:(?P<sign>[-+])(?P<step>[^-+x]+))?(?:x(?P<times>[0-9]{1,6}))?")


def parse_series(text: str) -> tuple[MetricValue | None, ...]:
    """Parse a series into its values, oldest first. None: no new value, the last one stays.

    `2` is one value, `2x3` the same value four times, `2+0.1x3` four rising values, `_` no new value, `_x3` three times
    no new value, `stale` an unknown value. Numbers have forms such as `1.5`, `10%`, `90s`, `inf` or `MARGIN_CALL`.
    Raises ValueError naming the item.
    """
    values: list[MetricValue | None] = []
    for number, item in enumerate(text.split(), start=1):
        try:
            values += _expand(item, MAX_VALUES - len(values))
        except ValueError as error:
            raise ValueError(f"value {number}, `{item[:40]}`: {error}") from error
    if not values:
        raise ValueError('a series needs a value; write "1.8 1.7x3 _ stale"')
    return tuple(values)


def parse_value(text: str) -> Decimal:
    """Parse one value: a number, a percentage, a duration (in seconds), `inf`, or a status word. Raises ValueError."""
    if text == "inf":
        return INFINITE
    if text in PairStatus.__members__:
        return Decimal(int(PairStatus[text]))
    if text.endswith("%"):
        return parse_amount(text[:-1]) / 100
    if text[-1:].isalpha():
        return to_seconds(parse_duration(text))
    return parse_amount(text)


def _expand(item: str, room: int) -> list[MetricValue | None]:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise ValueError("can't be read; write it like 1.8, 1.7x3, 1.8-0.1x5, _ or stale")
    first, step = match["first"], match["step"]
    times = int(match["times"] or 0)
    if times >= room:
        raise ValueError(f"a series has at most {MAX_VALUES} values")
    if first in ("_", "stale"):
        if step is not None:
            raise ValueError("nothing can be added to it")
        nothing: MetricValue | None = None if first == "_" else MissingValue.UNAVAILABLE
        return [nothing] * (times if match["times"] else 1)
    start = parse_value(first)
    if step is None:
        return [start] * (times + 1)
    if match["times"] is None:
        raise ValueError("how often? write it like 1.8-0.1x5")
    change = parse_value(step) if match["sign"] == "+" else -parse_value(step)
    return [start + change * count for count in range(times + 1)]
