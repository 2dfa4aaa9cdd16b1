"""Amounts: exact text to Decimal, rounding to a step, plain text."""

import threading
from decimal import Decimal, getcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.numbers.amounts import (
    EIGHT_DECIMALS,
    INFINITE,
    PRECISION,
    ceil_to,
    floor_to,
    format_decimal,
    parse_amount,
)

STEPS = st.sampled_from([EIGHT_DECIMALS, Decimal("0.001"), Decimal("0.5"), Decimal(1), Decimal("0.00025")])
NUMBERS = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places), st.integers(-(10**20), 10**20), st.integers(0, 12)
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("0.00000000", "0E-8"),
        ("6.82728457", "6.82728457"),
        (" 500 ", "500"),
        ("-0.00012", "-0.00012"),
        ("+3.", "3"),
        (".5", "0.5"),
        ("1e-8", "0.00000001"),
        ("2.5E3", "2.5E+3"),
        ("123456789012.12345678", "123456789012.12345678"),
    ],
)
def test_amount_is_exactly_what_the_text_says(text: str, value: str) -> None:
    assert parse_amount(text) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "NaN",
        "sNaN",
        "Infinity",
        "-inf",
        "1,5",
        "1_000",
        "0x10",
        "١٢",
        "1e",
        "1 2",
        "--1",
        "10%",
        "1e31",
        "1e999999",
        "1e9999999999",
        "0e-999",
        "0e999",
        "1e-41",
        "1" * 51,
        "0." + "1" * 60,
        "\x00",
    ],
)
def test_text_that_no_amount_can_be_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_amount(text)
    assert len(str(caught.value).splitlines()) == 1


@given(st.text(max_size=60))
def test_any_text_is_a_finite_number_or_a_value_error(text: str) -> None:
    try:
        value = parse_amount(text)
    except ValueError:
        return
    assert value.is_finite()
    assert abs(value) <= Decimal("1E30")


@given(NUMBERS)
def test_plain_text_reads_back_as_the_same_number(value: Decimal) -> None:
    text = format_decimal(value)
    assert Decimal(text) == value
    assert "E" not in text
    assert not ("." in text and text.endswith(("0", ".")))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1.50000000", "1.5"),
        ("100", "100"),
        ("1E+3", "1000"),
        ("1E-8", "0.00000001"),
        ("-0.00", "0"),
        ("-12.340", "-12.34"),
        ("0E-12", "0"),
    ],
)
def test_plain_text_has_no_exponent_and_no_idle_zeros(value: str, text: str) -> None:
    assert format_decimal(Decimal(value)) == text


def test_infinite_has_no_plain_text() -> None:
    with pytest.raises(ValueError, match="no plain text"):
        format_decimal(INFINITE)


@pytest.mark.parametrize(
    ("value", "step", "down", "up"),
    [
        ("0.123456789", "1E-8", "0.12345678", "0.12345679"),
        ("5", "1E-8", "5", "5"),
        ("7.3", "0.5", "7.0", "7.5"),
        ("-7.3", "0.5", "-7.5", "-7.0"),
        ("0", "0.001", "0", "0"),
    ],
)
def test_rounding_goes_down_or_up_to_the_step(value: str, step: str, down: str, up: str) -> None:
    assert floor_to(Decimal(value), Decimal(step)) == Decimal(down)
    assert ceil_to(Decimal(value), Decimal(step)) == Decimal(up)


@given(NUMBERS, STEPS)
def test_rounded_values_are_the_nearest_multiples_around(value: Decimal, step: Decimal) -> None:
    low, high = floor_to(value, step), ceil_to(value, step)
    assert low <= value <= high
    assert low % step == 0
    assert high - low in (0, step)


def test_infinite_stays_infinite_when_rounded() -> None:
    assert floor_to(INFINITE, EIGHT_DECIMALS) == INFINITE
    assert ceil_to(INFINITE, EIGHT_DECIMALS) == INFINITE


@pytest.mark.parametrize("step", ["0", "-1", "Infinity"])
def test_a_step_must_be_positive(step: str) -> None:
    with pytest.raises(ValueError, match="step must be positive"):
        floor_to(Decimal(1), Decimal(step))


def test_threads_started_later_are_exact_too() -> None:
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(getcontext().prec))
    thread.start()
    thread.join()
    assert seen == [PRECISION]
