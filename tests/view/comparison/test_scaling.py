"""The hidden factor can't be found from the amounts, by somebody who sees all of them and knows all prices."""

from decimal import Context, Decimal
from random import Random

import pytest

from monitor.core.numbers.amounts import EIGHT_DECIMALS, INFINITE
from monitor.view.comparison.scaling import ERROR, LEAST_SHOWN, ROUND_ERROR, AmountScaler

D = Decimal
FACTOR = D("3.14159265358979")
STEPS = (12, 34, 7)


def scaler(seed: int) -> AmountScaler:
    random = Random(seed)
    return AmountScaler(lambda: FACTOR, lambda: D(repr(random.random())))


def possible_counts(shown: list[Decimal], error: Decimal) -> list[int]:
    """An attack: how many steps the last amount may be, so that all others are whole multiples of the step, too."""
    return [
        count
        for count in range(1, 101)
        if all(abs(many - round(many)) <= 2 * many * error for many in (one / shown[-1] * count for one in shown))
    ]


def test_rounding_alone_shows_the_steps_and_the_factor() -> None:
    rounded = [Context(prec=6).multiply(FACTOR, count * EIGHT_DECIMALS) for count in STEPS]
    assert possible_counts(rounded, D("0.000005"))[0] == STEPS[-1]


@pytest.mark.parametrize("seed", range(10))
def test_few_steps_of_the_exchange_are_never_shown(seed: int) -> None:
    one = scaler(seed)
    charges = [f"{(count + hour) * EIGHT_DECIMALS:f}" for count in STEPS for hour in range(24)]
    assert {one.scale_text(text, "account-1", "cross") for text in (*charges, "-0.00999999")} == {"small"}


@pytest.mark.parametrize("seed", range(10))
def test_few_whole_coins_may_be_almost_any_number_of_them(seed: int) -> None:
    one = scaler(seed)
    shown = [one.scale(D(count), "account-1", "cross") for count in STEPS]
    possible = possible_counts([amount for amount in shown if amount is not None], ROUND_ERROR)
    assert possible[0] < STEPS[-1]
    assert len([count for count in possible if count <= 20]) >= 10


@pytest.mark.parametrize("seed", range(10))
def test_mean_of_a_day_of_charges_leaves_the_steps_of_a_debt_open(seed: int) -> None:
    """Each hour has another charge, whose ratio to the debt is known from the rate; the errors have a mean."""
    one = scaler(seed)
    debt, rate = D("30111.22233344"), D("0.0000113")
    estimates = []
    for hour in range(24):
        owed = debt * (1 + rate) ** hour
        charge = one.scale((owed * rate).quantize(EIGHT_DECIMALS), "account-1", "cross")
        assert charge is not None
        estimates.append(charge / rate / (1 + rate) ** hour)
    assert len(set(estimates)) > 12
    off = abs(sum(estimates, D(0)) / len(estimates) / FACTOR - debt)
    assert off > 1000 * EIGHT_DECIMALS
    # The smallest amount that is ever shown has steps enough, even for a mean without any bad luck.
    assert LEAST_SHOWN / EIGHT_DECIMALS * ERROR / 24 > 10


def test_equal_amounts_have_equal_errors_that_no_mean_takes_away() -> None:
    one = scaler(1)
    shown = {one.scale(D("20123.4567"), "account-1", "cross") for _ in range(24)}
    assert len(shown) == 1 and shown != {FACTOR * D("20123.4567")}
    assert one.scale(D("20123.4567"), "account-1", "BTCUSDT") not in shown


def test_limit_of_small_amounts_is_drawn_for_each_scope() -> None:
    """With a known limit, a charge just above it beside one just below would tell the factor."""
    shown = [scaler(seed).scale_text("0.03", "account-1", "cross") == "small" for seed in range(40)]
    assert 5 < sum(shown) < 35


def test_digits_are_few_and_errors_within_their_bound() -> None:
    one = scaler(3)
    for text in ("1.23456789", "20000.5", "71.5", "-0.12345678"):
        shown = one.scale(D(text), "account-1", "cross")
        assert shown is not None and len(shown.as_tuple().digits) <= 4
        assert abs(shown / FACTOR / D(text) - 1) < D("0.0016")


def test_zero_and_infinite_stay() -> None:
    assert scaler(1).scale(INFINITE, "account-1", "cross") == INFINITE
    assert scaler(1).scale(D(0), "account-1", "cross") == 0
