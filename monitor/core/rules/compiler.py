"""Compiler of rule expressions: closures over metric values, with three-valued logic.

Evaluating a compiled expression costs a few calls and no parsing. While every value is known a condition is plain true
or false. If a value is missing, or arithmetic is undefined, the parts are evaluated one by one and joined by
three-valued logic: a known part may decide the whole.
"""

import decimal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, TypeVar

from monitor.core.model.metric import MetricValue, MissingValue
from monitor.core.rules.units import Term

MetricReader = Callable[[str], MetricValue]
"""Function from a metric's name to its present value."""

Values = Sequence[Decimal]
"""Values of an expression's metrics, in order of appearance."""

_T = TypeVar("_T")

UNKNOWN_VALUE = Decimal("sNaN")
"""Placeholder of a missing value: every calculation or comparison with it is undefined."""


class BooleanTest(NamedTuple):
    """A part of a condition.

    `two_valued` raises if something in the part is undefined; `three_valued` returns None then.
    """

    two_valued: Callable[[Values], bool]
    three_valued: Callable[[Values], bool | None]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A part of an expression that has a value, and its computation."""

    term: Term
    compute: Callable[[Values], Decimal]


def compile_evaluator(
    names: tuple[str, ...], run: Callable[[Values], _T]
) -> Callable[[MetricReader], _T | MissingValue]:
    """Return `run` over the values of `names`, unless one is missing or the arithmetic is undefined."""
    if len(names) == 1:
        name = names[0]

        def evaluate_one(read: MetricReader) -> _T | MissingValue:
            value = read(name)
            if not isinstance(value, Decimal):
                return value
            try:
                return run((value,))
            except decimal.DecimalException:
                return MissingValue.UNAVAILABLE

        return evaluate_one

    def evaluate(read: MetricReader) -> _T | MissingValue:
        values: list[Decimal] = []
        for value in map(read, names):
            if not isinstance(value, Decimal):
                return _missing_reason(read, names)
            values.append(value)
        try:
            return run(values)
        except decimal.DecimalException:
            return MissingValue.UNAVAILABLE

    return evaluate


def compile_condition(names: tuple[str, ...], test: BooleanTest) -> Callable[[MetricReader], bool | MissingValue]:
    """Return `test` over the values of `names`: unknown only if no known part decides it."""
    plain, careful = test
    if len(names) == 1:
        # A single metric: if its value is missing, no other part can decide.
        return compile_evaluator(names, plain)

    def evaluate(read: MetricReader) -> bool | MissingValue:
        values: list[Decimal] = []
        whole = True
        for value in map(read, names):
            if isinstance(value, Decimal):
                values.append(value)
            elif value is MissingValue.NOT_APPLICABLE:
                return value
            else:
                whole = False
                values.append(UNKNOWN_VALUE)
        try:
            if whole:
                return plain(values)
        except decimal.DecimalException:
            pass
        verdict = careful(values)
        return MissingValue.UNAVAILABLE if verdict is None else verdict

    return evaluate


def _missing_reason(read: MetricReader, names: Sequence[str]) -> MissingValue:
    """Return the reason for a missing result: not applicable, if one of the values is, before all else."""
    return MissingValue.NOT_APPLICABLE if MissingValue.NOT_APPLICABLE in map(read, names) else MissingValue.UNAVAILABLE


def compile_comparison(
    left: Quantity, compare: Callable[[Decimal, Decimal], bool], right: Quantity, names: Mapping[str, int]
) -> Callable[[Values], bool]:
    """Return the comparison of two parts; without detours for metrics and constants."""
    if left.term.metric is not None and right.term.value is not None:
        index, constant = names[left.term.metric.name], right.term.value
        return lambda values: compare(values[index], constant)
    if left.term.metric is not None and right.term.metric is not None:
        first, second = names[left.term.metric.name], names[right.term.metric.name]
        return lambda values: compare(values[first], values[second])
    one, other = left.compute, right.compute
    return lambda values: compare(one(values), other(values))


def compile_call(compute: Callable[..., Decimal], parts: Sequence[Quantity]) -> Callable[[Values], Decimal]:
    """Return the application of a function or operator to its parts."""
    runs = [part.compute for part in parts]
    if len(runs) == 1:
        only = runs[0]
        return lambda values: compute(only(values))
    if len(runs) == 2:
        one, other = runs
        return lambda values: compute(one(values), other(values))
    return lambda values: compute(*[run(values) for run in runs])


def compile_constant(term: Term) -> Quantity:
    """Return a part whose value is known already; `term` must have the value."""
    value = term.value
    assert value is not None
    return Quantity(term, lambda _: value)


def compile_test(plain: Callable[[Values], bool]) -> BooleanTest:
    """Return the test of a comparison: unknown if anything in it is."""

    def careful(values: Values) -> bool | None:
        try:
            return plain(values)
        except decimal.DecimalException:
            return None

    return BooleanTest(plain, careful)


def negate(test: BooleanTest) -> BooleanTest:
    """Return the test of `not`: the opposite of an unknown part is unknown."""
    plain, careful = test

    def denied(values: Values) -> bool | None:
        verdict = careful(values)
        return None if verdict is None else not verdict

    return BooleanTest(lambda values: not plain(values), denied)


def all_of(tests: Sequence[BooleanTest]) -> BooleanTest:
    """Return the test of `and`: false as soon as one part is false, even if others are unknown."""
    plains, carefuls = [test.two_valued for test in tests], [test.three_valued for test in tests]

    def careful(values: Values) -> bool | None:
        verdicts = [part(values) for part in carefuls]
        return False if False in verdicts else None if None in verdicts else True

    if len(plains) == 2:
        one, other = plains
        return BooleanTest(lambda values: one(values) and other(values), careful)
    return BooleanTest(lambda values: all(plain(values) for plain in plains), careful)


def any_of(tests: Sequence[BooleanTest]) -> BooleanTest:
    """Return the test of `or`: true as soon as one part is true, even if others are unknown."""
    plains, carefuls = [test.two_valued for test in tests], [test.three_valued for test in tests]

    def careful(values: Values) -> bool | None:
        verdicts = [part(values) for part in carefuls]
        return True if True in verdicts else None if None in verdicts else False

    if len(plains) == 2:
        one, other = plains
        return BooleanTest(lambda values: one(values) or other(values), careful)
    return BooleanTest(lambda values: any(plain(values) for plain in plains), careful)
