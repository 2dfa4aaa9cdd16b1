"""Rule test: input series through time, and the alerts and actions expected at some moments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.metrics.snapshot import Subject
from monitor.core.model.alert import Severity
from monitor.core.model.events import CommandsRead
from monitor.core.model.metric import MetricValue, MissingValue
from monitor.simulation.portfolio import SimulatedPortfolio
from monitor.simulation.price_path import fill_gaps
from monitor.simulation.simulator import MarketFrame

MIN_GAP = timedelta(seconds=10)
MAX_GAP = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class InputSeries:
    """Values of one metric of a subject, or of the price of a symbol, one per interval."""

    values: tuple[MetricValue | None, ...]
    subject: Subject | None = None
    name: str = ""
    """Name of the metric, or the symbol if `subject` is None."""


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    """An expected alert; a field that is None matches any value.

    `labels` are those of the rule, `notified` the channels notified so far.
    """

    rule: str
    scope: str | None = None
    subject: str | None = None
    state: str = "firing"
    severity: Severity | None = None
    labels: Mapping[str, str] | None = None
    notified: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class ExpectedAction:
    """An expected action that was executed; a field that is None matches any value.

    With `blocked` it is an action that a limit stops, and `blocked` is part of the reason.
    """

    action: str | None = None
    kind: str | None = None
    asset: str | None = None
    amount: Decimal | None = None
    source: str | None = None
    symbol: str | None = None
    blocked: str | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """Expectation at one moment. `alerts`: all open alerts of the rules named; `actions`: all executed so far.

    `rules` None: all rules. `alerts` or `actions` None: not checked.
    """

    at: timedelta
    rules: tuple[str, ...] | None = None
    alerts: tuple[ExpectedAlert, ...] | None = None
    actions: tuple[ExpectedAction, ...] | None = None


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One test. Series begin at `start` and have a value every `interval`; the last value stays."""

    name: str
    account: str
    start: datetime
    interval: timedelta
    series: tuple[InputSeries, ...]
    expectations: tuple[Expectation, ...]
    portfolio: SimulatedPortfolio = field(default_factory=SimulatedPortfolio)
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    """Prices of symbols without a series."""
    paused: bool = False

    @property
    def gap(self) -> timedelta:
        """Time between two evaluations between the values of a series."""
        return min(MAX_GAP, max(MIN_GAP, self.interval / 6))


def rule_test_frames(test: RuleTest) -> tuple[MarketFrame, ...]:
    """Frames of the test, from its start to its last expectation or value."""
    values = max((len(series.values) for series in test.series), default=1)
    turns = [test.start + test.interval * index for index in range(values)]
    moments = sorted({*turns, *(test.start + expected.at for expected in test.expectations)})
    prices, overrides = dict(test.prices), _unknown_values(test.series)
    frames: list[MarketFrame] = []
    index = -1
    for at in fill_gaps(moments, test.gap):
        if (at - test.start) // test.interval > index:
            index = (at - test.start) // test.interval
            prices, overrides = _values_at(test.series, index, prices, overrides)
        frames.append(MarketFrame(at, prices, overrides))
    if test.paused:
        frames[0] = replace(frames[0], commands=CommandsRead(paused=True))
    return tuple(frames)


def _unknown_values(series: Sequence[InputSeries]) -> dict[Subject, Mapping[str, MetricValue]]:
    """Overrides before the first values: every metric with a series is unknown."""
    overrides: dict[Subject, Mapping[str, MetricValue]] = {}
    for input_series in series:
        if input_series.subject is not None:
            overrides[input_series.subject] = {
                **overrides.get(input_series.subject, {}),
                input_series.name: MissingValue.UNAVAILABLE,
            }
    return overrides


def _values_at(
    series: Sequence[InputSeries],
    index: int,
    prices: Mapping[str, Decimal],
    overrides: Mapping[Subject, Mapping[str, MetricValue]],
) -> tuple[dict[str, Decimal], dict[Subject, Mapping[str, MetricValue]]]:
    """Prices and overrides after the values with this index."""
    new_prices, new_given = dict(prices), dict(overrides)
    for input_series in series:
        value = input_series.values[index] if index < len(input_series.values) else None
        if value is None:
            continue
        if input_series.subject is not None:
            new_given[input_series.subject] = {**new_given.get(input_series.subject, {}), input_series.name: value}
        elif isinstance(value, Decimal):
            new_prices[input_series.name] = value
        else:
            new_prices.pop(input_series.name, None)
    return new_prices, new_given
