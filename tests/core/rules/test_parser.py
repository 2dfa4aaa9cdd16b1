"""Rule conditions: their meaning, the rejected texts and the errors."""

import ast
import gc
from collections.abc import Callable
from decimal import Decimal

import pytest

from monitor.core.model.alert import MetricScope
from monitor.core.model.metric import METRICS, MetricValue, MissingValue
from monitor.core.numbers.amounts import INFINITE, ZERO
from monitor.core.rules.parser import Condition, ExpressionError, parse_condition, parse_target

CROSS: tuple[MetricScope, ...] = ("cross",)
ISOLATED: tuple[MetricScope, ...] = ("isolated",)
BOTH: tuple[MetricScope, ...] = ("cross", "isolated")

UNAVAILABLE = MissingValue.UNAVAILABLE
NOT_APPLICABLE = MissingValue.NOT_APPLICABLE


def reading(**values: str | MissingValue) -> Callable[[str], MetricValue]:
    known = {name: value if isinstance(value, MissingValue) else Decimal(value) for name, value in values.items()}
    return known.__getitem__


def scopes_of(text: str) -> tuple[MetricScope, ...]:
    """Return the scopes in which the first metric of `text` exists."""
    first = min((text.find(name), -len(name), name) for name in METRICS if name in text)[2]
    return METRICS[first].scopes


def condition(text: str) -> Condition:
    return parse_condition(text, scopes_of(text)[:1])


def refusal(text: str, scopes: tuple[MetricScope, ...] = CROSS) -> str:
    with pytest.raises(ExpressionError) as caught:
        parse_condition(text, scopes)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "values", "holds"),
    [
        ("margin_level < 1.5", {"margin_level": "1.49999999"}, True),
        ("margin_level < 1.5", {"margin_level": "1.5"}, False),
        ("margin_level <= 1.5", {"margin_level": "1.50"}, True),
        ("1.5 > margin_level", {"margin_level": "1.4"}, True),
        ("1.1 < margin_level <= 1.3", {"margin_level": "1.3"}, True),
        ("1.1 < margin_level <= 1.3", {"margin_level": "1.1"}, False),
        ("not margin_level < 1.5", {"margin_level": "1.6"}, True),
        ("not (margin_level < 1.5 or margin_level > 2)", {"margin_level": "1.6"}, True),
        ("margin_level != 1.5", {"margin_level": "1.5000"}, False),
        ("distance_to_liquidation < 10%", {"distance_to_liquidation": "0.0999"}, True),
        ("distance_to_liquidation < .1", {"distance_to_liquidation": "0.1"}, False),
        ("distance_to_liquidation < 12.5%", {"distance_to_liquidation": "0.125"}, False),
        ("margin_level < initial_level", {"margin_level": "1.4", "initial_level": "1.5"}, True),
        ("margin_level < initial_level * (1 + 5%)", {"margin_level": "1.57", "initial_level": "1.5"}, True),
        ("margin_level < initial_level * 105%", {"margin_level": "1.58", "initial_level": "1.5"}, False),
        ("margin_level - initial_level < -0.1", {"margin_level": "1.3", "initial_level": "1.5"}, True),
        ("interest_usdt / liabilities_usdt > 1%", {"interest_usdt": "2", "liabilities_usdt": "100"}, True),
        ("equity_usdt < -500", {"equity_usdt": "-501"}, True),
        ("equity_usdt < 0", {"equity_usdt": "-1"}, True),
        ("abs(margin_level_change_5m) > 0.2", {"margin_level_change_5m": "-0.3"}, True),
        ("time_to_liquidation_by_interest < 30d", {"time_to_liquidation_by_interest": "2591999"}, True),
        ("time_to_liquidation_by_interest < 1w2d3h4m5s6ms", {"time_to_liquidation_by_interest": "788645.006"}, False),
        ("data_age > max(10s, 3 * poll_interval)", {"data_age": "11", "poll_interval": "2"}, True),
        ("data_age > max(10s, 3 * poll_interval)", {"data_age": "11", "poll_interval": "60"}, False),
        ("data_age > min(10s, 1m, 3 * poll_interval)", {"data_age": "11", "poll_interval": "60"}, True),
        ("data_age / poll_interval > 3", {"data_age": "181", "poll_interval": "60"}, True),
        ("data_age > 0", {"data_age": "0"}, False),
        ("clock_offset < -1s", {"clock_offset": "-1.5"}, True),
        ("key_accepted == 0", {"key_accepted": "0"}, True),
        ("notifications_failing > 0", {"notifications_failing": "1"}, True),
        ("status >= MARGIN_CALL", {"status": "2"}, True),
        ("status >= MARGIN_CALL", {"status": "1"}, False),
        ("status == FORCE_LIQUIDATION", {"status": "4"}, True),
        ("peg_deviation < -2% and held > 0", {"peg_deviation": "-0.03", "held": "5"}, True),
        ("peg_deviation < -2% and held > 0", {"peg_deviation": "-0.03", "held": "0"}, False),
        ("annual_rate > 1000%", {"annual_rate": "10.5"}, True),
        ("owed * annual_rate > held", {"owed": "10", "annual_rate": "0.5", "held": "4"}, True),
        (" \n\tmargin_level\n < 2 ", {"margin_level": "1.9"}, True),
    ],
)
def test_condition_means_what_it_says(text: str, values: dict[str, str], holds: bool) -> None:
    assert condition(text).evaluate(reading(**values)) is holds


