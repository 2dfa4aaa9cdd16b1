"""Metrics of single assets, over cross and all watched pairs together."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

from monitor.core.margin.interest import annual_from_hourly, hourly_from_daily
from monitor.core.metrics.delisting import monitoring_tag, time_to_delisting
from monitor.core.metrics.interest_paid import MONTH
from monitor.core.metrics.interest_rates import DebtRate, debt_rate, is_current
from monitor.core.metrics.pegs import peg_reference, price_ratio, reference_ratio
from monitor.core.metrics.scope_metrics import UNAVAILABLE
from monitor.core.metrics.valuation import build_price_context, is_fresh, usdt_price
from monitor.core.model.account import CROSS, Balance, InterestPaid, Price, Scope
from monitor.core.model.metric import MetricValue
from monitor.core.model.metric_values import DataState, LazyMetrics, MetricValues
from monitor.core.numbers.amounts import ONE, ZERO
from monitor.core.numbers.durations import DAY
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.live_balances import live_scope_balances
from monitor.core.state.scopes import watched_scopes


@dataclass(frozen=True, slots=True)
class AssetIndex:
    """All balances of the watched scopes and all known interest, by asset; computed once for many assets.

    `as_of` is the time of the oldest snapshot; None if a watched scope was never read.
    """

    balances: Mapping[str, tuple[tuple[Scope, Balance], ...]]
    interest: Mapping[str, tuple[InterestPaid, ...]]
    as_of: datetime | None
    prices_are_fresh: bool

    @property
    def assets(self) -> tuple[str, ...]:
        """All assets held or owed in a watched scope, in order."""
        return tuple(sorted(self.balances))


def index_assets(state: AccountState, settings: AccountSettings, now: datetime) -> AssetIndex:
    """Return the balances and the interest of all assets."""
    rows: dict[str, list[tuple[Scope, Balance]]] = {}
    for scope in watched_scopes(state, settings):
        for balance in live_scope_balances(state, scope):
            if not balance.is_zero:
                rows.setdefault(balance.asset, []).append((scope, balance))
    interest: dict[str, list[InterestPaid]] = {}
    for (_, asset), paid in state.interest.charges.paid.items() if state.interest.charges is not None else ():
        interest.setdefault(asset, []).append(paid)
    reads = [state.cross] if settings.cross else []
    times = [snapshot.as_of if snapshot is not None else None for snapshot in reads]
    if settings.isolated != ():
        times.append(state.isolated.as_of if state.isolated is not None else None)
    return AssetIndex(
        balances={asset: tuple(found) for asset, found in rows.items()},
        interest={asset: tuple(found) for asset, found in interest.items()},
        as_of=min((at for at in times if at is not None), default=None) if None not in times else None,
        prices_are_fresh=build_price_context(state, settings, now).is_fresh,
    )


def measure_asset(
    state: AccountState, settings: AccountSettings, asset: str, now: datetime, index: AssetIndex | None = None
) -> MetricValues:
    """Return one asset's metrics. A given `index` is not computed again."""
    view = _AssetMetrics(state, settings, asset, now, index or index_assets(state, settings, now))
    shown = LazyMetrics(_METRICS if view.peg_reference is None else _PEGGED, view)
    as_of = view.index.as_of
    stale = not is_fresh(as_of, now, settings.stale_after)
    figure_state: DataState = "unavailable" if as_of is None else "stale" if stale else "ok"
    seen: Mapping[str, MetricValue] = dict.fromkeys(shown, UNAVAILABLE) if stale else shown
    return MetricValues("asset", asset, figure_state, as_of, "poll", seen, shown)


def monitoring_tagged_assets(state: AccountState, settings: AccountSettings) -> tuple[str, ...]:
    """Return the assets held or owed that the exchange has tagged *Monitoring*; empty before the first read of tags."""
    tags = state.reference.tags
    there = {
        b.asset for scope in watched_scopes(state, settings) for b in live_scope_balances(state, scope) if not b.is_zero
    }
    return () if tags is None else tuple(sorted(there & tags.tagged_assets))


def list_debt_rates(state: AccountState, settings: AccountSettings) -> Iterator[tuple[Scope, str, DebtRate]]:
    """Return the known rates of all assets borrowed in a watched scope."""
    for scope in watched_scopes(state, settings):
        for balance in live_scope_balances(state, scope):
            rate = debt_rate(state, balance.asset, scope.symbol) if balance.borrowed else None
            if rate is not None:
                yield scope, balance.asset, rate


