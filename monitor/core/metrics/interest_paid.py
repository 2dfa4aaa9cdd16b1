"""Interest paid on each debt: rate now, rate a day ago, sums of a day and of 30 days."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.model.account import DebtKey, InterestCharge, InterestPaid
from monitor.core.numbers.amounts import ZERO
from monitor.core.numbers.durations import DAY

MONTH = timedelta(days=30)

_MAX_DAY_AGO = timedelta(hours=27)
"""Maximum age of a charge that counts as that of a day ago: an older one belongs to a debt repaid since."""


def sum_interest_by_debt(charges: Iterable[InterestCharge], now: datetime) -> Mapping[DebtKey, InterestPaid]:
    """Return the interest of each debt as of `now` from the charges (oldest first, each once) of the last 30 days."""
    firsts: dict[DebtKey, InterestCharge] = {}
    lasts: dict[DebtKey, InterestCharge] = {}
    day_ago: dict[DebtKey, Decimal] = {}
    month: dict[DebtKey, dict[str, Decimal]] = {}
    day: dict[DebtKey, dict[str, Decimal]] = {}
    for charge in charges:
        age = now - charge.charged_at
        if age >= MONTH:
            continue
        debt = (charge.scope, charge.raw_asset or charge.asset)
        firsts.setdefault(debt, charge)
        lasts[debt] = charge
        _add(month.setdefault(debt, {}), charge)
        if age < DAY:
            _add(day.setdefault(debt, {}), charge)
        elif age < _MAX_DAY_AGO:
            day_ago[debt] = charge.daily_rate
    return {
        debt: InterestPaid(last, firsts[debt].daily_rate, day_ago.get(debt), day.get(debt, {}), month[debt])
        for debt, last in lasts.items()
    }


def _add(sums: dict[str, Decimal], charge: InterestCharge) -> None:
    sums[charge.asset] = sums.get(charge.asset, ZERO) + charge.interest