def test_text_is_kept_on_one_line_and_names_in_order() -> None:
    parsed = parse_condition("margin_level <\n initial_level or margin_level<margin_call_level", CROSS)
    assert parsed.text == "margin_level < initial_level or margin_level<margin_call_level"
    assert parsed.metric_names == ("margin_level", "initial_level", "margin_call_level")


def test_constants_are_exact() -> None:
    parsed = parse_condition("margin_level < 1.10000000000000000000000000000001", CROSS)
    assert parsed.evaluate(reading(margin_level="1.1")) is True


@pytest.mark.parametrize(
    "text",
    [
        "margin_level < initial_level",
        "not margin_level < initial_level",
        "max(margin_level, initial_level) > 0",
        "0 * initial_level + margin_level > 0",
        "abs(initial_level) > 0 and margin_level > 0",
        "-initial_level < 0 and margin_level > 0",
        "min(100, initial_level) == initial_level and margin_level > 0",
        "initial_level != initial_level or margin_level < 0.5",
    ],
)
def test_comparison_with_something_unknown_is_unknown(text: str) -> None:
    parsed = parse_condition(text, CROSS)
    assert parsed.evaluate(reading(margin_level="1", initial_level=UNAVAILABLE)) is UNAVAILABLE


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("margin_level < 1.5 or initial_level > 1", True),
        ("initial_level > 1 or margin_level < 1.5", True),
        ("margin_level > 1.5 or initial_level > 1", UNAVAILABLE),
        ("margin_level > 1.5 and initial_level > 1", False),
        ("initial_level > 1 and margin_level > 1.5", False),
        ("margin_level < 1.5 and initial_level > 1", UNAVAILABLE),
        ("not (initial_level > 1 or margin_level < 1.5)", False),
        ("not (initial_level > 1 and margin_level > 1.5)", True),
        ("not (initial_level > 1 or margin_level > 1.5)", UNAVAILABLE),
        ("initial_level > margin_level > 1.5", False),
        ("1.5 < margin_level < initial_level", False),
        ("initial_level > margin_level > 0.5", UNAVAILABLE),
        ("initial_level > 1 or margin_level > 2 or margin_level < 1.5", True),
        ("initial_level > 1 and margin_level < 2 and margin_level > 1.5", False),
        ("(initial_level > 1 and margin_level > 2) or margin_level < 1.5", True),
        ("(initial_level > 1 or margin_level > 2) and margin_level < 1.5", UNAVAILABLE),
        ("initial_level > 1 or not initial_level > 1 or margin_level > 2", UNAVAILABLE),
    ],
)
def test_known_part_that_decides_decides(text: str, verdict: bool | MissingValue) -> None:
    assert parse_condition(text, CROSS).evaluate(reading(margin_level="1", initial_level=UNAVAILABLE)) is verdict


