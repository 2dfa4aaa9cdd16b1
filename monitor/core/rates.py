"""What the interest charges seen so far tell: rates now paid, and how long interest alone takes to liquidate."""

from datetime import datetime
from decimal import Decimal

from monitor.core.account import ZERO
from monitor.core.interest import Loan, hourly_cost, hourly_from_daily, seconds_to_level
from monitor.core.metrics import Missing, Value
from monitor.core.state import AccountState
from monitor.core.valuation import Valued


def hourly_rate(state: AccountState, asset: str, symbol: str | None = None) -> Decimal | None:
    """Fraction per hour last charged on `asset`: of one scope (`symbol` "" is cross), or the highest of all."""
    rates = [
        hourly_from_daily(known.last.daily_rate)
        for (scope, owed), known in state.interest.items()
        if owed == asset and symbol in (None, scope.symbol)
    ]
    return max(rates, default=None)


def seconds_to_liquidation(state: AccountState, own: Valued, level: Decimal, now: datetime) -> Value:
    """Seconds until interest alone brings the cross level down to `level`; unavailable while a rate is not known."""
    loans: list[Loan] = []
    for position in own.positions:
        balance = state.cross.balances[position.asset] if state.cross is not None else None
        if balance is None or balance.borrowed <= ZERO:
            continue
        rate = hourly_rate(state, position.asset, "")
        if rate is None:
            return Missing.UNAVAILABLE
        loans.append(Loan(position.asset, balance.borrowed, rate, position.price))
    sums = own.totals
    return seconds_to_level(sums.assets, sums.liabilities, level, hourly_cost(loans), now)
