"""Closures over metric values: what an expression becomes, so that evaluating it costs a few calls and no parsing."""

import decimal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from monitor.core.metrics import Missing, Value
from monitor.core.units import Term

Read = Callable[[str], Value]
"""The present value of a metric by its name."""

Values = Sequence[Decimal]
"""The values of an expression's metrics, in order of appearance."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A part of an expression that has a value, and how to compute it."""

    term: Term
    run: Callable[[Values], Decimal]


def guarded(names: tuple[str, ...], run: Callable[[Values], _T]) -> Callable[[Read], _T | Missing]:
    """`run` over the values of `names`, unless one is missing or the arithmetic is undefined."""
    if len(names) == 1:
        name = names[0]

        def evaluate_one(read: Read) -> _T | Missing:
            value = read(name)
            if not isinstance(value, Decimal):
                return value
            try:
                return run((value,))
            except decimal.DecimalException:
                return Missing.UNAVAILABLE

        return evaluate_one

    def evaluate(read: Read) -> _T | Missing:
        values: list[Decimal] = []
        for value in map(read, names):
            if not isinstance(value, Decimal):
                return _missing(read, names)
            values.append(value)
        try:
            return run(values)
        except decimal.DecimalException:
            return Missing.UNAVAILABLE

    return evaluate


def _missing(read: Read, names: Sequence[str]) -> Missing:
    """Why there is no answer when one of the values is missing: that one does not apply, before all else."""
    return Missing.NOT_APPLICABLE if Missing.NOT_APPLICABLE in map(read, names) else Missing.UNAVAILABLE


def compared(
    left: Quantity, compare: Callable[[Decimal, Decimal], bool], right: Quantity, names: Mapping[str, int]
) -> Callable[[Values], bool]:
    """Whether the comparison of two parts holds; without detours for metrics and constants."""
    if left.term.metric is not None and right.term.value is not None:
        index, constant = names[left.term.metric.name], right.term.value
        return lambda values: compare(values[index], constant)
    if left.term.metric is not None and right.term.metric is not None:
        first, second = names[left.term.metric.name], names[right.term.metric.name]
        return lambda values: compare(values[first], values[second])
    one, other = left.run, right.run
    return lambda values: compare(one(values), other(values))


def applied(compute: Callable[..., Decimal], parts: Sequence[Quantity]) -> Callable[[Values], Decimal]:
    """The result of a function or operator over its parts."""
    runs = [part.run for part in parts]
    if len(runs) == 1:
        only = runs[0]
        return lambda values: compute(only(values))
    if len(runs) == 2:
        one, other = runs
        return lambda values: compute(one(values), other(values))
    return lambda values: compute(*[run(values) for run in runs])


def fixed(term: Term) -> Quantity:
    """A part whose value is known already; the term must carry it."""
    value = term.value
    assert value is not None
    return Quantity(term, lambda _: value)


def all_of(tests: Sequence[Callable[[Values], bool]]) -> Callable[[Values], bool]:
    """Whether all hold. Every one is evaluated, so that undefined arithmetic in any of them is noticed."""
    if len(tests) == 2:
        one, other = tests
        return lambda values: one(values) & other(values)
    return lambda values: False not in [test(values) for test in tests]


def any_of(tests: Sequence[Callable[[Values], bool]]) -> Callable[[Values], bool]:
    """Whether one holds. Every one is evaluated, as in `all_of`."""
    if len(tests) == 2:
        one, other = tests
        return lambda values: one(values) | other(values)
    return lambda values: True in [test(values) for test in tests]