def test_metric_that_does_not_apply_leaves_the_subject_out_whatever_else_is_missing() -> None:
    parsed = parse_condition("peg_deviation < -2% or held > 0", ("asset",))
    assert parsed.evaluate(reading(peg_deviation=NOT_APPLICABLE, held="1")) is NOT_APPLICABLE
    assert parsed.evaluate(reading(peg_deviation=NOT_APPLICABLE, held=UNAVAILABLE)) is NOT_APPLICABLE
    assert parsed.evaluate(reading(peg_deviation=UNAVAILABLE, held=NOT_APPLICABLE)) is NOT_APPLICABLE
    alone = parse_condition("peg_deviation < -2%", ("asset",))
    assert alone.evaluate(reading(peg_deviation=NOT_APPLICABLE)) is NOT_APPLICABLE
    assert alone.evaluate(reading(peg_deviation=UNAVAILABLE)) is UNAVAILABLE


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("margin_level < 1.5", False),
        ("margin_level > 1.6", True),
        ("margin_level + 2 * margin_level_change_5m <= liquidation_level", False),
        ("margin_level > initial_level * 1.02", True),
        ("max(margin_level, initial_level) < 100", False),
    ],
)
def test_infinite_is_larger_than_everything(text: str, holds: bool) -> None:
    values = reading(margin_level="Infinity", initial_level="1.5", liquidation_level="1.1", margin_level_change_5m="0")
    assert parse_condition(text, CROSS).evaluate(values) is holds


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("interest_usdt / liabilities_usdt > 1%", UNAVAILABLE),
        ("margin_level < 1.5 or interest_usdt / liabilities_usdt > 1%", True),
        ("interest_usdt / liabilities_usdt > 1% or margin_level < 1.5", True),
        ("margin_level > 1.5 or interest_usdt / liabilities_usdt > 1%", UNAVAILABLE),
        ("interest_usdt / liabilities_usdt > 1% and margin_level > 1.5", False),
        ("margin_level < 100 and polled_margin_level - collateral_margin_level > 0.1", UNAVAILABLE),
        ("polled_margin_level / collateral_margin_level > 1", UNAVAILABLE),
        ("0 * polled_margin_level < 1", UNAVAILABLE),
        ("liabilities_usdt / liabilities_usdt > 0 or (margin_level < 1) or (margin_level < 3)", True),
    ],
)
def test_undefined_arithmetic_is_unknown(text: str, verdict: bool | MissingValue) -> None:
    values = reading(
        margin_level="1.2",
        interest_usdt="1",
        liabilities_usdt="0",
        polled_margin_level="Infinity",
        collateral_margin_level="Infinity",
    )
    assert parse_condition(text, CROSS).evaluate(values) is verdict


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "distance_to_liquidation < 10",
            "column 27: `distance_to_liquidation` is a fraction, not 10; 10% was meant?",
        ),
        ("distance_to_liquidation < 1", "column 27: `distance_to_liquidation` is a fraction, not 1; 1% was meant?"),
        (
            "2 * drop_to_liquidation < 20",
            "column 27: `2 * drop_to_liquidation` is a fraction, not 20; 20% was meant?",
        ),
        ("margin_level < 150", "column 16: `margin_level` goes from 0 to 100, never to 150"),
        ("margin_level < -1", "column 16: `margin_level` goes from 0 to 100, never to -1"),
        ("margin_level < 150%", "column 16: `margin_level` is a level such as 1.5, not a percentage; write 1.5"),
        ("drop_to_liquidation > 120%", "column 23: `drop_to_liquidation` goes from 0% to 100%, never to 120%"),
        ("assets_usdt < 10%", "column 15: `assets_usdt` is an amount of USDT, not a percentage"),
        ("assets_usdt > 10s", "column 15: `assets_usdt` is an amount of USDT, not a duration"),
        ("assets_usdt > -1", "column 15: `assets_usdt` goes from 0 to 1000000000000000, never to -1"),
        (
            "time_to_liquidation_by_interest < 30",
            "column 35: `time_to_liquidation_by_interest` is a duration, 30 has no unit; write 30s?",
        ),
        (
            "time_to_liquidation_by_interest < 10%",
            "column 35: `time_to_liquidation_by_interest` is a duration such as 30s, not a percentage",
        ),
        (
            "margin_level < distance_to_liquidation",
            "column 16: `margin_level` is a level such as 1.5, `distance_to_liquidation` is a fraction such as 10%: "
            "they don't go together",
        ),
        (
            "margin_level + 10s < 2",
            "column 16: `margin_level` is a level such as 1.5, not a duration",
        ),
        ("margin_level < 1 + 10s", "column 20: `1` is a plain number, `10s` is a duration: they don't go together"),
        ("margin_lvel < 1.5", "column 1: unknown name `margin_lvel`; did you mean `margin_level`?"),
        ("margin_level < intial_level", "column 16: unknown name `intial_level`; did you mean `initial_level`?"),
        ("zzz < 1", "column 1: unknown name `zzz`"),
        ("status < MARGIN_CALL", "column 1: `status` does not exist in scope cross; it exists in isolated"),
        ("data_age > 10s", "column 1: `data_age` does not exist in scope cross; it exists in monitor"),
        (
            "margin_level",
            "column 1: `margin_level` is neither true nor false; compare it with something: `margin_level > 0`",
        ),
        (
            "margin_level < 1.5 and 3",
            "column 24: `3` is neither true nor false; compare it with something: `3 > 0`",
        ),
        (
            "(margin_level < 1.5) + 1 > 0",
            "column 2: `margin_level < 1.5` is true or false, a number is needed here; join conditions with and, or",
        ),
        ("1 < 2", "column 1: the condition reads no metric"),
        ("", "column 1: the expression is empty"),
        ("  \n ", "column 1: the expression is empty"),
        ("margin_level < 1.5 and", "column 23: it ends in the middle"),
        ("margin_level < < 1.5", "column 16: this can't stand here"),
        ("(margin_level < 1.5", "column 1: the parenthesis is never closed; write )"),
        ("margin_level < 1.5)", "column 19: the parenthesis was never opened; remove it, or write ("),
        ("  margin_level < 1.5)", "column 21: the parenthesis was never opened; remove it, or write ("),
        ("margin_level = 1.5", "column 14: `=` compares nothing; write =="),
        ("margin_level <> 1.5", "column 14: `<>` is not known; write !="),
        ("margin_level =< 1.5", "column 14: `=` compares nothing; write =="),
        ("! margin_level < 1.5", "column 1: `!` is not known; write not"),
        ("margin_level < 1.5 && initial_level > 1", "column 20: unexpected '&'; write `and` instead of `&`"),
        ("margin_level ≤ 1.5", "column 14: unexpected '≤'; write <="),
        ("margin_level < 1/0", "column 16: `1/0` has no value; a division by zero?"),
        ("margin_level ** 2 < 3", "column 1: only + - * / calculate"),
        ("margin_level // 2 < 3", "column 1: only + - * / calculate"),
        ("margin_level is 1", "column 1: only < <= > >= == != compare"),
        ("margin_level < True", "column 16: `True` is not known; booleans are 0 and 1"),
        ("round(margin_level) < 2", "column 1: unknown function `round`; abs, min and max exist"),
        ("mx(margin_level, 2) < 2", "column 1: unknown function `mx`; did you mean `max`?"),
        ("max(margin_level) < 2", "column 1: max takes two values or more"),
        ("abs(margin_level, 1) < 2", "column 1: abs takes one value"),
        ("max < 2", "column 1: `max` is a function; write max(…)"),
        ("max(*margin_level) < 2", "column 1: max takes plain values only"),
        (
            "margin_level.real < 2",
            "column 13: unexpected '.'; a dot belongs inside a number, as in 1.5; names have none",
        ),
        ("margin_level[0] < 2", "column 13: unexpected '['; brackets are not part of an expression"),
        ("margin_level < '2'", 'column 16: unexpected "\'"; texts are not part of an expression'),
        ("margin_level % 2 < 1", "column 14: unexpected '%'; a percent sign belongs right after a number, as in 10%"),
        (
            "margin_level < 1e5",
            "column 16: can't read `1e5`; numbers are like 1.5, percentages like 10%, durations like 90s or 1h30m",
        ),
        (
            "margin_level < 0x10",
            "column 16: can't read `0x10`; numbers are like 1.5, percentages like 10%, durations like 90s or 1h30m",
        ),
        ("margin_level < 1" + "0" * 40, f"column 16: '1{'0' * 36}...' is too large or too fine to be an amount"),
        (
            "+margin_level < 2",
            "column 1: `+margin_level` is not part of an expression; comparisons, and or not, + - * /, abs min max, "
            "numbers and metrics are",
        ),
    ],
)
def test_mistake_is_reported_with_its_column_and_fix(text: str, says: str) -> None:
    assert refusal(text) == says


