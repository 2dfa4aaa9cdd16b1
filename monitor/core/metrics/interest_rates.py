"""Interest rates as charged and as published, and the time until interest alone liquidates."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from monitor.core.margin.interest import Loan, hourly_cost, hourly_from_daily, seconds_to_level
from monitor.core.model.account import Balance, Scope
from monitor.core.model.metric import MetricValue, MissingValue
from monitor.core.numbers.amounts import INFINITE, ZERO
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState

MAX_CHARGE_LAG = timedelta(hours=2)
"""Maximum age of a charge against the published rate: debts are charged hourly, so an older one was repaid."""


class DebtRate(NamedTuple):
    """Rates of a debt as fractions an hour: in force as of `as_of`, and of the coming hour if known."""

    hourly: Decimal
    as_of: datetime
    next_hourly: Decimal | None = None


def debt_rate(state: AccountState, asset: str, symbol: str = "") -> DebtRate | None:
    """Return the rate in one scope: as last charged there, else as published; None if both are unknown."""
    paid = state.interest.charges.paid.get((Scope(symbol), asset)) if state.interest.charges is not None else None
    published, at = _published_rate(state, asset, symbol)
    ahead = _next_rate(state, asset, symbol)
    if paid is not None and (at is None or paid.last.charged_at >= at - MAX_CHARGE_LAG):
        return DebtRate(hourly_from_daily(paid.last.daily_rate), paid.last.charged_at, ahead)
    return DebtRate(published, at, ahead) if published is not None and at is not None else None


def hourly_rate(state: AccountState, asset: str, symbol: str = "") -> Decimal | None:
    """Return the rate per hour of a debt in `asset` of one scope, as a fraction; None if unknown."""
    rate = debt_rate(state, asset, symbol)
    return rate.hourly if rate is not None else None


def is_current(rate: DebtRate, settings: AccountSettings, now: datetime) -> bool:
    """Return whether the rate is no older than charges and published rates may be."""
    return now - rate.as_of <= max(settings.interest_stale_after, settings.rates_stale_after)


def seconds_to_liquidation(
    state: AccountState,
    settings: AccountSettings,
    symbol: str,
    balances: Iterable[Balance],
    prices: Mapping[str, Decimal],
    level: Decimal,
    threshold: MetricValue,
    now: datetime,
) -> MetricValue:
    """Return the seconds until interest alone brings the scope's `level` down to `threshold`.

    `prices` by asset, all in one currency. INFINITE when nothing is owed; unavailable when the threshold, a price or a
    rate is unknown, or a rate is too old.
    """
    if not level.is_finite():
        return INFINITE
    if not isinstance(threshold, Decimal):
        return MissingValue.UNAVAILABLE
    owed = ZERO
    loans: list[Loan] = []
    for balance in balances:
        if not balance.owed:
            continue
        price = prices.get(balance.asset)
        if price is None:
            return MissingValue.UNAVAILABLE
        owed += balance.owed * price
        if balance.borrowed:
            rate = debt_rate(state, balance.asset, symbol)
            if rate is None or not is_current(rate, settings, now):
                return MissingValue.UNAVAILABLE
            loans.append(Loan(balance.asset, balance.borrowed, rate.hourly, price))
    return seconds_to_level(level * owed, owed, threshold, hourly_cost(loans), now)


def _published_rate(state: AccountState, asset: str, symbol: str) -> tuple[Decimal | None, datetime | None]:
    """Return the rate that the exchange publishes, and its time; for a pair there is only that of the coming hour."""
    if symbol:
        ahead = state.interest.next_rates
        rate = ahead.isolated.get(asset) if ahead is not None else None
        return (rate, ahead.at) if ahead is not None and rate is not None else (None, None)
    rates = state.interest.rates
    rate = rates.hourly.get(asset) if rates is not None else None
    return (rate, rates.at) if rates is not None and rate is not None else (None, None)


def _next_rate(state: AccountState, asset: str, symbol: str) -> Decimal | None:
    if state.interest.next_rates is None:
        return None
    return (state.interest.next_rates.isolated if symbol else state.interest.next_rates.cross).get(asset)
