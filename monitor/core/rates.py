"""What the interest charges seen so far tell: rates now paid, and how long interest alone takes to liquidate."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from monitor.core.account import INFINITE, ZERO, Balance, Scope
from monitor.core.interest import Loan, hourly_cost, hourly_from_daily, seconds_to_level
from monitor.core.metrics import Missing, Value
from monitor.core.state import AccountState


def hourly_rate(state: AccountState, asset: str, symbol: str = "") -> Decimal | None:
    """Fraction per hour last charged on a debt in `asset` of one scope; None: never charged there."""
    known = state.interest.get((Scope(symbol), asset))
    return hourly_from_daily(known.last.daily_rate) if known is not None else None


def seconds_to_liquidation(
    state: AccountState,
    symbol: str,
    balances: Iterable[Balance],
    prices: Mapping[str, Decimal],
    level: Decimal,
    bar: Value,
    now: datetime,
) -> Value:
    """Seconds until interest alone brings the scope's `level` down to `bar`.

    `prices` by asset, all in one currency. INFINITE when nothing is owed; unavailable while the bar, a price or a
    rate is not known.
    """
    if not level.is_finite():
        return INFINITE
    if not isinstance(bar, Decimal):
        return Missing.UNAVAILABLE
    owed = ZERO
    loans: list[Loan] = []
    for balance in balances:
        if not balance.owed:
            continue
        price = prices.get(balance.asset)
        if price is None:
            return Missing.UNAVAILABLE
        owed += balance.owed * price
        if balance.borrowed:
            rate = hourly_rate(state, balance.asset, symbol)
            if rate is None:
                return Missing.UNAVAILABLE
            loans.append(Loan(balance.asset, balance.borrowed, rate, price))
    return seconds_to_level(level * owed, owed, bar, hourly_cost(loans), now)