class _AssetMetrics:
    """Inputs of one asset's metrics. Immutable; costly ones are computed on first access."""

    __slots__ = ("_rate", "asset", "balances", "index", "now", "peg_reference", "settings", "state")

    def __init__(
        self, state: AccountState, settings: AccountSettings, asset: str, now: datetime, index: AssetIndex
    ) -> None:
        self.state = state
        self.settings = settings
        self.asset = asset
        self.now = now
        self.index = index
        self.balances = index.balances.get(asset, ())
        self.peg_reference = peg_reference(asset, settings)
        self._rate: tuple[Scope, DebtRate | None] | None = None

    def rate(self) -> tuple[Scope, DebtRate | None]:
        """Return the highest rate paid now, and its scope; the rate of cross if nothing is owed."""
        if self._rate is None:
            owing = [scope for scope, balance in self.balances if balance.owed] or [CROSS]
            found = [
                (scope, rate)
                for scope in owing
                if (rate := debt_rate(self.state, self.asset, scope.symbol)) is not None
                and is_current(rate, self.settings, self.now)
            ]
            self._rate = max(found, key=lambda entry: entry[1].hourly) if found else (CROSS, None)
        return self._rate

    def from_rate(self, value: Callable[[DebtRate], Decimal | None]) -> MetricValue:
        rate = self.rate()[1]
        found = None if rate is None else value(rate)
        return UNAVAILABLE if found is None else found

    def rate_change(self) -> MetricValue:
        """Return the change of the rate relative to a day ago.

        A younger debt is compared with the rate published a day ago, else with its first charge.
        """
        scope, rate = self.rate()
        then = None if rate is None else _rate_day_ago(self.state, self.asset, scope)
        return (rate.hourly - then) / then if rate is not None and then else UNAVAILABLE

    def price(self) -> MetricValue:
        price = usdt_price(self.asset, self.state.prices.newest)
        return UNAVAILABLE if price is None else price

    def interest(self, span: timedelta, paid: Callable[[InterestPaid], Mapping[str, Decimal]]) -> MetricValue:
        """Return the interest charged in the span; unavailable until every charge of it is recorded.

        A sum of fewer charges would be too small.
        """
        read = self.state.interest.charges
        if read is None or read.since is None or not is_fresh(read.at, self.now, self.settings.interest_stale_after):
            return UNAVAILABLE
        if read.since > read.at - span:
            return UNAVAILABLE
        return _sum_in_usdt(map(paid, self.index.interest.get(self.asset, ())), self.state.prices.newest)

    def free(self, wallet: str) -> MetricValue:
        known = self.state.wallets.get(wallet)
        if known is None or not is_fresh(known.as_of, self.now, self.settings.wallets_stale_after):
            return UNAVAILABLE
        return known.free.get(self.asset, ZERO)

    def peg_ratio(self) -> MetricValue:
        if self.peg_reference is None or not self.index.prices_are_fresh:
            return UNAVAILABLE
        ratio = price_ratio(self.asset, self.peg_reference, self.state.prices.newest)
        return UNAVAILABLE if ratio is None else ratio

    def peg_deviation(self) -> MetricValue:
        ratio, fair = self.peg_ratio(), reference_ratio(self.state, self.settings, self.asset)
        return UNAVAILABLE if not isinstance(ratio, Decimal) or fair is None else ratio / fair - ONE


_METRICS: Mapping[str, Callable[[_AssetMetrics], MetricValue]] = MappingProxyType(
    {
        "held": lambda view: sum((balance.held for _, balance in view.balances), ZERO),
        "owed": lambda view: sum((balance.owed for _, balance in view.balances), ZERO),
        "price_usdt": _AssetMetrics.price,
        "hourly_rate": lambda view: view.from_rate(lambda rate: rate.hourly),
        "next_hourly_rate": lambda view: view.from_rate(lambda rate: rate.next_hourly),
        "annual_rate": lambda view: view.from_rate(lambda rate: annual_from_hourly(rate.hourly)),
        "rate_change_24h": _AssetMetrics.rate_change,
        "time_to_delist": lambda view: time_to_delisting(view.state, view.settings, "asset", view.asset, view.now),
        "monitoring_tag": lambda view: monitoring_tag(view.state, view.settings, view.asset, view.now),
        "interest_24h_usdt": lambda view: view.interest(DAY, lambda paid: paid.last_24h),
        "interest_30d_usdt": lambda view: view.interest(MONTH, lambda paid: paid.last_30d),
        "spot_free": lambda view: view.free("spot"),
        "funding_free": lambda view: view.free("funding"),
    }
)

_PEGGED: Mapping[str, Callable[[_AssetMetrics], MetricValue]] = MappingProxyType(
    {**_METRICS, "peg_ratio": _AssetMetrics.peg_ratio, "peg_deviation": _AssetMetrics.peg_deviation}
)


def _rate_day_ago(state: AccountState, asset: str, scope: Scope) -> Decimal | None:
    """Return the rate per hour 24 hours ago: as charged, else as published, else as first charged."""
    paid = state.interest.charges.paid.get((scope, asset)) if state.interest.charges is not None else None
    if paid is not None and paid.day_ago_rate is not None:
        return hourly_from_daily(paid.day_ago_rate)
    published = (
        state.interest.rates.day_ago.get(asset) if state.interest.rates is not None and not scope.symbol else None
    )
    if published is not None:
        return published
    return hourly_from_daily(paid.first_rate) if paid is not None else None


def _sum_in_usdt(sums: Iterable[Mapping[str, Decimal]], prices: Mapping[str, Price]) -> MetricValue:
    """Return the sum at present prices; interest on one asset may have been charged in another."""
    total = ZERO
    for charged in sums:
        for asset, amount in charged.items():
            if amount:
                price = usdt_price(asset, prices)
                if price is None:
                    return UNAVAILABLE
                total += amount * price
    return total