@pytest.mark.parametrize(
    ("text", "scope", "says"),
    [
        ("key_accepted", "account", "column 1: `key_accepted` is neither true nor false; write `key_accepted == 1`"),
        ("key_accepted > 2", "account", "column 16: `key_accepted` is 0 or 1, never 2"),
        ("data_age > 10", "monitor", "column 12: `data_age` is a duration, 10 has no unit; write 10s?"),
        (
            "data_age > max(10, poll_interval)",
            "monitor",
            "column 16: `poll_interval` is a duration, 10 has no unit; write 10s?",
        ),
        ("status > 2", "isolated", "column 10: `status` is compared with a status word such as MARGIN_CALL"),
        ("status > 0", "isolated", "column 10: `status` is compared with a status word such as MARGIN_CALL"),
        ("status > MARGIN_CAL", "isolated", "column 10: unknown name `MARGIN_CAL`; did you mean `MARGIN_CALL`?"),
        (
            "status + 1 > MARGIN_CALL",
            "isolated",
            "column 1: `status` can't be calculated with; compare it with a status word",
        ),
        ("-status > MARGIN_CALL", "isolated", "column 1: a status has no sign"),
        ("abs(status) > NORMAL", "isolated", "column 1: a status has no sign"),
        (
            "margin_level > NORMAL",
            "isolated",
            "column 16: `margin_level` is a level such as 1.5, `NORMAL` is a status word such as MARGIN_CALL: "
            "they don't go together",
        ),
        ("peg_deviation < -200%", "asset", "column 17: `peg_deviation` goes from -100% to 1000%, never to -200%"),
    ],
)
def test_mistake_of_other_scopes_is_named_too(text: str, scope: MetricScope, says: str) -> None:
    assert refusal(text, (scope,)) == says


