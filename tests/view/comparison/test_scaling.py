"""The hidden factor can't be found from the amounts themselves."""

from decimal import Decimal
from math import gcd

from monitor.core.numbers.amounts import INFINITE
from monitor.view.comparison.scaling import AmountScaler


def test_scaled_amounts_have_no_common_divisor_that_gives_the_factor_away() -> None:
    scaler = AmountScaler(lambda: Decimal("3.14159265358979"))
    amounts = [Decimal(text) for text in ("1.23456789", "20000.5", "7", "0.00012345")]
    found = [scaler.scale(amount, "account-1", "cross") for amount in amounts]
    assert all(len(one.as_tuple().digits) <= 6 for one in found)
    exact = [int(amount * Decimal("3.14159265358979") * 10**22) for amount in amounts]
    assert gcd(*exact) > 10**12
    assert gcd(*(int(one * 10**22) for one in found)) != gcd(*exact)


def test_infinite_level_stays_infinite() -> None:
    assert AmountScaler(lambda: Decimal(2)).scale(INFINITE, "account-1", "cross") == INFINITE
