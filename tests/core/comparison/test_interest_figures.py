"""Interest beside the exchange's: the sample of its documentation, 45.3313 x 0.00013233 / 24 = 0.00024995."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from monitor.core.comparison.figure import ComparedFigure
from monitor.core.comparison.interest_figures import compare_interest
from monitor.core.model.account import CROSS, Balance, InterestCharge
from monitor.core.model.reported_figures import AccountReport, ReportedBalance, ReportedCross
from monitor.core.state.account_settings import AccountSettings

D = Decimal
CHARGE = InterestCharge(
    CROSS,
    "USDT",
    "USDT",
    D("45.3313"),
    D("0.00024995"),
    D("0.00013233"),
    "PERIODIC",
    1,
    datetime(2026, 11, 1, tzinfo=UTC),
)
OWED = Balance("USDT", borrowed=D("45.3313"))


def compare(*charges: InterestCharge, next_hour: str = "0.0000055") -> dict[str, ComparedFigure]:
    cross = ReportedCross((ReportedBalance(OWED, OWED.net),), D(2), None, D(1), D(1), D(0), None)
    report = AccountReport(cross, None, {}, charges={CROSS: charges}, next_rates={"cross": {"USDT": D(next_hour)}})
    return {one.name.figure: one for one in compare_interest(report, AccountSettings("main"))}


def test_charge_agrees_with_principal_times_the_daily_rate() -> None:
    found = compare(CHARGE)
    assert found["interest_24h"].result == "same"
    assert found["hourly_rate"].result == "same"


def test_charge_by_the_hour_in_place_of_the_day_is_a_difference() -> None:
    assert compare(replace(CHARGE, interest=CHARGE.interest * 24))["interest_24h"].result == "different"


def test_rate_in_another_unit_is_a_difference_and_one_of_another_hour_is_none() -> None:
    assert compare(CHARGE, next_hour="0.00013233")["hourly_rate"].result == "different"
    assert compare(CHARGE, next_hour="0.000007")["hourly_rate"].result == "same"


def test_interest_that_bnb_paid_and_debts_without_charges_are_named() -> None:
    assert "paid in BNB" in compare(replace(CHARGE, asset="BNB"))["interest_24h"].why
    assert compare()["interest_24h"].why == "the exchange shows no charge of the last 24 hours"
