"""Gaps in a ladder: rungs out of order, levels at which nothing holds, and nobody woken before the margin call."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise

from monitor.core.metrics.value_text import value_text
from monitor.core.model.account import Thresholds
from monitor.core.model.alert import MetricScope, Severity, severity_rank
from monitor.core.model.metric import METRICS, Unit
from monitor.core.rules.rule import Rule
from monitor.lint.flaws import Flaw, LintInput
from monitor.lint.sample_states import (
    LEVEL_METRICS,
    SampleState,
    calm_value,
    falling_levels,
    holds,
    sample_values,
    state_at_level,
)

_MARGIN: tuple[MetricScope, ...] = ("cross", "isolated")
_GAP_MEND = "let each rung begin where the milder one still holds"


def ladder_flaws(lint_input: LintInput) -> Iterator[Flaw]:
    """The gaps of every ladder, one for each scope and ladder."""
    ladders: dict[str, list[Rule]] = {}
    for rule in lint_input.rules:
        if rule.ladder is not None:
            ladders.setdefault(rule.ladder, []).append(rule)
    for name, rungs in ladders.items():
        seen: set[str] = set()
        for flaw in (*_order_flaws(name, rungs), *_gap_flaws(name, rungs, lint_input)):
            if flaw.detail not in seen:
                seen.add(flaw.detail)
                yield flaw


def _order_flaws(name: str, rungs: Sequence[Rule]) -> Iterator[Flaw]:
    """Rungs stand mildest first, so a later one can't be milder."""
    for index, rule in enumerate(rungs):
        milder = [
            each
            for each in rungs[:index]
            if severity_rank(each.severity) > severity_rank(rule.severity) and set(each.scopes) & set(rule.scopes)
        ]
        if milder:
            detail = f'in ladder "{name}" it stands after {milder[-1].name}, which is worse: {milder[-1].severity}'
            yield Flaw("ladder-gap", "error", detail, "write the rungs mildest first", rule.name)


def _gap_flaws(name: str, rungs: Sequence[Rule], lint_input: LintInput) -> Iterator[Flaw]:
    scopes = tuple(dict.fromkeys(scope for rule in rungs for scope in rule.scopes))
    for scope in scopes:
        scope_rungs = [rule for rule in rungs if scope in rule.scopes]
        for bars in lint_input.thresholds_of(scope):
            if scope in _MARGIN and any(
                each in LEVEL_METRICS for rule in scope_rungs for each in rule.when.metric_names
            ):
                levels = falling_levels(bars, [rule.when for rule in scope_rungs])
                down = [("margin_level", level, state_at_level(level, bars)) for level in levels]
                yield from _flaws_along(name, scope_rungs, down)
                yield from _severity_flaws(name, scope_rungs, scope, bars)
            else:
                yield from _flaws_along(name, scope_rungs, _metric_path(scope_rungs, bars))


def _flaws_along(name: str, rungs: Sequence[Rule], path: Sequence[tuple[str, Decimal, SampleState]]) -> Iterator[Flaw]:
    """On the way from safe to worst: once a rung holds one always does, and a worse one never begins first."""
    begins: dict[str, int] = {}
    last: Rule | None = None
    for index, (metric, value, world) in enumerate(path):
        holding = [rule for rule in rungs if holds(rule.when, world)]
        for rule in holding:
            begins.setdefault(rule.name, index)
        if holding:
            last = holding[-1]
        elif last is not None:
            detail = f'ladder "{name}" has a gap after it: at {metric} {value_text(metric, value)} no rung holds'
            yield Flaw("ladder-gap", "error", detail, _GAP_MEND, last.name)
            return
    for milder, worse in pairwise(rungs):
        if milder.name in begins and worse.name in begins and begins[worse.name] < begins[milder.name]:
            metric, value, _ = path[begins[worse.name]]
            detail = (
                f'in ladder "{name}" it begins earlier than the milder {milder.name}: '
                f"at {metric} {value_text(metric, value)}"
            )
            yield Flaw("ladder-gap", "error", detail, "write the rungs mildest first", worse.name)


def _severity_flaws(name: str, rungs: Sequence[Rule], scope: MetricScope, thresholds: Thresholds) -> Iterator[Flaw]:
    """Below the initial bar something must warn, and something critical must hold before the margin call."""
    needed: tuple[tuple[Decimal, Severity, str], ...] = (
        (thresholds.initial, "warning", "right below the initial level"),
        (thresholds.margin_call, "critical", "before the margin call"),
    )
    for level, min_severity, where in needed:
        sample = state_at_level(level - _EPSILON if min_severity == "warning" else level + _EPSILON, thresholds)
        holding = [rule for rule in rungs if holds(rule.when, sample)]
        if not any(severity_rank(rule.severity) >= severity_rank(min_severity) for rule in holding):
            detail = f'ladder "{name}" has a gap: no {min_severity} rung holds {where} ({scope})'
            mend = f"add a {min_severity} rung there"
            yield Flaw("ladder-gap", "warning", detail, mend, holding[-1].name if holding else None)


def _metric_path(rungs: Sequence[Rule], thresholds: Thresholds) -> list[tuple[str, Decimal, SampleState]]:
    """The way along the one metric that every rung reads first; empty where there is none, or it has no better end."""
    firsts = {rule.when.metric_names[0] for rule in rungs}
    if len(firsts) != 1 or len(rungs) < 2:
        return []
    metric = firsts.pop()
    if METRICS[metric].unit in (Unit.STATUS, Unit.BOOLEAN):
        return []
    values = sample_values(metric, [rule.when for rule in rungs], thresholds)
    path: list[tuple[str, Decimal, SampleState]] = [
        (metric, value, {metric: value, "held": calm_value("held"), "owed": calm_value("held")}) for value in values
    ]
    ends = [any(holds(rule.when, world) for rule in rungs) for _, _, world in (path[0], path[-1])]
    if ends[0] == ends[1]:
        return []
    return path[::-1] if ends[0] else path


_EPSILON = Decimal("0.0001")
