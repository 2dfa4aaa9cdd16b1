"""A test of rules: series through time, and what is expected of the rules at some moments of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.metrics.snapshot import Subject
from monitor.core.model.alert import Severity
from monitor.core.model.events import OperatorRead
from monitor.core.model.metric import Missing, Value
from monitor.simulation.portfolio import Portfolio
from monitor.simulation.price_path import filled
from monitor.simulation.simulator import Frame

SHORTEST_GAP = timedelta(seconds=10)
LONGEST_GAP = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one metric of a subject, or of the price of a symbol, one an interval."""

    values: tuple[Value | None, ...]
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
    told: frozenset[str] | None = None


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
    series: tuple[Series, ...]
    expectations: tuple[Expectation, ...]
    portfolio: Portfolio = field(default_factory=Portfolio)
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    """Prices of symbols that have no series."""
    paused: bool = False

    @property
    def gap(self) -> timedelta:
        """How far apart the looks between two values are."""
        return min(LONGEST_GAP, max(SHORTEST_GAP, self.interval / 6))


def frames_of(test: RuleTest) -> tuple[Frame, ...]:
    """The moments of the test, from its start to its last expectation or value."""
    values = max((len(series.values) for series in test.series), default=1)
    turns = [test.start + test.interval * index for index in range(values)]
    moments = sorted({*turns, *(test.start + expected.at for expected in test.expectations)})
    prices, given = dict(test.prices), _unknown(test.series)
    frames: list[Frame] = []
    index = -1
    for at in filled(moments, test.gap):
        if (at - test.start) // test.interval > index:
            index = (at - test.start) // test.interval
            prices, given = _turned(test.series, index, prices, given)
        frames.append(Frame(at, prices, given))
    if test.paused:
        frames[0] = replace(frames[0], orders=OperatorRead(paused=True))
    return tuple(frames)


def _unknown(series: Sequence[Series]) -> dict[Subject, Mapping[str, Value]]:
    """Before its first value a metric is not known."""
    given: dict[Subject, Mapping[str, Value]] = {}
    for each in series:
        if each.subject is not None:
            given[each.subject] = {**given.get(each.subject, {}), each.name: Missing.UNAVAILABLE}
    return given


def _turned(
    series: Sequence[Series],
    index: int,
    prices: Mapping[str, Decimal],
    given: Mapping[Subject, Mapping[str, Value]],
) -> tuple[dict[str, Decimal], dict[Subject, Mapping[str, Value]]]:
    """Prices and figures once the values of this turn are there."""
    new_prices, new_given = dict(prices), dict(given)
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
