"""The figures of one subject: what rules read, documents show and samples keep."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Generic, Literal, NamedTuple, TypeVar

from monitor.core.model.account import Balance, EffectiveThresholds
from monitor.core.model.alert import MetricScope
from monitor.core.model.events import ReportedLevel
from monitor.core.model.metric import MetricValue, Missing

T = TypeVar("T")

_NOTHING: Mapping[str, MetricValue] = MappingProxyType({})

LiquidationSide = Literal["below", "above"]
DataState = Literal["ok", "no_debt", "stale", "unavailable", "not_created"]


@dataclass(frozen=True, slots=True)
class ValuedBalance:
    """One asset of a scope, valued. `price` in USDT; `liquidation_price` in USDT with all other prices fixed."""

    balance: Balance
    price: Decimal | None = None
    hourly_rate: Decimal | None = None
    liquidation_price: Decimal | None = None
    liquidation_side: LiquidationSide | None = None


class LazyMetrics(Mapping[str, MetricValue], Generic[T]):
    """Values by metric, each worked out when it is first asked for: a price calls for few of them.

    `how` tells for every metric how it comes from `view`, which never changes; `known` has those worked out already.
    """

    def __init__(
        self, formulas: Mapping[str, Callable[[T], MetricValue]], source: T, known: Mapping[str, MetricValue] = _NOTHING
    ) -> None:
        self._cache = _Cache(formulas, source, known)
        self._formulas = formulas
        self.read: Callable[[str], MetricValue] = self._cache.__getitem__
        """The value of a metric; one that is not measured does not apply."""

    def __getitem__(self, name: str) -> MetricValue:
        if name not in self._formulas:
            raise KeyError(name)
        return self._cache[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._formulas)

    def __len__(self) -> int:
        return len(self._formulas)


class MetricValues(NamedTuple):
    """All metrics of one subject at one moment.

    `values` is what rules read: unavailable when stale. `shown` keeps the last figures then, for people. `drift` is
    how far our own level was off the exchange's at the last poll, a fraction of it; None: not comparable.
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
    """Holdings are for people and actions; what only judges rules does not pay for them."""
    thresholds: EffectiveThresholds | None = None
    """Of cross and pairs the bars by which they are judged, and where these come from; None while not known."""
    notice: ReportedLevel | None = None
    """The exchange's own word on the level, where no read is newer."""

    @property
    def holdings(self) -> tuple[ValuedBalance, ...]:
        """The scope's assets, valued as the figures are."""
        return self.list_holdings()

    @property
    def read(self) -> Callable[[str], MetricValue]:
        """The value that a rule sees; a metric not measured for this subject does not apply to it."""
        values = self.values
        return values.read if isinstance(values, LazyMetrics) else lambda metric: values.get(metric, _NOT_APPLICABLE)


class _Cache(dict[str, MetricValue]):
    """What was asked for already; the rest is worked out at the first look."""

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


_NOT_APPLICABLE = Missing.NOT_APPLICABLE
