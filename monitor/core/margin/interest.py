"""Margin interest: simple, on the principal, charged when borrowing and at each full clock hour.

Source: Binance FAQ.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from monitor.core.numbers.amounts import INFINITE, ZERO
from monitor.core.numbers.durations import seconds_between

HOURS_A_DAY = 24
HOURS_A_YEAR = 24 * 365
_HOUR = timedelta(hours=1)
_MAX_HOURS = Decimal(1_000_000)


class Loan(NamedTuple):
    """The borrowed principal of one asset, its rate per hour as a fraction, and its price."""

    asset: str
    principal: Decimal
    hourly_rate: Decimal
    price: Decimal


def hourly_from_daily(daily_rate: Decimal) -> Decimal:
    """Return the rate per hour: the exchange charges a 24th of the daily rate each hour."""
    return daily_rate / HOURS_A_DAY


def annual_from_hourly(hourly_rate: Decimal) -> Decimal:
    """Return the rate per year of 365 days as a fraction; simple, since interest bears no interest."""
    return hourly_rate * HOURS_A_YEAR


def hourly_cost(loans: Iterable[Loan]) -> Decimal:
    """Return the value charged at each full hour at present rates and prices; zero without loans."""
    return sum((loan.principal * loan.hourly_rate * loan.price for loan in loans), ZERO)


def next_charge(now: datetime) -> datetime:
    """Return the next full clock hour after `now` (UTC)."""
    return _hour_of(now) + _HOUR


def charges_to_level(assets: Decimal, liabilities: Decimal, level: Decimal, cost: Decimal) -> Decimal:
    """Return the number of hourly charges of value `cost` that bring the level down to `level`, all else unchanged.

    A whole number. ZERO when the level is there already; INFINITE when nothing is owed or charged, and beyond a million
    hours. Raises ValueError unless `level` is positive.
    """
    if level <= ZERO:
        raise ValueError(f"a level must be positive, not {level}")
    if liabilities <= ZERO:
        return INFINITE
    room = assets - level * liabilities
    if room <= ZERO:
        return ZERO
    step = level * cost
    if step <= ZERO or room > step * _MAX_HOURS:
        return INFINITE
    charges, rest = divmod(room, step)
    return charges + 1 if rest else charges


def seconds_to_level(assets: Decimal, liabilities: Decimal, level: Decimal, cost: Decimal, now: datetime) -> Decimal:
    """Return the seconds until interest alone brings the level down to `level`, by `cost` at each full hour.

    ZERO and INFINITE as in `charges_to_level`.
    """
    charges = charges_to_level(assets, liabilities, level, cost)
    if not charges or charges == INFINITE:
        return charges
    return seconds_between(now, next_charge(now)) + (charges - 1) * 3600


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
