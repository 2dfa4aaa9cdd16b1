"""Closures over metric values: what an expression becomes, so that evaluating it costs a few calls and no parsing.

While every value is known a condition is plain true or false. Where one is missing, or arithmetic is undefined, its
parts are asked one by one, and joined by three-valued logic: a part that decides, decides.
"""

import decimal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, TypeVar

from monitor.core.model.metric import MetricValue, Missing
from monitor.core.rules.units import Term

MetricReader = Callable[[str], MetricValue]
"""The present value of a metric by its name."""

Values = Sequence[Decimal]
"""The values of an expression's metrics, in order of appearance."""

_T = TypeVar("_T")

UNKNOWN_VALUE = Decimal("sNaN")
"""Stands for a value that is missing: whatever calculates or compares with it is undefined."""


class BooleanTest(NamedTuple):
    """A part of a condition. `plain` raises where something in it is undefined; `careful` says None then."""

    two_valued: Callable[[Values], bool]
    three_valued: Callable[[Values], bool | None]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A part of an expression that has a value, and how to compute it."""

    term: Term
    compute: Callable[[Values], Decimal]


def compile_evaluator(names: tuple[str, ...], run: Callable[[Values], _T]) -> Callable[[MetricReader], _T | Missing]:
    """`run` over the values of `names`, unless one is missing or the arithmetic is undefined."""
    if len(names) == 1:
        name = names[0]

        def evaluate_one(read: MetricReader) -> _T | Missing:
            value = read(name)
            if not isinstance(value, Decimal):
                return value
            try:
                return run((value,))
            except decimal.DecimalException:
                return Missing.UNAVAILABLE

        return evaluate_one

    def evaluate(read: MetricReader) -> _T | Missing:
        values: list[Decimal] = []
        for value in map(read, names):
            if not isinstance(value, Decimal):
                return _missing_reason(read, names)
            values.append(value)
        try:
            return run(values)
        except decimal.DecimalException:
            return Missing.UNAVAILABLE

    return evaluate


def compile_condition(names: tuple[str, ...], test: BooleanTest) -> Callable[[MetricReader], bool | Missing]:
    """`test` over the values of `names`: unknown only where no known part decides it."""
    plain, careful = test
    if len(names) == 1:
        # Alone: where its value is missing nothing is left that could decide.
        return compile_evaluator(names, plain)

    def evaluate(read: MetricReader) -> bool | Missing:
        values: list[Decimal] = []
        whole = True
        for value in map(read, names):
            if isinstance(value, Decimal):
                values.append(value)
            elif value is Missing.NOT_APPLICABLE:
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
        return Missing.UNAVAILABLE if verdict is None else verdict

    return evaluate


def _missing_reason(read: MetricReader, names: Sequence[str]) -> Missing:
    """Why there is no answer when one of the values is missing: that one does not apply, before all else."""
    return Missing.NOT_APPLICABLE if Missing.NOT_APPLICABLE in map(read, names) else Missing.UNAVAILABLE


def compile_comparison(
    left: Quantity, compare: Callable[[Decimal, Decimal], bool], right: Quantity, names: Mapping[str, int]
) -> Callable[[Values], bool]:
    """Whether the comparison of two parts holds; without detours for metrics and constants."""
    if left.term.metric is not None and right.term.value is not None:
        index, constant = names[left.term.metric.name], right.term.value
        return lambda values: compare(values[index], constant)
    if left.term.metric is not None and right.term.metric is not None:
        first, second = names[left.term.metric.name], names[right.term.metric.name]
        return lambda values: compare(values[first], values[second])
    one, other = left.compute, right.compute
    return lambda values: compare(one(values), other(values))


def compile_call(compute: Callable[..., Decimal], parts: Sequence[Quantity]) -> Callable[[Values], Decimal]:
    """The result of a function or operator over its parts."""
    runs = [part.compute for part in parts]
    if len(runs) == 1:
        only = runs[0]
        return lambda values: compute(only(values))
    if len(runs) == 2:
        one, other = runs
        return lambda values: compute(one(values), other(values))
    return lambda values: compute(*[run(values) for run in runs])


def compile_constant(term: Term) -> Quantity:
    """A part whose value is known already; the term must carry it."""
    value = term.value
    assert value is not None
    return Quantity(term, lambda _: value)


def compile_test(plain: Callable[[Values], bool]) -> BooleanTest:
    """A comparison: unknown when anything in it is."""

    def careful(values: Values) -> bool | None:
        try:
            return plain(values)
        except decimal.DecimalException:
            return None

    return BooleanTest(plain, careful)


def negate(test: BooleanTest) -> BooleanTest:
    """`not`: of what is unknown the opposite is, too."""
    plain, careful = test

    def denied(values: Values) -> bool | None:
        verdict = careful(values)
        return None if verdict is None else not verdict

    return BooleanTest(lambda values: not plain(values), denied)


def all_of(tests: Sequence[BooleanTest]) -> BooleanTest:
    """`and`: false as soon as one part is false, whatever is unknown of the others."""
    plains, carefuls = [test.two_valued for test in tests], [test.three_valued for test in tests]

    def careful(values: Values) -> bool | None:
        verdicts = [part(values) for part in carefuls]
        return False if False in verdicts else None if None in verdicts else True

    if len(plains) == 2:
        one, other = plains
        return BooleanTest(lambda values: one(values) and other(values), careful)
    return BooleanTest(lambda values: all(plain(values) for plain in plains), careful)


def any_of(tests: Sequence[BooleanTest]) -> BooleanTest:
    """`or`: true as soon as one part is true, whatever is unknown of the others."""
    plains, carefuls = [test.two_valued for test in tests], [test.three_valued for test in tests]

    def careful(values: Values) -> bool | None:
        verdicts = [part(values) for part in carefuls]
        return True if True in verdicts else None if None in verdicts else False

    if len(plains) == 2:
        one, other = plains
        return BooleanTest(lambda values: one(values) or other(values), careful)
    return BooleanTest(lambda values: any(plain(values) for plain in plains), careful)
