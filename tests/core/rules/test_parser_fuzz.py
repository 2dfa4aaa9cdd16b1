"""Fuzzed conditions: the parser raises only ExpressionError, and a parsed text computes like plain Decimals."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, DecimalException

from hypothesis import given
from hypothesis import strategies as st

from monitor.core.model.alert import MetricScope
from monitor.core.model.metric import METRICS, MetricValue, MissingValue
from monitor.core.numbers.amounts import INFINITE
from monitor.core.rules.parser import Condition, ExpressionError, parse_condition, parse_target

SCOPES: list[tuple[MetricScope, ...]] = [
    ("cross",),
    ("isolated",),
    ("asset",),
    ("account",),
    ("monitor",),
    ("cross", "isolated"),
]
TOKENS = [
    *METRICS,
    "margin_level",
    "initial_level",
    "data_age",
    *"+-*/()<>=!,.%[]{}:;'\"\\#@&|~^$?_\n\t",
    *("<=", ">=", "==", "!=", "**", "//", ":=", "->", "<<"),
    *("and", "or", "not", "in", "is", "if", "else", "lambda", "for", "await", "yield", "import", "True", "None"),
    *("abs", "min", "max", "abs(", "max(", "__import__", "eval", "print", "__class__", "MARGIN_CALL", "NORMAL"),
    *("0", "1", "1.5", "10%", "30d", "10s", "1h30m", "1e9", "0x1f", "1_0", "1j", "9" * 60, "1" + "0" * 30, ".5", "5."),
    *("é", "²", "ｍargin_level", "\u2028", "\x00", "\ud800", "“"),
]
SOUP = st.lists(st.sampled_from(TOKENS), max_size=40).flatmap(
    lambda tokens: st.sampled_from(["", " "]).map(lambda gap: gap.join(tokens))
)
VALUES = st.one_of(
    st.sampled_from(
        [Decimal(0), Decimal(1), Decimal("1.5"), INFINITE, MissingValue.UNAVAILABLE, MissingValue.NOT_APPLICABLE]
    ),
    st.integers(-(10**12), 10**12).map(lambda n: Decimal(n).scaleb(-8)),
)


def read_or_refused(text: str, scopes: tuple[MetricScope, ...]) -> Condition | None:
    for parse in (parse_target, parse_condition):
        try:
            parsed = parse(text, scopes)
        except ExpressionError as error:
            assert len(str(error).splitlines()) == 1
            assert 1 <= error.column <= max(1, len(text) + 1)
            continue
        if isinstance(parsed, Condition):
            return parsed
    return None


@given(
    st.one_of(st.text(max_size=80), st.binary(max_size=80).map(lambda raw: raw.decode("latin-1"))),
    st.sampled_from(SCOPES),
)
def test_random_text_is_refused_in_one_line(text: str, scopes: tuple[MetricScope, ...]) -> None:
    read_or_refused(text, scopes)


@given(SOUP, st.sampled_from(SCOPES), st.lists(VALUES, min_size=1))
def test_random_tokens_are_refused_or_evaluate(
    text: str, scopes: tuple[MetricScope, ...], values: list[MetricValue]
) -> None:
    parsed = read_or_refused(text, scopes)
    if parsed is None:
        return
    answers = dict(zip(parsed.metric_names, values * len(parsed.metric_names), strict=False))
    assert parsed.evaluate(answers.__getitem__) in (True, False, *MissingValue)


@given(
    st.sampled_from("(-") | st.sampled_from(["not ", "abs(", "max(1,", "1+", "1<", "margin_level<"]),
    st.integers(1, 2000),
)
def test_endless_repetition_is_refused_in_one_line(piece: str, times: int) -> None:
    read_or_refused(piece * times, ("cross",))


@dataclass(frozen=True)
class Sum:
    """A random calculation over levels: its text, and its result in plain Decimals."""

    text: str
    value: Callable[[dict[str, Decimal]], Decimal]


LEVELS = ["margin_level", "initial_level", "margin_call_level", "liquidation_level"]


def _metric(name: str) -> Sum:
    return Sum(name, lambda values: values[name])


def _number(n: int) -> Sum:
    constant = Decimal(n) / 100
    return Sum(str(constant), lambda values: constant)


def _joined(left: Sum, op: str, right: Sum) -> Sum:
    compute: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / b,
        "min": min,
        "max": max,
    }
    text = f"{op}({left.text}, {right.text})" if op in ("min", "max") else f"({left.text} {op} {right.text})"
    return Sum(text, lambda values: compute[op](left.value(values), right.value(values)))


SUMS = st.recursive(
    st.sampled_from(LEVELS).map(_metric) | st.integers(1, 300).map(_number),
    lambda inner: st.builds(_joined, inner, st.sampled_from(["+", "-", "*", "/", "min", "max"]), inner),
    max_leaves=8,
)


@given(SUMS, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), SUMS, st.data())
def test_arithmetic_is_that_of_plain_decimals(left: Sum, op: str, right: Sum, data: st.DataObject) -> None:
    try:
        parsed = parse_condition(f"{left.text} {op} {right.text}", ("cross",))
    except ExpressionError:
        return
    known = {name: data.draw(st.integers(0, 400).map(lambda n: Decimal(n) / 100), label=name) for name in LEVELS}
    try:
        one, other = left.value(known), right.value(known)
    except DecimalException:
        assert parsed.evaluate(known.__getitem__) is MissingValue.UNAVAILABLE
        return
    expected = {
        "<": one < other,
        "<=": one <= other,
        ">": one > other,
        ">=": one >= other,
        "==": one == other,
        "!=": one != other,
    }
    assert parsed.evaluate(known.__getitem__) is expected[op]


@dataclass(frozen=True)
class Logic:
    """A random condition: its text, and its result in three-valued logic; None is unknown."""

    text: str
    verdict: Callable[[dict[str, Decimal]], bool | None]


def _compared(metric: str, op: str, n: int) -> Logic:
    bound = Decimal(n) / 100

    def verdict(known: dict[str, Decimal]) -> bool | None:
        if metric not in known:
            return None
        return known[metric] < bound if op == "<" else known[metric] >= bound

    return Logic(f"{metric} {op} {bound}", verdict)


def _denied(inner: Logic) -> Logic:
    def verdict(known: dict[str, Decimal]) -> bool | None:
        told = inner.verdict(known)
        return None if told is None else not told

    return Logic(f"not ({inner.text})", verdict)


def _linked(op: str, parts: list[Logic]) -> Logic:
    decisive = op == "or"

    def verdict(known: dict[str, Decimal]) -> bool | None:
        told = [part.verdict(known) for part in parts]
        return decisive if decisive in told else None if None in told else not decisive

    return Logic(f" {op} ".join(f"({part.text})" for part in parts), verdict)


CONDITIONS = st.recursive(
    st.builds(_compared, st.sampled_from(LEVELS), st.sampled_from(["<", ">="]), st.integers(1, 300)),
    lambda inner: (
        st.builds(_denied, inner)
        | st.builds(_linked, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3))
    ),
    max_leaves=8,
)


@given(CONDITIONS, st.dictionaries(st.sampled_from(LEVELS), st.integers(0, 400).map(lambda n: Decimal(n) / 100)))
def test_logic_is_three_valued(condition: Logic, known: dict[str, Decimal]) -> None:
    def read(name: str) -> MetricValue:
        return known.get(name, MissingValue.UNAVAILABLE)

    verdict = parse_condition(condition.text, ("cross",)).evaluate(read)
    assert verdict is (MissingValue.UNAVAILABLE if (told := condition.verdict(known)) is None else told)
