"""The figures of one subject: what rules read, documents show and samples keep."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from monitor.core.account import Balance
from monitor.core.alerts import MetricScope
from monitor.core.metrics import Missing, Value

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


@dataclass(frozen=True, slots=True)
class Figures:
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
    list_holdings: Callable[[], tuple[Holding, ...]] = field(default=tuple, repr=False, compare=False)
    """Holdings are for people and actions; what only judges rules does not pay for them."""

    @property
    def holdings(self) -> tuple[Holding, ...]:
        """The scope's assets, valued as the figures are."""
        return self.list_holdings()

    def read(self, metric: str) -> Value:
        """The value that a rule sees; a metric not measured for this subject does not apply to it."""
        return self.values.get(metric, Missing.NOT_APPLICABLE)
