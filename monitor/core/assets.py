"""The figures of single assets, over cross and all watched pairs together."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from monitor.core.account import CROSS, ZERO, Balance, Price, Scope
from monitor.core.amounts import ONE
from monitor.core.charges import DAY, MONTH, InterestPaid
from monitor.core.delisting import delisting
from monitor.core.figures import Figures, FigureState
from monitor.core.interest import annual_from_hourly, hourly_from_daily
from monitor.core.metrics import Missing, Value
from monitor.core.pegs import fair_ratio, price_ratio, reference_of
from monitor.core.picture import cross_balances, pair_now
from monitor.core.rates import Rate, is_current, rate_of
from monitor.core.state import AccountState, Settings, scopes
from monitor.core.valuation import is_fresh, market_at, price_of

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
    ledger = ledger or ledger_of(state, settings, now)
    rows = ledger.rows.get(asset, ())
    charges = ledger.interest.get(asset, ())
    rate, change = _rates(state, settings, asset, rows, now)
    price = price_of(asset, state.prices)
    values: dict[str, Value] = {
        "held": sum((balance.held for _, balance in rows), ZERO),
        "owed": sum((balance.owed for _, balance in rows), ZERO),
        "price_usdt": UNAVAILABLE if price is None else price,
        "hourly_rate": rate.hourly if rate is not None else UNAVAILABLE,
        "next_hourly_rate": rate.next_hourly if rate is not None and rate.next_hourly is not None else UNAVAILABLE,
        "annual_rate": annual_from_hourly(rate.hourly) if rate is not None else UNAVAILABLE,
        "rate_change_24h": change,
        "time_to_delist": delisting(state, settings, "asset", asset, now),
        "interest_24h_usdt": UNAVAILABLE,
        "interest_30d_usdt": UNAVAILABLE,
    }
    read = state.interest
    if read is not None and is_fresh(read.at, now, settings.interest_stale_after):
        # Until every charge of the time is recorded, a sum would be too small.
        if read.since is not None and read.since <= read.at - DAY:
            values["interest_24h_usdt"] = _in_usdt((paid.last_24h for paid in charges), state.prices)
        if read.since is not None and read.since <= read.at - MONTH:
            values["interest_30d_usdt"] = _in_usdt((paid.last_30d for paid in charges), state.prices)
    for wallet in ("spot", "funding"):
        known = state.wallets.get(wallet)
        is_known = known is not None and is_fresh(known.as_of, now, settings.wallets_stale_after)
        values[f"{wallet}_free"] = known.free.get(asset, ZERO) if known is not None and is_known else UNAVAILABLE
    reference = reference_of(asset, settings)
    if reference is not None:
        ratio = price_ratio(asset, reference, state.prices) if ledger.prices_are_fresh else None
        fair = fair_ratio(state, settings, asset)
        values["peg_ratio"] = UNAVAILABLE if ratio is None else ratio
        values["peg_deviation"] = UNAVAILABLE if ratio is None or fair is None else ratio / fair - ONE
    as_of = ledger.as_of
    stale = not is_fresh(as_of, now, settings.stale_after)
    figure_state: FigureState = "unavailable" if as_of is None else "stale" if stale else "ok"
    seen = dict.fromkeys(values, UNAVAILABLE) if stale else values
    return Figures("asset", asset, figure_state, as_of, "poll", seen, values)


def owed_rates(state: AccountState, settings: Settings) -> Iterator[tuple[Scope, str, Rate]]:
    """The rate of everything that is borrowed in a watched scope, as far as it is known."""
    for scope in scopes(state, settings):
        for balance in balances_of(state, scope):
            rate = rate_of(state, balance.asset, scope.symbol) if balance.borrowed else None
            if rate is not None:
                yield scope, balance.asset, rate


def balances_of(state: AccountState, scope: Scope) -> tuple[Balance, ...]:
    """What is held and owed in one scope, as far as it is known."""
    if not scope.symbol:
        return tuple(cross_balances(state).values())
    pair = pair_now(state, scope.symbol)
    return (pair.base, pair.quote) if pair is not None else ()


def _rates(
    state: AccountState, settings: Settings, asset: str, rows: tuple[tuple[Scope, Balance], ...], now: datetime
) -> tuple[Rate | None, Value]:
    """The highest rate now paid (cross where nothing is owed), and its change relative to a day ago.

    A younger debt is compared with the rate published then, else with its first charge.
    """
    owing = [scope for scope, balance in rows if balance.owed] or [CROSS]
    found = [
        (scope, rate)
        for scope in owing
        if (rate := rate_of(state, asset, scope.symbol)) is not None and is_current(rate, settings, now)
    ]
    if not found:
        return None, UNAVAILABLE
    scope, rate = max(found, key=lambda each: each[1].hourly)
    then = _day_ago(state, asset, scope)
    return rate, (rate.hourly - then) / then if then else UNAVAILABLE


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
