"""Interest and rates of a debt from its recorded charges."""

from datetime import timedelta
from decimal import Decimal

from monitor.core.metrics.interest_paid import sum_interest_by_debt
from monitor.core.model.account import CROSS, Scope
from tests.support.examples.accounts import NOW, after, interest_charge

HOUR = 3_600


def test_sums_are_those_of_a_day_and_of_30_days_by_the_asset_that_was_charged() -> None:
    charges = (
        interest_charge("USDT", NOW - timedelta(days=30), interest="1000", number=1),
        interest_charge("USDT", NOW - timedelta(days=29), interest="5", number=2),
        interest_charge("USDT", after(-24 * HOUR), interest="0.5", number=3),
        interest_charge("USDT", after(-HOUR), interest="0.25", number=4),
        interest_charge("USDT", after(-1), interest="0.01", number=5, paid_in="BNB"),
    )
    paid = sum_interest_by_debt(charges, NOW)[CROSS, "USDT"]
    assert paid.last_24h == {"USDT": Decimal("0.25"), "BNB": Decimal("0.01")}
    assert paid.last_30d == {"USDT": Decimal("5.75"), "BNB": Decimal("0.01")}
    assert paid.last == charges[-1]


def test_each_scope_and_asset_is_a_debt_of_its_own() -> None:
    pair = Scope("BTCUSDT")
    charges = (
        interest_charge("USDT", NOW),
        interest_charge("USDT", NOW, scope=pair, interest="2"),
        interest_charge("ETH", NOW, interest="3"),
    )
    found = sum_interest_by_debt(charges, NOW)
    assert {debt: paid.last_30d for debt, paid in found.items()} == {
        (CROSS, "USDT"): {"USDT": Decimal("0.1")},
        (pair, "USDT"): {"USDT": Decimal(2)},
        (CROSS, "ETH"): {"ETH": Decimal(3)},
    }


def test_rate_a_day_ago_is_the_one_charged_then() -> None:
    charges = tuple(interest_charge("USDT", after(-hours * HOUR), f"0.000{hours}") for hours in (26, 25, 24, 23, 1))
    paid = sum_interest_by_debt(charges, NOW)[CROSS, "USDT"]
    assert (paid.day_ago_rate, paid.first_rate) == (Decimal("0.00024"), Decimal("0.00026"))


def test_debt_that_was_repaid_meanwhile_or_is_younger_has_no_rate_a_day_ago() -> None:
    charges = tuple(interest_charge("USDT", after(-hours * HOUR), f"0.00{hours:03}") for hours in (200, 10, 9))
    paid = sum_interest_by_debt(charges, NOW)[CROSS, "USDT"]
    assert (paid.day_ago_rate, paid.first_rate) == (None, Decimal("0.00200"))


def test_charges_older_than_thirty_days_are_ignored() -> None:
    assert sum_interest_by_debt((interest_charge("USDT", NOW - timedelta(days=31)),), NOW) == {}
