"""States of an account in which conditions are tried: calm ones, and those on the way down to liquidation."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice, pairwise, product

from monitor.core.model.account import Bars, PairStatus
from monitor.core.model.metric import METRICS, Missing, Unit, Value
from monitor.core.numbers.amounts import INFINITE, ONE, ZERO
from monitor.core.rules.lexer import mask_literals
from monitor.core.rules.parser import Condition

World = Mapping[str, Decimal]

BARS = ("initial_level", "margin_call_level", "liquidation_level")
LEVELS = ("margin_level", "polled_margin_level")
"""The metrics that end at the liquidation level: below it there is nothing left to save."""

MOST_TRIES = 5_000
"""States that are tried for one question."""

_OWED = Decimal(10_000)
_A_BIT = Decimal("0.0001")
_YEARS = Decimal(315_360_000)
_CALM: World = {
    "margin_level": Decimal(3),
    "held": ONE,
    "key_accepted": ONE,
    "key_ip_restricted": ONE,
    "stream_connected": ONE,
    "data_age": ONE,
    "poll_interval": Decimal(60),
    "index_price": Decimal(1000),
}


class Reader:
    """What a condition reads a world by; a metric that is not in it is calm."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self, metric: str) -> Value:
        found = self._world.get(metric)
        return calm(metric) if found is None else found


def holds(condition: Condition, world: World) -> bool:
    """Whether the condition holds in this world."""
    return condition.evaluate(Reader(world)) is True


def calm(metric: str) -> Decimal:
    """The value of a metric while all is well."""
    if metric in _CALM:
        return _CALM[metric]
    known = METRICS[metric]
    if known.unit is Unit.SECONDS and metric.startswith("time_to"):
        return _YEARS
    return INFINITE if metric.endswith("_to_liquidation") or metric == "drop_to_margin_call" else max(ZERO, known.low)


def at_level(level: Decimal, bars: Bars) -> World:
    """An account at this margin level that owes dollars and holds coins."""
    room = max(ZERO, ONE - bars.liquidation / level)
    status = PairStatus.NORMAL if level <= 2 else PairStatus.EXCESSIVE
    if level <= bars.margin_call:
        status = PairStatus.MARGIN_CALL
    return {
        **dict(zip(BARS, (bars.initial, bars.margin_call, bars.liquidation), strict=True)),
        "margin_level": level,
        "polled_margin_level": level,
        "collateral_margin_level": level,
        "distance_to_liquidation": room,
        "drop_to_liquidation": room,
        "drop_to_margin_call": max(ZERO, ONE - bars.margin_call / level),
        "assets_usdt": _OWED * level,
        "liabilities_usdt": _OWED,
        "equity_usdt": _OWED * (level - ONE),
        "quote_borrowed": _OWED,
        "liquidation_price": calm("index_price") * (ONE - room),
        "status": Decimal(int(status)),
    }


def way_down(bars: Bars, conditions: Iterable[Condition] = ()) -> list[Decimal]:
    """Margin levels from safe to the liquidation of these bars, with those at which something may change."""
    found = {Decimal(step) / 200 for step in range(200, 801)}
    for point in (*constants(conditions), bars.initial, bars.margin_call, bars.liquidation):
        found |= {point, point - _A_BIT, point + _A_BIT}
    return sorted((level for level in found if bars.liquidation < level <= 4), reverse=True)


def worlds(conditions: Sequence[Condition], bars: Bars, last: str | None = None) -> Iterator[World]:
    """Worlds that differ in every metric that the conditions read, bars apart, at all values where they may turn.

    Those that differ in `last` alone follow each other, in its order.
    """
    names = sorted((name for name in names_of(conditions) if name not in BARS), key=lambda name: name == last)
    base = at_level(calm("margin_level"), bars)
    choices = [values_of(name, conditions, bars) for name in names]
    while choices and _count(choices) > MOST_TRIES:
        longest = max(range(len(choices)), key=lambda index: len(choices[index]))
        choices[longest] = choices[longest][::2]
    for values in islice(product(*choices), MOST_TRIES):
        yield {**base, **dict(zip(names, values, strict=True))}


def values_of(name: str, conditions: Sequence[Condition], bars: Bars) -> list[Decimal]:
    """Values of one metric, in order, between which the conditions may change their answer."""
    metric = METRICS[name]
    low = bars.liquidation if name in LEVELS else metric.low
    if metric.unit in (Unit.STATUS, Unit.BOOLEAN):
        return [Decimal(number) for number in range(int(metric.low), int(metric.high) + 1)]
    found = {low, metric.high, min(calm(name), metric.high)}
    points = {*constants(conditions), ZERO}
    others = [calm(other) for other in names_of(conditions) if other != name and calm(other).is_finite()]
    points |= {point * other for point in constants(conditions) for other in others}
    if metric.unit is Unit.LEVEL:
        points |= {bars.initial, bars.margin_call, bars.liquidation}
        if sum(1 for other in names_of(conditions) if other not in BARS) == 1:
            points |= {Decimal(step) / 50 for step in range(50, 126)}
    for point in points:
        found |= {point, -point}
    inside = sorted(value for value in found if low <= value <= metric.high)
    between = {(earlier + later) / 2 for earlier, later in pairwise(inside)}
    return sorted({*inside, *between})


def names_of(conditions: Iterable[Condition]) -> tuple[str, ...]:
    """Every metric that the conditions read."""
    return tuple(dict.fromkeys(name for condition in conditions for name in condition.names))


def constants(conditions: Iterable[Condition]) -> set[Decimal]:
    """Every number that stands in the conditions."""
    return {each.value for condition in conditions for each in mask_literals(condition.text)[1].values()}


def known(value: Value) -> Decimal | None:
    """The value, unless it is missing or infinite."""
    return None if isinstance(value, Missing) or not value.is_finite() else value


def _count(choices: Sequence[Sequence[Decimal]]) -> int:
    count = 1
    for choice in choices:
        count *= len(choice)
    return count
