"""The document of `compare`: our figures beside the exchange's, the differing ones first."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from monitor.core.comparison.figure import ComparedFigure, ComparisonResult, FigureUnit
from monitor.core.numbers.amounts import format_decimal
from monitor.view.documents.types.checks import ComparedFigureDocument, CompareDocument
from monitor.view.json_values import json_time

_STEPS: Mapping[FigureUnit, Decimal] = {"rate": Decimal("1E-14")}
_STEP = Decimal("1E-8")
_RELATIVE_STEP = Decimal("1E-8")

_ORDER: Mapping[ComparisonResult, int] = {"different": 0, "unavailable": 1, "same": 2, "not_reported": 3}


def compare_document(
    accounts: Iterable[tuple[str, Sequence[ComparedFigure]]], now: datetime, version: str
) -> CompareDocument:
    """The figures of the named accounts. What is compared is exact; what is shown is rounded to eight decimals."""
    items = [_item(account, figure) for account, figures in accounts for figure in order_figures(figures)]

    def count(result: ComparisonResult) -> int:
        return sum(item["result"] == result for item in items)

    return {
        "generated_at": json_time(now),
        "version": version,
        "ok": bool(count("same")) and not count("different") and not count("unavailable"),
        "same": count("same"),
        "different": count("different"),
        "unavailable": count("unavailable"),
        "not_reported": count("not_reported"),
        "items": items,
    }


def order_figures(figures: Iterable[ComparedFigure]) -> list[ComparedFigure]:
    """The figures as they stand in the document: those that differ first."""
    return sorted(figures, key=lambda figure: _ORDER[figure.result])


def format_figure(value: Decimal | None, unit: FigureUnit) -> str | None:
    """A figure as the document has it: rounded, null where it is infinite or not known."""
    return _number(value, _STEPS.get(unit, _STEP))


def _item(account: str, figure: ComparedFigure) -> ComparedFigureDocument:
    name = figure.name
    step = _STEPS.get(name.unit, _STEP)
    is_compared = figure.difference is not None
    return {
        "account": account,
        "scope": name.scope,
        "symbol": name.symbol or None,
        "asset": name.asset or None,
        "figure": name.figure,
        "unit": name.unit,
        "ours": _number(figure.ours, step),
        "exchange": _number(figure.reported, step) if figure.is_reported else None,
        "difference": _number(figure.difference, step),
        "relative": _number(figure.relative, _RELATIVE_STEP),
        "allowed": _number(figure.allowed, step) if is_compared else None,
        "result": figure.result,
        "why": _reason(figure) or None,
    }


def _reason(figure: ComparedFigure) -> str:
    if figure.why or figure.difference is not None:
        return figure.why
    levels = (figure.ours, figure.reported)
    if None in levels or all(level is not None and level.is_finite() for level in levels):
        return ""
    infinite = [whose for whose, level in zip(("ours", "the exchange's"), levels, strict=True) if not level.is_finite()]  # type: ignore[union-attr]
    return "nothing is owed" if len(infinite) == 2 else f"{infinite[0]} says that nothing is owed"


def _number(value: Decimal | None, step: Decimal) -> str | None:
    if value is None or not value.is_finite():
        return None
    return format_decimal(value.quantize(step))
