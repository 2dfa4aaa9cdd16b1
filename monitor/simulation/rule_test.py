"""A test of rules: series through time, and what is expected of the rules at some moments of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.metrics.snapshot import Subject
from monitor.core.model.alert import Severity
from monitor.core.model.events import CommandsRead
from monitor.core.model.metric import MetricValue, Missing
from monitor.simulation.portfolio import SimulatedPortfolio
from monitor.simulation.price_path import fill_gaps
from monitor.simulation.simulator import MarketFrame

MIN_GAP = timedelta(seconds=10)
MAX_GAP = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class InputSeries:
    """The values of one metric of a subject, or of the price of a symbol, one an interval."""

    values: tuple[MetricValue | None, ...]
    subject: Subject | None = None
    name: str = ""
    """The metric, or the symbol where there is no subject."""


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    """One alert; what is None may be anything. `labels` are those of the rule, `told` the channels told so far."""

    rule: str
    scope: str | None = None
    subject: str | None = None
    state: str = "firing"
    severity: Severity | None = None
    labels: Mapping[str, str] | None = None
    notified: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class ExpectedAction:
    """One action done, or with `blocked` one that a limit stops, words of which are given; None may be anything."""

    action: str | None = None
    kind: str | None = None
    asset: str | None = None
    amount: Decimal | None = None
    source: str | None = None
    symbol: str | None = None
    blocked: str | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must be so at one moment. `alerts`: all that are open of the rules named; `actions`: all done so far.

    `rules` None: all. `alerts` or `actions` None: not looked at.
    """

    at: timedelta
    rules: tuple[str, ...] | None = None
    alerts: tuple[ExpectedAlert, ...] | None = None
    actions: tuple[ExpectedAction, ...] | None = None


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One test. Series begin at `start` and have a value every `interval`; the last one stays."""

    name: str
    account: str
    start: datetime
    interval: timedelta
    series: tuple[InputSeries, ...]
    expectations: tuple[Expectation, ...]
    portfolio: SimulatedPortfolio = field(default_factory=SimulatedPortfolio)
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    """Prices of symbols that have no series."""
    paused: bool = False

    @property
    def gap(self) -> timedelta:
        """How far apart the looks between two values are."""
        return min(MAX_GAP, max(MIN_GAP, self.interval / 6))


def rule_test_frames(test: RuleTest) -> tuple[MarketFrame, ...]:
    """The moments of the test, from its start to its last expectation or value."""
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
    """Before its first value a metric is not known."""
    overrides: dict[Subject, Mapping[str, MetricValue]] = {}
    for each in series:
        if each.subject is not None:
            overrides[each.subject] = {**overrides.get(each.subject, {}), each.name: Missing.UNAVAILABLE}
    return overrides


def _values_at(
    series: Sequence[InputSeries],
    index: int,
    prices: Mapping[str, Decimal],
    overrides: Mapping[Subject, Mapping[str, MetricValue]],
) -> tuple[dict[str, Decimal], dict[Subject, Mapping[str, MetricValue]]]:
    """Prices and figures once the values of this turn are there."""
    new_prices, new_given = dict(prices), dict(overrides)
    for each in series:
        value = each.values[index] if index < len(each.values) else None
        if value is None:
            continue
        if each.subject is not None:
            new_given[each.subject] = {**new_given.get(each.subject, {}), each.name: value}
        elif isinstance(value, Decimal):
            new_prices[each.name] = value
        else:
            new_prices.pop(each.name, None)
    return new_prices, new_given
