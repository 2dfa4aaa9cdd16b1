"""The figures of one subject: what rules read, documents show and samples keep."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Generic, Literal, NamedTuple, TypeVar

from monitor.core.model.account import Balance, BarsInForce
from monitor.core.model.alert import MetricScope
from monitor.core.model.events import Noticed
from monitor.core.model.metric import Missing, Value

T = TypeVar("T")

_NOTHING: Mapping[str, Value] = MappingProxyType({})

Danger = Literal["below", "above"]
FigureState = Literal["ok", "no_debt", "stale", "unavailable", "not_created"]


@dataclass(frozen=True, slots=True)
class Holding:
    """One asset of a scope, valued. `price` in USDT; `liquidation_price` in USDT with all other prices fixed."""

    balance: Balance
    price: Decimal | None = None
    hourly_rate: Decimal | None = None
    liquidation_price: Decimal | None = None
    danger: Danger | None = None


class Measured(Mapping[str, Value], Generic[T]):
    """Values by metric, each worked out when it is first asked for: a price calls for few of them.

    `how` tells for every metric how it comes from `view`, which never changes; `known` has those worked out already.
    """

    def __init__(self, how: Mapping[str, Callable[[T], Value]], view: T, known: Mapping[str, Value] = _NOTHING) -> None:
        self._known = _Known(how, view, known)
        self._how = how
        self.read: Callable[[str], Value] = self._known.__getitem__
        """The value of a metric; one that is not measured does not apply."""

    def __getitem__(self, name: str) -> Value:
        if name not in self._how:
            raise KeyError(name)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._how)

    def __len__(self) -> int:
        return len(self._how)


class Figures(NamedTuple):
    """All metrics of one subject at one moment.

    `values` is what rules read: unavailable when stale. `shown` keeps the last figures then, for people. `drift` is
    how far our own level was off the exchange's at the last poll, a fraction of it; None: not comparable.
    """

    kind: MetricScope
    subject: str
    state: FigureState
    as_of: datetime | None
    source: Literal["live", "poll"]
    values: Mapping[str, Value]
    shown: Mapping[str, Value]
    drift: Decimal | None = None
    list_holdings: Callable[[], tuple[Holding, ...]] = tuple
    """Holdings are for people and actions; what only judges rules does not pay for them."""
    bars: BarsInForce | None = None
    """Of cross and pairs the bars by which they are judged, and where these come from; None while not known."""
    notice: Noticed | None = None
    """The exchange's own word on the level, where no read is newer."""

    @property
    def holdings(self) -> tuple[Holding, ...]:
        """The scope's assets, valued as the figures are."""
        return self.list_holdings()

    @property
    def read(self) -> Callable[[str], Value]:
        """The value that a rule sees; a metric not measured for this subject does not apply to it."""
        values = self.values
        return values.read if isinstance(values, Measured) else lambda metric: values.get(metric, _NONE)


class _Known(dict[str, Value]):
    """What was asked for already; the rest is worked out at the first look."""

    def __init__(self, how: Mapping[str, Callable[[T], Value]], view: T, known: Mapping[str, Value]) -> None:
        super().__init__(known)
        self._how: Mapping[str, Callable[[T], Value]] = how
        self._view = view

    def __missing__(self, name: str) -> Value:
        compute = self._how.get(name)
        value = self[name] = _NONE if compute is None else compute(self._view)
        return value


_NONE = Missing.NOT_APPLICABLE
