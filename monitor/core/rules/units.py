"""Unit checks of rule expressions: valid sums, products and comparisons."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, assert_never

from monitor.core.model.metric import Metric, MetricUnit
from monitor.core.numbers.amounts import ZERO, format_decimal
from monitor.core.numbers.durations import format_duration, from_seconds
from monitor.core.rules.lexer import ExpressionError

TermKind = MetricUnit | Literal["number", "percent", "duration", "derived"]
"""A metric's unit, the notation of a literal, or `derived`: a product of units that has no name here."""

_DIMENSIONLESS: frozenset[TermKind] = frozenset(
    {"number", "percent", MetricUnit.LEVEL, MetricUnit.FRACTION, MetricUnit.COUNT, MetricUnit.BOOLEAN}
)
_LITERAL_KINDS: frozenset[TermKind] = frozenset({"number", "percent", "duration"})
_WORDS: dict[TermKind, str] = {
    MetricUnit.LEVEL: "a level such as 1.5",
    MetricUnit.FRACTION: "a fraction such as 10%",
    MetricUnit.USDT: "an amount of USDT",
    MetricUnit.AMOUNT: "an amount of the asset",
    MetricUnit.PRICE: "a price",
    MetricUnit.SECONDS: "a duration such as 30s",
    MetricUnit.COUNT: "a count",
    MetricUnit.BOOLEAN: "0 or 1",
    MetricUnit.STATUS: "a status word such as MARGIN_CALL",
    "number": "a plain number",
    "percent": "a percentage",
    "duration": "a duration",
    "derived": "a product of different units",
}


@dataclass(frozen=True, slots=True)
class Term:
    """A part of an expression: its kind, its value if it is constant, its metric if it is nothing else."""

    kind: TermKind
    text: str
    column: int
    value: Decimal | None = None
    metric: Metric | None = None


def kind_of_sum(left: Term, right: Term, column: int) -> TermKind:
    """Return the kind of a sum, difference, minimum or maximum. Raises ExpressionError for incompatible kinds."""
    for term in (left, right):
        if term.kind is MetricUnit.STATUS:
            raise ExpressionError(
                f"`{term.text}` can't be calculated with", term.column, "compare it with a status word"
            )
    return _common_kind(left, right, column)


def kind_of_product(left: Term, right: Term) -> TermKind:
    """Return the kind of a product. Raises ExpressionError for a status."""
    _reject_status(left, right)
    pairs = ((left.kind, right.kind), (right.kind, left.kind))
    for neutral in ("number", "percent"):
        for kind, other in pairs:
            if kind == neutral:
                return other
    for kind, other in pairs:
        if kind in _DIMENSIONLESS and other not in _DIMENSIONLESS:
            return other
    if left.kind not in _DIMENSIONLESS:
        return "derived"
    return MetricUnit.LEVEL if {left.kind, right.kind} == {MetricUnit.LEVEL, MetricUnit.FRACTION} else "number"


def kind_of_quotient(left: Term, right: Term) -> TermKind:
    """Return the kind of a quotient: equal units cancel out. Raises ExpressionError for a status."""
    _reject_status(left, right)
    spans = {MetricUnit.SECONDS, "duration"}
    if (left.kind == right.kind and left.kind != "derived") or (left.kind in spans and right.kind in spans):
        return "number"
    return left.kind if right.kind in _DIMENSIONLESS else "derived"


def check_comparison(left: Term, right: Term, column: int) -> None:
    """Raise ExpressionError if the two can't be compared, or if a metric can never have the constant's value."""
    _common_kind(left, right, column)
    for term, other in ((left, right), (right, left)):
        metric = term.metric
        if metric is not None and other.value is not None and not metric.low <= other.value <= metric.high:
            low, high = (_format_bound(metric.unit, bound) for bound in (metric.low, metric.high))
            raise ExpressionError(f"`{metric.name}` goes from {low} to {high}, never to {other.text}", other.column)


