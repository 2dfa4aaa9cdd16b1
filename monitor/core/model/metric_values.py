"""All metric values of one subject at one moment, and the lazy mapping behind them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Generic, Literal, NamedTuple, TypeVar

from monitor.core.model.account import Balance, EffectiveThresholds
from monitor.core.model.alert import MetricScope
from monitor.core.model.metric import MetricValue, MissingValue
from monitor.core.model.stream_payloads import ReportedLevel

T = TypeVar("T")

_NOTHING: Mapping[str, MetricValue] = MappingProxyType({})

LiquidationSide = Literal["below", "above"]
DataState = Literal["ok", "no_debt", "stale", "unavailable", "not_created"]

DataIssueKind = Literal[
    "notice", "bars", "no_price", "no_usdt_pair", "old_price", "prices_stale", "drift", "collateral", "halted"
]

REPEAT_AFTER = timedelta(hours=1)
"""Time after which an unchanged value is written again as a sample."""

MAX_SAMPLE_AGE = 2 * REPEAT_AFTER
"""Maximum time for which a sample holds without a next one."""

MissingReason = Literal["infinite", "unavailable"]


@dataclass(frozen=True, slots=True)
class SamplePoint:
    """One sample; `missing` is the reason for a `value` of None."""

    at: datetime
    value: Decimal | None
    missing: MissingReason | None


@dataclass(frozen=True, slots=True)
class ValuedBalance:
    """Balance of one asset of a scope, valued.

    `price` is in USDT; `liquidation_price` is in USDT with all other prices fixed.
    """

    balance: Balance
    price: Decimal | None = None
    hourly_rate: Decimal | None = None
    liquidation_price: Decimal | None = None
    liquidation_side: LiquidationSide | None = None


class LazyMetrics(Mapping[str, MetricValue], Generic[T]):
    """Metric values by name, each computed on first access: a price change needs only few of them.

    `formulas` compute each metric from `source`, which never changes; `known` has values that are computed already.
    """

    __slots__ = ("_cache", "_formulas", "_source", "read")

    def __init__(
        self, formulas: Mapping[str, Callable[[T], MetricValue]], source: T, known: Mapping[str, MetricValue] = _NOTHING
    ) -> None:
        self._cache = _Cache(formulas, source, known)
        self._formulas = formulas
        self._source = source
        self.read: Callable[[str], MetricValue] = self._cache.__getitem__
        """Value of a metric; a metric that is not measured is NOT_APPLICABLE."""

    def __getitem__(self, name: str) -> MetricValue:
        if name not in self._formulas:
            raise KeyError(name)
        return self._cache[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._formulas)

    def __len__(self) -> int:
        return len(self._formulas)

    def compute_all(self) -> list[tuple[str, MetricValue]]:
        """Return all values; those not computed yet are computed without being kept."""
        known, source = self._cache, self._source
        return [(name, known[name] if name in known else compute(source)) for name, compute in self._formulas.items()]


class MetricValues(NamedTuple):
    """All metrics of one subject at one moment.

    `values` is what rules read: unavailable when stale. `display` keeps the last values then, for people. `drift` is
    the difference between our own level and the exchange's at the last poll, as a fraction of the exchange's; None when
    they do not compare.
    """

    kind: MetricScope
    subject: str
    state: DataState
    as_of: datetime | None
    source: Literal["live", "poll"]
    values: Mapping[str, MetricValue]
    display: Mapping[str, MetricValue]
    drift: Decimal | None = None
    list_holdings: Callable[[], tuple[ValuedBalance, ...]] = tuple
    """Function that computes the holdings. They are for people and actions; rule evaluation does not pay for them."""
    thresholds: EffectiveThresholds | None = None
    """Effective thresholds of cross and pairs, and their source; None while unknown."""
    notice: ReportedLevel | None = None
    """Level that the exchange itself reported, when no read is newer."""

    @property
    def holdings(self) -> tuple[ValuedBalance, ...]:
        """The assets of the scope, valued at the same moment as the metrics."""
        return self.list_holdings()

    @property
    def read(self) -> Callable[[str], MetricValue]:
        """Reader of the values for rules; a metric not measured for this subject is NOT_APPLICABLE."""
        values = self.values
        return values.read if isinstance(values, LazyMetrics) else lambda metric: values.get(metric, _NOT_APPLICABLE)

    def list_values(self) -> Iterable[tuple[str, MetricValue]]:
        """Return the values for rules by name, all at once: cheaper than reading one after the other."""
        return self.values.compute_all() if isinstance(self.values, LazyMetrics) else self.values.items()


class _Cache(dict[str, MetricValue]):
    """Values computed so far; the others are computed on first access."""

    __slots__ = ("_formulas", "_source")

    def __init__(
        self, formulas: Mapping[str, Callable[[T], MetricValue]], source: T, known: Mapping[str, MetricValue]
    ) -> None:
        super().__init__(known)
        self._formulas: Mapping[str, Callable[[T], MetricValue]] = formulas
        self._source = source

    def __missing__(self, name: str) -> MetricValue:
        compute = self._formulas.get(name)
        value = self[name] = _NOT_APPLICABLE if compute is None else compute(self._source)
        return value


_NOT_APPLICABLE = MissingValue.NOT_APPLICABLE
