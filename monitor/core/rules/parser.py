"""Parser of rule conditions and targets: checked for names and units, then compiled.

Python's own parser reads the text after the literals were masked; only a short list of its nodes is accepted, and
nothing of the text is ever executed.
"""

import ast
import decimal
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal

from monitor.core.model.account import PairStatus
from monitor.core.model.alert import MetricScope
from monitor.core.model.metric import METRICS, Metric, MetricUnit, MetricValue, MissingValue
from monitor.core.rules.compiler import (
    BooleanTest,
    MetricReader,
    Quantity,
    all_of,
    any_of,
    compile_call,
    compile_comparison,
    compile_condition,
    compile_constant,
    compile_evaluator,
    compile_test,
    negate,
)
from monitor.core.rules.lexer import ExpressionError, LiteralToken, mask_literals
from monitor.core.rules.units import Term, TermKind, check_comparison, kind_of_product, kind_of_quotient, kind_of_sum
from monitor.errors import nearest_word

__all__ = ["Condition", "ExpressionError", "LevelTarget", "MetricReader", "parse_condition", "parse_target"]

MAX_PARSES = 3
"""Most tries of a text whose parse a garbage collection may have disturbed."""

MAX_NESTING = 30
"""Maximum depth of nesting."""

STATUS_WORDS: Mapping[str, Decimal] = {status.name: Decimal(int(status)) for status in PairStatus}


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition ready to be evaluated.

    `metric_names` are the metrics it reads, in order of appearance. `evaluate(read)` is NOT_APPLICABLE when one of its
    metrics is, wherever it stands; else True or False; else UNAVAILABLE. A comparison is unknown when a metric in it
    is, or when its arithmetic has no result (division by zero, infinite minus infinite); `and` and `or` are unknown
    only while no known part decides: true or unknown is true, false and unknown is false.
    """

    text: str
    metric_names: tuple[str, ...]
    evaluate: Callable[[MetricReader], bool | MissingValue] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class LevelTarget:
    """A level to reach, such as `margin_level >= initial_level * 1.05`: the metric, and its wanted value.

    `evaluate(read)` is the wanted level, missing as in Condition; `metric_names` are the metrics that it reads.
    """

    text: str
    metric: str
    metric_names: tuple[str, ...]
    evaluate: Callable[[MetricReader], MetricValue] = field(repr=False, compare=False)


def parse_condition(text: str, scopes: Sequence[MetricScope]) -> Condition:
    """Return the condition in `text`, valid in each of `scopes`.

    Raises ExpressionError for any other text: bad syntax, an unknown name, incompatible units, a constant that its
    metric can never reach, or anything beyond comparison, `and or not`, `+ - * /`, `abs min max`.
    """
    reader = _ExpressionParser(text, scopes)
    test = reader.condition(reader.root, 0)
    names = tuple(reader.names)
    if not names:
        raise ExpressionError("the condition reads no metric", 1)
    return Condition(" ".join(text.split()), names, compile_condition(names, test))


def parse_target(text: str, scopes: Sequence[MetricScope]) -> LevelTarget:
    """Return the level target in `text`: `margin_level >= …`, with any sum of levels on the right.

    Raises ExpressionError as `parse_condition`, and for another form.
    """
    reader = _ExpressionParser(text, scopes)
    match reader.root:
        case ast.Compare(left=ast.Name(id=name), ops=[ast.GtE() | ast.Gt()], comparators=[right]):
            reader.condition(reader.root, 0)
        case _:
            raise ExpressionError("a target has the form `margin_level >= 1.5`", 1)
    if METRICS[name].unit is not MetricUnit.LEVEL:
        raise ExpressionError(f"`{name}` is not a level", 1, "a target has the form `margin_level >= 1.5`")
    reader.names.clear()
    wanted = reader.quantity(right, 0)
    names = tuple(reader.names)
    return LevelTarget(" ".join(text.split()), name, names, compile_evaluator(names, wanted.compute))


_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Decimal, Decimal], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ARITHMETIC: Mapping[type[ast.operator], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_FUNCTIONS = ("abs", "min", "max")
_COMMON_MISTAKES = (
    (re.compile(r"(?<![<>=!])=(?!=)"), "`=` compares nothing", "write =="),
    (re.compile(r"!(?!=)"), "`!` is not known", "write not"),
    (re.compile(r"<>"), "`<>` is not known", "write !="),
    (re.compile(r"=[<>]"), "the signs are swapped", "write <= or >="),
)


class _ExpressionParser:
    """Compiler of the parsed text to closures over a list of values, one a name, in order of appearance."""

    def __init__(self, text: str, scopes: Sequence[MetricScope]) -> None:
        self.text = text
        self.scopes = scopes
        self.names: dict[str, int] = {}
        masked, self.constants = mask_literals(text)
        if not masked.strip():
            raise ExpressionError("the expression is empty", 1)
        self.indent = len(masked) - len(masked.lstrip())
        self.root = _parse_masked(masked, self.indent)

    def condition(self, node: ast.expr, depth: int) -> BooleanTest:
        """Return the test of a node that is true or false."""
        self._check_depth(node, depth)
        match node:
            case ast.BoolOp(op=op, values=parts):
                tests = [self.condition(part, depth + 1) for part in parts]
                return all_of(tests) if isinstance(op, ast.And) else any_of(tests)
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return negate(self.condition(part, depth + 1))
            case ast.Compare():
                return self._comparison(node, depth)
            case ast.BinOp() | ast.Constant() | ast.Name() | ast.Call() | ast.UnaryOp():
                mend = f"compare it with something: `{self._source(node)} > 0`"
                if isinstance(node, ast.Name) and node.id in METRICS and METRICS[node.id].unit is MetricUnit.BOOLEAN:
                    mend = f"write `{node.id} == 1`"
                self.quantity(node, depth)
                raise ExpressionError(f"`{self._source(node)}` is neither true nor false", self._column(node), mend)
            case _:
                raise self._unsupported(node)

    def quantity(self, node: ast.expr, depth: int) -> Quantity:
        """Return the quantity of a node that has a value."""
        self._check_depth(node, depth)
        match node:
            case ast.Constant():
                return self._constant(node)
            case ast.Name():
                return self._name(node)
            case ast.UnaryOp(op=ast.USub(), operand=part):
                inner = self.quantity(part, depth + 1)
                if inner.term.kind is MetricUnit.STATUS:
                    raise ExpressionError("a status has no sign", self._column(node))
                return self._computed(node, inner.term.kind, operator.neg, [inner])
            case ast.BinOp(left=left, op=op, right=right):
                return self._arithmetic(node, self.quantity(left, depth + 1), op, self.quantity(right, depth + 1))
            case ast.Call():
                return self._call(node, depth)
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                raise ExpressionError(
                    f"`{self._source(node)}` is true or false, a number is needed here",
                    self._column(node),
                    "join conditions with and, or",
                )
            case _:
                raise self._unsupported(node)

    def _comparison(self, node: ast.Compare, depth: int) -> BooleanTest:
        parts = [self.quantity(part, depth + 1) for part in (node.left, *node.comparators)]
        tests = []
        for left, op, right in zip(parts, node.ops, parts[1:], strict=False):
            compare = _COMPARISONS.get(type(op))
            if compare is None:
                raise ExpressionError("only < <= > >= == != compare", left.term.column)
            check_comparison(left.term, right.term, right.term.column)
            tests.append(compile_test(compile_comparison(left, compare, right, self.names)))
        return tests[0] if len(tests) == 1 else all_of(tests)

    def _arithmetic(self, node: ast.BinOp, left: Quantity, op: ast.operator, right: Quantity) -> Quantity:
        kind: TermKind
        match op:
            case ast.Add() | ast.Sub():
                kind = kind_of_sum(left.term, right.term, right.term.column)
            case ast.Mult():
                kind = kind_of_product(left.term, right.term)
            case ast.Div():
                kind = kind_of_quotient(left.term, right.term)
            case _:
                raise ExpressionError("only + - * / calculate", self._column(node))
        return self._computed(node, kind, _ARITHMETIC[type(op)], [left, right])

    def _call(self, node: ast.Call, depth: int) -> Quantity:
        if not isinstance(node.func, ast.Name) or node.func.id not in _FUNCTIONS:
            called = self._source(node.func)
            raise ExpressionError(
                f"unknown function `{called}`",
                self._column(node),
                _suggest(called, _FUNCTIONS) or "abs, min and max exist",
            )
        name = node.func.id
        if node.keywords or any(isinstance(part, ast.Starred) for part in node.args):
            raise ExpressionError(f"{name} takes plain values only", self._column(node))
        parts = [self.quantity(part, depth + 1) for part in node.args]
        if name == "abs":
            if len(parts) != 1:
                raise ExpressionError("abs takes one value", self._column(node))
            if parts[0].term.kind is MetricUnit.STATUS:
                raise ExpressionError("a status has no sign", self._column(node))
            return self._computed(node, parts[0].term.kind, abs, parts)
        if len(parts) < 2:
            raise ExpressionError(f"{name} takes two values or more", self._column(node))
        term = parts[0].term
        for part in parts[1:]:
            kind = kind_of_sum(term, part.term, part.term.column)
            term = Term(kind, self._source(node), self._column(node))
        return self._computed(node, term.kind, min if name == "min" else max, parts)

    def _computed(
        self, node: ast.expr, kind: TermKind, compute: Callable[..., Decimal], parts: Sequence[Quantity]
    ) -> Quantity:
        values = [part.term.value for part in parts]
        known = [value for value in values if value is not None]
        text, column = self._source(node), self._column(node)
        if len(known) == len(parts):
            try:
                return compile_constant(Term(kind, text, column, value=compute(*known)))
            except decimal.DecimalException as error:
                raise ExpressionError(f"`{text}` has no value", column, "a division by zero?") from error
        return Quantity(Term(kind, text, column), compile_call(compute, parts))

    def _constant(self, node: ast.Constant) -> Quantity:
        constant: LiteralToken | None = self.constants.get(node.col_offset + self.indent)
        if constant is None:
            raise ExpressionError(f"`{self._source(node)}` is not known", self._column(node), "booleans are 0 and 1")
        return compile_constant(Term(constant.kind, constant.text, self._column(node), value=constant.value))

    def _name(self, node: ast.Name) -> Quantity:
        name, column = node.id, self._column(node)
        if name in STATUS_WORDS:
            return compile_constant(Term(MetricUnit.STATUS, name, column, value=STATUS_WORDS[name]))
        metric = self._metric(name, column)
        index = self.names.setdefault(name, len(self.names))
        return Quantity(Term(metric.unit, name, column, metric=metric), operator.itemgetter(index))

    def _metric(self, name: str, column: int) -> Metric:
        metric = METRICS.get(name)
        if metric is None:
            known = [metric.name for metric in METRICS.values() if set(self.scopes) <= set(metric.scopes)]
            if name in _FUNCTIONS:
                raise ExpressionError(f"`{name}` is a function", column, f"write {name}(…)")
            shown = name if len(name) <= 40 else name[:37] + "..."
            mend = _suggest(name, [*known, *STATUS_WORDS, *_FUNCTIONS]) or _suggest(name, list(METRICS))
            raise ExpressionError(f"unknown name `{shown}`", column, mend)
        missing = [scope for scope in self.scopes if scope not in metric.scopes]
        if missing:
            there = " and ".join(metric.scopes)
            raise ExpressionError(f"`{name}` does not exist in scope {missing[0]}", column, f"it exists in {there}")
        return metric

    def _check_depth(self, node: ast.expr, depth: int) -> None:
        if depth > MAX_NESTING:
            raise ExpressionError(
                f"nested deeper than {MAX_NESTING} levels", self._column(node), "split it into several rules"
            )

    def _column(self, node: ast.expr) -> int:
        return node.col_offset + self.indent + 1

    def _source(self, node: ast.expr) -> str:
        start = node.col_offset + self.indent
        end = (node.end_col_offset or node.col_offset + 1) + self.indent
        if last := self.constants.get(end - 1):
            end += len(last.text) - 1
        source = " ".join(self.text[start:end].split())
        return source if len(source) <= 40 else source[:37] + "..."

    def _unsupported(self, node: ast.expr) -> ExpressionError:
        return ExpressionError(
            f"`{self._source(node)}` is not part of an expression",
            self._column(node),
            "comparisons, and or not, + - * /, abs min max, numbers and metrics are",
        )


def _parse_python(text: str) -> ast.expr:
    """Parse by Python's own parser, which fails for nothing where a garbage collection in the middle parses as well.

    Python up to 3.12.3 (gh-106905): a finalizer that formats a traceback does so. The next try has no collection.
    """
    for _ in range(MAX_PARSES - 1):
        with suppress(SystemError):
            return ast.parse(text, mode="eval").body
    return ast.parse(text, mode="eval").body


def _parse_masked(masked: str, indent: int) -> ast.expr:
    for slip, message, mend in _COMMON_MISTAKES:
        if found := slip.search(masked):
            raise ExpressionError(message, found.start() + 1, mend)
    try:
        return _parse_python(masked[indent:])
    except SyntaxError as error:
        raise _syntax_error(error, len(masked.rstrip()), indent) from error
    except (RecursionError, MemoryError, ValueError) as error:
        raise ExpressionError("this is not a readable expression", 1) from error


def _syntax_error(error: SyntaxError, end: int, indent: int) -> ExpressionError:
    if not error.offset:
        return ExpressionError("it ends in the middle", end + 1)
    column = min(error.offset + indent, end)
    if "never closed" in error.msg:
        return ExpressionError("the parenthesis is never closed", column, "write )")
    if "unmatched" in error.msg:
        return ExpressionError("the parenthesis was never opened", column, "remove it, or write (")
    return ExpressionError("this can't stand here", column)


def _suggest(word: str, known: Sequence[str]) -> str:
    found = nearest_word(word, known, only_close=True)
    return f"did you mean `{found}`?" if found else ""