def _common_kind(left: Term, right: Term, column: int) -> TermKind:
    if left.kind in _LITERAL_KINDS and right.kind in _LITERAL_KINDS:
        return _common_literal_kind(left, right, column)
    if right.kind in _LITERAL_KINDS:
        _check_literal(left.kind, left, right)
        return left.kind
    if left.kind in _LITERAL_KINDS:
        _check_literal(right.kind, right, left)
        return right.kind
    if left.kind == right.kind or "derived" in (left.kind, right.kind):
        return left.kind if right.kind == "derived" else right.kind
    raise ExpressionError(
        f"`{left.text}` is {_WORDS[left.kind]}, `{right.text}` is {_WORDS[right.kind]}: they don't go together", column
    )


def _common_literal_kind(left: Term, right: Term, column: int) -> TermKind:
    if left.kind == right.kind:
        return left.kind
    for term, other in ((left, right), (right, left)):
        if term.kind == "number" and term.value == ZERO:
            return other.kind
    if "duration" in (left.kind, right.kind):
        raise ExpressionError(
            f"`{left.text}` is {_WORDS[left.kind]}, `{right.text}` is {_WORDS[right.kind]}: they don't go together",
            column,
        )
    return "number"


def _check_literal(kind: TermKind, term: Term, literal: Term) -> None:
    """Raise ExpressionError unless a literal may stand beside a term of `kind`."""
    if literal.kind == "number" and literal.value == ZERO and kind is not MetricUnit.STATUS:
        return
    match literal.kind:
        case "number":
            _check_number(kind, term, literal)
        case "percent" if kind is MetricUnit.LEVEL:
            mend = (
                f"write {format_decimal(literal.value)}" if literal.value is not None else "write it as a plain number"
            )
            raise ExpressionError(f"`{term.text}` is {_WORDS[kind]}, not a percentage", literal.column, mend)
        case "percent" if kind not in (MetricUnit.FRACTION, "derived"):
            raise ExpressionError(f"`{term.text}` is {_WORDS[kind]}, not a percentage", literal.column)
        case "duration" if kind not in (MetricUnit.SECONDS, "derived"):
            raise ExpressionError(f"`{term.text}` is {_WORDS[kind]}, not a duration", literal.column)
        case _:
            pass


def _check_number(kind: TermKind, term: Term, literal: Term) -> None:
    written, column = literal.text, literal.column
    match kind:
        case MetricUnit.STATUS:
            raise ExpressionError(f"`{term.text}` is compared with a status word such as MARGIN_CALL", column)
        case MetricUnit.SECONDS:
            raise ExpressionError(f"`{term.text}` is a duration, {written} has no unit", column, f"write {written}s?")
        case MetricUnit.BOOLEAN if literal.value is not None and literal.value != 1:
            raise ExpressionError(f"`{term.text}` is 0 or 1, never {written}", column)
        case MetricUnit.FRACTION if literal.value is not None and abs(literal.value) >= 1:
            raise ExpressionError(f"`{term.text}` is a fraction, not {written}", column, f"{written}% was meant?")
        case _:
            pass


def _reject_status(*terms: Term) -> None:
    for term in terms:
        if term.kind is MetricUnit.STATUS:
            raise ExpressionError(
                f"`{term.text}` can't be calculated with", term.column, "compare it with a status word"
            )


def _format_bound(unit: MetricUnit, bound: Decimal) -> str:
    match unit:
        case MetricUnit.FRACTION:
            return f"{format_decimal(bound * 100)}%"
        case MetricUnit.SECONDS:
            sign = "-" if bound < ZERO else ""
            return sign + format_duration(from_seconds(abs(bound)))
        case (
            MetricUnit.LEVEL
            | MetricUnit.USDT
            | MetricUnit.AMOUNT
            | MetricUnit.PRICE
            | MetricUnit.COUNT
            | MetricUnit.BOOLEAN
            | MetricUnit.STATUS
        ):
            return format_decimal(bound)
        case _:
            assert_never(unit)
