"""The figures of single assets, over cross and all watched pairs together."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

from monitor.core.margin.interest import annual_from_hourly, hourly_from_daily
from monitor.core.metrics.delisting import delisting, monitoring_tag
from monitor.core.metrics.interest_paid import DAY, MONTH
from monitor.core.metrics.interest_rates import Rate, is_current, rate_of
from monitor.core.metrics.pegs import fair_ratio, price_ratio, reference_of
from monitor.core.metrics.valuation import is_fresh, market_at, price_of
from monitor.core.model.account import CROSS, Balance, InterestPaid, Price, Scope
from monitor.core.model.metric import Missing, Value
from monitor.core.model.metric_values import Figures, FigureState, Measured
from monitor.core.numbers.amounts import ONE, ZERO
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState
from monitor.core.state.live_balances import balances_of
from monitor.core.state.scopes import scopes

UNAVAILABLE = Missing.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Ledger:
    """Every balance of the watched scopes and every interest known, by asset; made once for many assets.

    `as_of` is that of the oldest snapshot; None while a watched scope was never read.
    """

    rows: Mapping[str, tuple[tuple[Scope, Balance], ...]]
    interest: Mapping[str, tuple[InterestPaid, ...]]
    as_of: datetime | None
    prices_are_fresh: bool

    @property
    def assets(self) -> tuple[str, ...]:
        """Every asset held or owed in a watched scope, in order."""
        return tuple(sorted(self.rows))


def ledger_of(state: AccountState, settings: Settings, now: datetime) -> Ledger:
    """What is held, owed and paid of every asset."""
    rows: dict[str, list[tuple[Scope, Balance]]] = {}
    for scope in scopes(state, settings):
        for balance in balances_of(state, scope):
            if not balance.is_zero:
                rows.setdefault(balance.asset, []).append((scope, balance))
    interest: dict[str, list[InterestPaid]] = {}
    for (_, asset), paid in state.interest.paid.items() if state.interest is not None else ():
        interest.setdefault(asset, []).append(paid)
    reads = [state.cross] if settings.cross else []
    times = [snapshot.as_of if snapshot is not None else None for snapshot in reads]
    if settings.isolated != ():
        times.append(state.isolated.as_of if state.isolated is not None else None)
    return Ledger(
        rows={asset: tuple(found) for asset, found in rows.items()},
        interest={asset: tuple(found) for asset, found in interest.items()},
        as_of=min((at for at in times if at is not None), default=None) if None not in times else None,
        prices_are_fresh=market_at(state, settings, now).is_fresh,
    )


def asset_figures(
    state: AccountState, settings: Settings, asset: str, now: datetime, ledger: Ledger | None = None
) -> Figures:
    """One asset's metrics. `ledger` saves working it out again."""
    view = _Asset(state, settings, asset, now, ledger or ledger_of(state, settings, now))
    shown = Measured(_METRICS if view.reference is None else _PEGGED, view)
    as_of = view.ledger.as_of
    stale = not is_fresh(as_of, now, settings.stale_after)
    figure_state: FigureState = "unavailable" if as_of is None else "stale" if stale else "ok"
    seen: Mapping[str, Value] = dict.fromkeys(shown, UNAVAILABLE) if stale else shown
    return Figures("asset", asset, figure_state, as_of, "poll", seen, shown)


def monitored(state: AccountState, settings: Settings) -> tuple[str, ...]:
    """The assets held or owed that the exchange has tagged *Monitoring*, as far as that was read."""
    tags = state.followed.tags
    there = {b.asset for scope in scopes(state, settings) for b in balances_of(state, scope) if not b.is_zero}
    return () if tags is None else tuple(sorted(there & tags.monitored))


def owed_rates(state: AccountState, settings: Settings) -> Iterator[tuple[Scope, str, Rate]]:
    """The rate of everything that is borrowed in a watched scope, as far as it is known."""
    for scope in scopes(state, settings):
        for balance in balances_of(state, scope):
            rate = rate_of(state, balance.asset, scope.symbol) if balance.borrowed else None
            if rate is not None:
                yield scope, balance.asset, rate


