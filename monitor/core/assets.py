"""The figures of single assets, over cross and all watched pairs together."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.account import ZERO, Balance, Price, Scope
from monitor.core.amounts import ONE
from monitor.core.charges import InterestKnown
from monitor.core.figures import Figures, FigureState
from monitor.core.interest import annual_from_hourly, hourly_from_daily
from monitor.core.metrics import Missing, Value
from monitor.core.state import AccountState, Settings, scopes
from monitor.core.valuation import is_fresh, market_at, price_of

UNAVAILABLE = Missing.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Ledger:
    """Every balance of the watched scopes and every interest known, by asset; made once for many assets.

    `as_of` is that of the oldest snapshot; None while a watched scope was never read.
    """

    rows: Mapping[str, tuple[tuple[Scope, Balance], ...]]
    interest: Mapping[str, tuple[tuple[Scope, InterestKnown], ...]]
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
        for balance in _balances(state, scope):
            if not balance.is_zero:
                rows.setdefault(balance.asset, []).append((scope, balance))
    interest: dict[str, list[tuple[Scope, InterestKnown]]] = {}
    for (scope, asset), known in state.interest.items():
        interest.setdefault(asset, []).append((scope, known))
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
    rate, change = _rates(rows, charges, now)
    values: dict[str, Value] = {
        "held": sum((balance.held for _, balance in rows), ZERO),
        "owed": sum((balance.owed for _, balance in rows), ZERO),
        "hourly_rate": rate if rate is not None else UNAVAILABLE,
        "annual_rate": annual_from_hourly(rate) if rate is not None else UNAVAILABLE,
        "rate_change_24h": change,
        "interest_24h_usdt": _charged_usdt(charges, state.prices, now - timedelta(hours=24)),
        "interest_30d_usdt": _charged_usdt(charges, state.prices, now - timedelta(days=30)),
    }
    for wallet in ("spot", "funding"):
        known = state.wallets.get(wallet)
        values[f"{wallet}_free"] = known.free.get(asset, ZERO) if known is not None else UNAVAILABLE
    if asset in settings.stable_assets and asset != "USDT":
        price = price_of(asset, state.prices)
        values["peg_deviation"] = price - ONE if price is not None and ledger.prices_are_fresh else UNAVAILABLE
    as_of = ledger.as_of
    stale = not is_fresh(as_of, now, settings.stale_after)
    figure_state: FigureState = "unavailable" if as_of is None else "stale" if stale else "ok"
    seen = dict.fromkeys(values, UNAVAILABLE) if stale else values
    return Figures("asset", asset, figure_state, as_of, "poll", seen, values)


def _balances(state: AccountState, scope: Scope) -> tuple[Balance, ...]:
    if not scope.symbol:
        return tuple(state.cross.balances.values()) if state.cross is not None else ()
    pair = state.isolated.pairs[scope.symbol] if state.isolated is not None else None
    return (pair.base, pair.quote) if pair is not None else ()


def _rates(
    rows: tuple[tuple[Scope, Balance], ...], charges: tuple[tuple[Scope, InterestKnown], ...], now: datetime
) -> tuple[Decimal | None, Value]:
    """The highest hourly rate now paid (cross where nothing is owed), and its change relative to a day ago.

    A younger debt is compared with its first charge.
    """
    owing = {scope for scope, balance in rows if balance.owed}
    paid = [known for scope, known in charges if (scope in owing if owing else not scope.symbol)]
    if not paid:
        return None, UNAVAILABLE
    highest = max(paid, key=lambda known: known.last.daily_rate)
    now_paid, then = highest.last.daily_rate, highest.charge_at(now - timedelta(hours=24)).daily_rate
    return hourly_from_daily(now_paid), (now_paid - then) / then if then else UNAVAILABLE


def _charged_usdt(
    charges: tuple[tuple[Scope, InterestKnown], ...], prices: Mapping[str, Price], since: datetime
) -> Value:
    """What was charged since, at present prices; interest on one asset may be charged in another."""
    total = ZERO
    for _, known in charges:
        for asset, amount in known.charged_since(since).items():
            if amount:
                price = price_of(asset, prices)
                if price is None:
                    return UNAVAILABLE
                total += amount * price
    return total
