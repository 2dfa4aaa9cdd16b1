"""What recorded interest charges tell of each debt: the rate now, the rate a day ago, and what was paid."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.model.account import Debt, InterestCharge, InterestPaid
from monitor.core.numbers.amounts import ZERO

DAY = timedelta(hours=24)
MONTH = timedelta(days=30)

_DAY_AGO_AT_MOST = timedelta(hours=27)
"""A charge before this is of a debt that was repaid since."""


def paid_by_debt(charges: Iterable[InterestCharge], now: datetime) -> Mapping[Debt, InterestPaid]:
    """What the charges (oldest first, each once) tell `now`; those of more than 30 days ago tell nothing."""
    firsts: dict[Debt, InterestCharge] = {}
    lasts: dict[Debt, InterestCharge] = {}
    day_ago: dict[Debt, Decimal] = {}
    month: dict[Debt, dict[str, Decimal]] = {}
    day: dict[Debt, dict[str, Decimal]] = {}
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
        elif age < _DAY_AGO_AT_MOST:
            day_ago[debt] = charge.daily_rate
    return {
        debt: InterestPaid(last, firsts[debt].daily_rate, day_ago.get(debt), day.get(debt, {}), month[debt])
        for debt, last in lasts.items()
    }


def _add(sums: dict[str, Decimal], charge: InterestCharge) -> None:
    sums[charge.asset] = sums.get(charge.asset, ZERO) + charge.interest