def test_condition_must_be_valid_in_each_scope() -> None:
    assert parse_condition("margin_level < 1.5", BOTH).metric_names == ("margin_level",)
    assert (
        refusal("collateral_margin_level < 2", BOTH)
        == "column 1: `collateral_margin_level` does not exist in scope isolated; it exists in cross"
    )


def test_too_long_is_refused() -> None:
    text = "margin_level < 1.5" + " or margin_level < 1.5" * 50
    assert refusal(text) == "column 1001: longer than 1000 characters; split it into several rules"


@pytest.mark.parametrize(
    "text",
    [
        "not " * 100 + "margin_level < 1",
        "(" * 60 + "margin_level" + ")" * 60 + " + " + "-" * 60 + "1 < 1",
        "- " * 400 + "margin_level < 1",
        "margin_level" + " + 1" * 200 + " < 1",
        "abs(" * 90 + "margin_level" + ")" * 90 + "< 1",
        "(" * 250 + "margin_level < 1" + ")" * 250,
    ],
)
def test_too_deep_is_refused(text: str) -> None:
    assert len(refusal(text).splitlines()) == 1


def test_error_has_separate_message_column_and_fix() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_condition("margin_lvel < 1.5", CROSS)
    error = caught.value
    assert isinstance(error, ValueError)
    assert (error.message, error.column, error.mend) == (
        "unknown name `margin_lvel`",
        1,
        "did you mean `margin_level`?",
    )


def test_target_is_the_level_on_the_right() -> None:
    target = parse_target("margin_level >= initial_level * 1.05", BOTH)
    assert (target.metric, target.metric_names) == ("margin_level", ("initial_level",))
    assert target.evaluate(reading(initial_level="1.5")) == Decimal("1.575")
    assert target.evaluate(reading(initial_level=UNAVAILABLE)) is UNAVAILABLE


def test_target_may_be_a_plain_level() -> None:
    target = parse_target("margin_level > 2", CROSS)
    assert target.metric_names == ()
    assert target.evaluate(reading()) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("margin_level < 2", "column 1: a target has the form `margin_level >= 1.5`"),
        ("2 <= margin_level", "column 1: a target has the form `margin_level >= 1.5`"),
        ("margin_level >= 2 and margin_level >= 3", "column 1: a target has the form `margin_level >= 1.5`"),
        ("1 < margin_level >= 2", "column 1: a target has the form `margin_level >= 1.5`"),
        (
            "distance_to_liquidation >= 20%",
            "column 1: `distance_to_liquidation` is not a level; a target has the form `margin_level >= 1.5`",
        ),
        ("margin_lvel >= 2", "column 1: unknown name `margin_lvel`; did you mean `margin_level`?"),
        ("margin_level >= 200", "column 17: `margin_level` goes from 0 to 100, never to 200"),
    ],
)
def test_target_of_another_form_is_refused(text: str, says: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_target(text, CROSS)
    assert str(caught.value) == says


def test_infinite_and_zero_levels_are_ordinary_values() -> None:
    parsed = parse_condition("margin_level >= initial_level", CROSS)
    assert parsed.evaluate({"margin_level": INFINITE, "initial_level": INFINITE}.__getitem__) is True
    assert parsed.evaluate({"margin_level": ZERO, "initial_level": INFINITE}.__getitem__) is False


def test_parse_survives_a_finalizer_that_parses() -> None:
    parses = 0

    def parse_too(phase: str, _: dict[str, int]) -> None:
        nonlocal parses
        if phase == "start":
            gc.disable()
            ast.parse("1 + (2 * (3 + 4))")
            gc.enable()
            parses += 1

    gc.callbacks.append(parse_too)
    try:
        for room in range(1, 40):
            kept: list[list[int]] = []
            # The next collection comes after so many objects: in the middle of the parse.
            while gc.get_count()[0] < gc.get_threshold()[0] - room:
                kept.append([])
            parse_condition("peg_deviation < -0.01 and held > 0", ("asset",))
    finally:
        gc.callbacks.remove(parse_too)
    assert parses > 0
