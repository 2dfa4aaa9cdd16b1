"""Sample states of an account on which lint tries conditions, from calm ones down to liquidation."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice, pairwise, product

from monitor.core.model.account import PairStatus, Thresholds
from monitor.core.model.metric import METRICS, MetricUnit, MetricValue, MissingValue
from monitor.core.numbers.amounts import INFINITE, ONE, ZERO
from monitor.core.rules.lexer import mask_literals
from monitor.core.rules.parser import Condition

SampleState = Mapping[str, Decimal]

THRESHOLD_METRICS = ("initial_level", "margin_call_level", "liquidation_level")
LEVEL_METRICS = ("margin_level", "polled_margin_level")
"""Metrics that are sampled down to the liquidation level only: below it the exchange has liquidated."""

MAX_SAMPLES = 5_000
"""Most states that are tried for one check."""

_OWED = Decimal(10_000)
_EPSILON = Decimal("0.0001")
_TEN_YEARS_S = Decimal(315_360_000)
_CALM_VALUES: SampleState = {
    "margin_level": Decimal(3),
    "worst_level_1d": Decimal(2),
    "held": ONE,
    "key_accepted": ONE,
    "key_ip_restricted": ONE,
    "stream_connected": ONE,
    "data_age": ONE,
    "poll_interval": Decimal(60),
    "index_price": Decimal(1000),
}


class SampleReader:
    """Metric reader of one sample state. A metric that the state lacks has its calm value."""

    def __init__(self, sample: SampleState) -> None:
        self._sample = sample

    def __call__(self, metric: str) -> MetricValue:
        found = self._sample.get(metric)
        return calm_value(metric) if found is None else found


def is_condition_met(condition: Condition, sample: SampleState) -> bool:
    """Return whether the condition holds in this state."""
    return condition.evaluate(SampleReader(sample)) is True


def calm_value(metric: str) -> Decimal:
    """Value of a metric while the account is safe."""
    if metric in _CALM_VALUES:
        return _CALM_VALUES[metric]
    known = METRICS[metric]
    if known.unit is MetricUnit.SECONDS and metric.startswith("time_to"):
        return _TEN_YEARS_S
    return INFINITE if metric.endswith("_to_liquidation") or metric == "drop_to_margin_call" else max(ZERO, known.low)


def state_at_level(level: Decimal, thresholds: Thresholds) -> SampleState:
    """State of an account at this margin level that owes USDT and holds coins."""
    room = max(ZERO, ONE - thresholds.liquidation / level)
    status = PairStatus.NORMAL if level <= 2 else PairStatus.EXCESSIVE
    if level <= thresholds.margin_call:
        status = PairStatus.MARGIN_CALL
    return {
        **dict(
            zip(THRESHOLD_METRICS, (thresholds.initial, thresholds.margin_call, thresholds.liquidation), strict=True)
        ),
        "margin_level": level,
        "polled_margin_level": level,
        "collateral_margin_level": level,
        "distance_to_liquidation": room,
        "drop_to_liquidation": room,
        "drop_to_margin_call": max(ZERO, ONE - thresholds.margin_call / level),
        "assets_usdt": _OWED * level,
        "liabilities_usdt": _OWED,
        "equity_usdt": _OWED * (level - ONE),
        "quote_borrowed": _OWED,
        "liquidation_price": calm_value("index_price") * (ONE - room),
        "status": Decimal(int(status)),
    }


def falling_levels(thresholds: Thresholds, conditions: Iterable[Condition] = ()) -> list[Decimal]:
    """Margin levels from safe down to liquidation, with those around the thresholds and the conditions' constants."""
    found = {Decimal(step) / 200 for step in range(200, 801)}
    for point in (*constants_in(conditions), thresholds.initial, thresholds.margin_call, thresholds.liquidation):
        found |= {point, point - _EPSILON, point + _EPSILON}
    return sorted((level for level in found if thresholds.liquidation < level <= 4), reverse=True)


def sample_states(
    conditions: Sequence[Condition], thresholds: Thresholds, last: str | None = None
) -> Iterator[SampleState]:
    """Yield states that combine the values at which the conditions may change, for every metric that they read.

    Threshold metrics do not vary. States that differ in the metric `last` alone follow each other, in its order.
    """
    names = sorted(
        (name for name in list_metric_names(conditions) if name not in THRESHOLD_METRICS), key=lambda name: name == last
    )
    base = state_at_level(calm_value("margin_level"), thresholds)
    choices = [sample_values(name, conditions, thresholds) for name in names]
    while choices and _combinations(choices) > MAX_SAMPLES:
        longest = max(range(len(choices)), key=lambda index: len(choices[index]))
        choices[longest] = choices[longest][::2]
    for values in islice(product(*choices), MAX_SAMPLES):
        yield {**base, **dict(zip(names, values, strict=True))}


def sample_values(name: str, conditions: Sequence[Condition], thresholds: Thresholds) -> list[Decimal]:
    """Values of one metric, in order, at and between which the conditions may change."""
    metric = METRICS[name]
    low = thresholds.liquidation if name in LEVEL_METRICS else metric.low
    if metric.unit in (MetricUnit.STATUS, MetricUnit.BOOLEAN):
        return [Decimal(number) for number in range(int(metric.low), int(metric.high) + 1)]
    found = {low, metric.high, min(calm_value(name), metric.high)}
    points = {*constants_in(conditions), ZERO}
    others = [
        calm_value(other) for other in list_metric_names(conditions) if other != name and calm_value(other).is_finite()
    ]
    points |= {point * other for point in constants_in(conditions) for other in others}
    if metric.unit is MetricUnit.LEVEL:
        points |= {thresholds.initial, thresholds.margin_call, thresholds.liquidation}
        if sum(1 for other in list_metric_names(conditions) if other not in THRESHOLD_METRICS) == 1:
            points |= {Decimal(step) / 50 for step in range(50, 126)}
    for point in points:
        found |= {point, -point}
    inside = sorted(value for value in found if low <= value <= metric.high)
    between = {(earlier + later) / 2 for earlier, later in pairwise(inside)}
    return sorted({*inside, *between})


def list_metric_names(conditions: Iterable[Condition]) -> tuple[str, ...]:
    """Names of the metrics that the conditions read, each once."""
    return tuple(dict.fromkeys(name for condition in conditions for name in condition.metric_names))


def constants_in(conditions: Iterable[Condition]) -> set[Decimal]:
    """Numbers written in the conditions."""
    return {number.value for condition in conditions for number in mask_literals(condition.text)[1].values()}


def finite_value(value: MetricValue) -> Decimal | None:
    """The value; None if it is missing or infinite."""
    return None if isinstance(value, MissingValue) or not value.is_finite() else value


def _combinations(choices: Sequence[Sequence[Decimal]]) -> int:
    count = 1
    for choice in choices:
        count *= len(choice)
    return count