class _Asset:
    """The asset as its figures are worked out. Nothing of it changes; what costs is made when it is asked for."""

    __slots__ = ("_rate", "asset", "ledger", "now", "reference", "rows", "settings", "state")

    def __init__(self, state: AccountState, settings: Settings, asset: str, now: datetime, ledger: Ledger) -> None:
        self.state = state
        self.settings = settings
        self.asset = asset
        self.now = now
        self.ledger = ledger
        self.rows = ledger.rows.get(asset, ())
        self.reference = reference_of(asset, settings)
        self._rate: tuple[Scope, Rate | None] | None = None

    def rate(self) -> tuple[Scope, Rate | None]:
        """The highest rate now paid, and where; of cross where nothing is owed."""
        if self._rate is None:
            owing = [scope for scope, balance in self.rows if balance.owed] or [CROSS]
            found = [
                (scope, rate)
                for scope in owing
                if (rate := rate_of(self.state, self.asset, scope.symbol)) is not None
                and is_current(rate, self.settings, self.now)
            ]
            self._rate = max(found, key=lambda each: each[1].hourly) if found else (CROSS, None)
        return self._rate

    def of_rate(self, value: Callable[[Rate], Decimal | None]) -> Value:
        rate = self.rate()[1]
        found = None if rate is None else value(rate)
        return UNAVAILABLE if found is None else found

    def rate_change(self) -> Value:
        """Relative to a day ago; a younger debt is compared with the rate published then, else its first charge."""
        scope, rate = self.rate()
        then = None if rate is None else _day_ago(self.state, self.asset, scope)
        return (rate.hourly - then) / then if rate is not None and then else UNAVAILABLE

    def price(self) -> Value:
        price = price_of(self.asset, self.state.prices)
        return UNAVAILABLE if price is None else price

    def interest(self, span: timedelta, paid: Callable[[InterestPaid], Mapping[str, Decimal]]) -> Value:
        """What was charged; until every charge of the time is recorded, a sum would be too small."""
        read = self.state.interest
        if read is None or read.since is None or not is_fresh(read.at, self.now, self.settings.interest_stale_after):
            return UNAVAILABLE
        if read.since > read.at - span:
            return UNAVAILABLE
        return _in_usdt(map(paid, self.ledger.interest.get(self.asset, ())), self.state.prices)

    def free(self, wallet: str) -> Value:
        known = self.state.wallets.get(wallet)
        if known is None or not is_fresh(known.as_of, self.now, self.settings.wallets_stale_after):
            return UNAVAILABLE
        return known.free.get(self.asset, ZERO)

    def peg_ratio(self) -> Value:
        if self.reference is None or not self.ledger.prices_are_fresh:
            return UNAVAILABLE
        ratio = price_ratio(self.asset, self.reference, self.state.prices)
        return UNAVAILABLE if ratio is None else ratio

    def peg_deviation(self) -> Value:
        ratio, fair = self.peg_ratio(), fair_ratio(self.state, self.settings, self.asset)
        return UNAVAILABLE if not isinstance(ratio, Decimal) or fair is None else ratio / fair - ONE


_METRICS: Mapping[str, Callable[[_Asset], Value]] = MappingProxyType(
    {
        "held": lambda view: sum((balance.held for _, balance in view.rows), ZERO),
        "owed": lambda view: sum((balance.owed for _, balance in view.rows), ZERO),
        "price_usdt": _Asset.price,
        "hourly_rate": lambda view: view.of_rate(lambda rate: rate.hourly),
        "next_hourly_rate": lambda view: view.of_rate(lambda rate: rate.next_hourly),
        "annual_rate": lambda view: view.of_rate(lambda rate: annual_from_hourly(rate.hourly)),
        "rate_change_24h": _Asset.rate_change,
        "time_to_delist": lambda view: delisting(view.state, view.settings, "asset", view.asset, view.now),
        "monitoring_tag": lambda view: monitoring_tag(view.state, view.settings, view.asset, view.now),
        "interest_24h_usdt": lambda view: view.interest(DAY, lambda paid: paid.last_24h),
        "interest_30d_usdt": lambda view: view.interest(MONTH, lambda paid: paid.last_30d),
        "spot_free": lambda view: view.free("spot"),
        "funding_free": lambda view: view.free("funding"),
    }
)

_PEGGED: Mapping[str, Callable[[_Asset], Value]] = MappingProxyType(
    {**_METRICS, "peg_ratio": _Asset.peg_ratio, "peg_deviation": _Asset.peg_deviation}
)


def _day_ago(state: AccountState, asset: str, scope: Scope) -> Decimal | None:
    """The rate an hour 24 hours ago: as it was charged, as it was published, as it was charged first."""
    paid = state.interest.paid.get((scope, asset)) if state.interest is not None else None
    if paid is not None and paid.day_ago_rate is not None:
        return hourly_from_daily(paid.day_ago_rate)
    published = state.rates.day_ago.get(asset) if state.rates is not None and not scope.symbol else None
    if published is not None:
        return published
    return hourly_from_daily(paid.first_rate) if paid is not None else None


def _in_usdt(sums: Iterable[Mapping[str, Decimal]], prices: Mapping[str, Price]) -> Value:
    """At present prices; interest on one asset may have been charged in another."""
    total = ZERO
    for charged in sums:
        for asset, amount in charged.items():
            if amount:
                price = price_of(asset, prices)
                if price is None:
                    return UNAVAILABLE
                total += amount * price
    return total
