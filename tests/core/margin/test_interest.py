"""Interest: the exchange's published examples, and steps at full hours against counting them one by one."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.margin import interest
from monitor.core.margin.interest import Loan
from monitor.core.numbers.amounts import INFINITE, ZERO

RATE = Decimal("0.00001")


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2025, 10, 10, hour, minute, second, tzinfo=UTC)


def test_rates_convert_without_compounding() -> None:
    assert interest.hourly_from_daily(Decimal("0.00024")) == RATE
    assert interest.annual_from_hourly(RATE) == Decimal("0.0876")


def test_level_after_a_day_of_interest_is_the_published_one() -> None:
    # Assets 110,000, debts 60,000 at 0.001 % an hour: 1.83333 becomes 1.83289 after 24 hours.
    cost = 24 * interest.hourly_cost([Loan("USDT", Decimal(60_000), RATE, Decimal(1))])
    assert round(Decimal(110_000) / (60_000 + cost), 5) == Decimal("1.83289")


def test_cost_adds_up_all_loans_at_their_prices() -> None:
    loans = [
        Loan("USDT", Decimal(30_000), RATE, Decimal(1)),
        Loan("ETH", Decimal(10), Decimal("0.000004"), Decimal(3_000)),
    ]
    assert interest.hourly_cost(loans) == Decimal("0.42")
    assert interest.hourly_cost([]) == ZERO


def test_hours_to_liquidation_follow_the_published_formula() -> None:
    # (A/T − L) ÷ cost = (110,000/1.1 − 60,000) ÷ 0.6 = 66,666.67: the level is reached with charge 66,667.
    charges = interest.charges_to_level(Decimal(110_000), Decimal(60_000), Decimal("1.1"), Decimal("0.6"))
    assert charges == 66_667


def test_time_to_a_level_ends_at_a_full_hour() -> None:
    # 1.2 above the level, 0.5 an hour: the third charge reaches it; from 13:40 that is 15:00 plus one hour.
    seconds = interest.seconds_to_level(Decimal("111.32"), Decimal(100), Decimal("1.1"), Decimal("0.5"), at(13, 40))
    assert seconds == 20 * 60 + 2 * 3600


def test_level_met_exactly_by_a_charge_counts_as_reached() -> None:
    assert interest.charges_to_level(Decimal("111.1"), Decimal(100), Decimal("1.1"), Decimal("0.5")) == 2


def test_no_time_is_left_at_or_below_the_level() -> None:
    now = at(13)
    assert interest.seconds_to_level(Decimal(110), Decimal(100), Decimal("1.1"), RATE, now) == ZERO
    assert interest.seconds_to_level(Decimal(90), Decimal(100), Decimal("1.1"), RATE, now) == ZERO


@pytest.mark.parametrize(("owed", "cost"), [("0", "1"), ("100", "0"), ("100", "1E-30")])
def test_time_is_infinite_without_debt_or_interest(owed: str, cost: str) -> None:
    assert interest.seconds_to_level(Decimal(200), Decimal(owed), Decimal("1.1"), Decimal(cost), at(13)) == INFINITE


def test_a_level_must_be_positive() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        interest.charges_to_level(Decimal(1), Decimal(1), ZERO, Decimal(1))


@given(
    assets=st.integers(1, 10**6),
    owed=st.integers(1, 10**6),
    level=st.sampled_from(["1.05", "1.1", "1.15", "1.5", "2"]),
    cost=st.integers(1, 10**5),
)
def test_charges_are_counted_like_one_by_one(assets: int, owed: int, level: str, cost: int) -> None:
    bar, step = Decimal(level), Decimal(cost)
    counted = 0
    while counted < 1000 and Decimal(assets) > bar * (owed + counted * step):
        counted += 1
    charges = interest.charges_to_level(Decimal(assets), Decimal(owed), bar, step)
    assert charges == counted if counted < 1000 else charges >= counted


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), st.integers(0, 10**9))  # noqa: DTZ001 - made aware below
def test_next_charge_is_at_the_coming_full_hour(naive: datetime, micros: int) -> None:
    now = naive.replace(tzinfo=UTC) + timedelta(microseconds=micros)
    charge = interest.next_charge(now)
    assert timedelta() < charge - now <= timedelta(hours=1)
    assert (charge.minute, charge.second, charge.microsecond) == (0, 0, 0)
