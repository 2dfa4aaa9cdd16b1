"""Flaws of a ladder: rungs out of order, gaps, and no critical rung before the margin call."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise

from monitor.core.metrics.value_text import value_text
from monitor.core.model.account import Thresholds
from monitor.core.model.alert import MetricScope, Severity, severity_rank
from monitor.core.model.metric import METRICS, MetricUnit
from monitor.core.rules.rule import Rule
from monitor.lint.flaws import Flaw, LintInput
from monitor.lint.sample_states import (
    LEVEL_METRICS,
    SampleState,
    calm_value,
    falling_levels,
    is_condition_met,
    sample_values,
    state_at_level,
)

_MARGIN: tuple[MetricScope, ...] = ("cross", "isolated")
_GAP_MEND = "let each rung begin where the milder one still holds"


def ladder_flaws(lint_input: LintInput) -> Iterator[Flaw]:
    """Yield the flaws of every ladder, each detail once."""
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
    """Yield rungs that are milder than an earlier rung of the same scope: rungs are written mildest first."""
    for index, rule in enumerate(rungs):
        milder = [
            earlier
            for earlier in rungs[:index]
            if severity_rank(earlier.severity) > severity_rank(rule.severity) and set(earlier.scopes) & set(rule.scopes)
        ]
        if milder:
            detail = f'in ladder "{name}" it stands after {milder[-1].name}, which is worse: {milder[-1].severity}'
            yield Flaw("ladder-gap", "error", detail, "write the rungs mildest first", rule.name)


def _gap_flaws(name: str, rungs: Sequence[Rule], lint_input: LintInput) -> Iterator[Flaw]:
    scopes = tuple(dict.fromkeys(scope for rule in rungs for scope in rule.scopes))
    for scope in scopes:
        scope_rungs = [rule for rule in rungs if scope in rule.scopes]
        for thresholds in lint_input.thresholds_of(scope):
            if scope in _MARGIN and any(
                metric in LEVEL_METRICS for rule in scope_rungs for metric in rule.when.metric_names
            ):
                levels = falling_levels(thresholds, [rule.when for rule in scope_rungs])
                down = [("margin_level", level, state_at_level(level, thresholds)) for level in levels]
                yield from _flaws_along(name, scope_rungs, down)
                yield from _severity_flaws(name, scope_rungs, scope, thresholds)
            else:
                yield from _flaws_along(name, scope_rungs, _metric_path(scope_rungs, thresholds))


def _flaws_along(name: str, rungs: Sequence[Rule], path: Sequence[tuple[str, Decimal, SampleState]]) -> Iterator[Flaw]:
    """Yield flaws found along a path from safe to worst.

    Once a rung holds, some rung must hold at every later point. A worse rung must not begin before a milder one.
    """
    begins: dict[str, int] = {}
    last: Rule | None = None
    for index, (metric, value, sample) in enumerate(path):
        holding = [rule for rule in rungs if is_condition_met(rule.when, sample)]
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
    """Yield a flaw if no rung warns right below the initial level, or none is critical before the margin call."""
    needed: tuple[tuple[Decimal, Severity, str], ...] = (
        (thresholds.initial, "warning", "right below the initial level"),
        (thresholds.margin_call, "critical", "before the margin call"),
    )
    for level, min_severity, where in needed:
        sample = state_at_level(level - _EPSILON if min_severity == "warning" else level + _EPSILON, thresholds)
        holding = [rule for rule in rungs if is_condition_met(rule.when, sample)]
        if not any(severity_rank(rule.severity) >= severity_rank(min_severity) for rule in holding):
            detail = f'ladder "{name}" has a gap: no {min_severity} rung holds {where} ({scope})'
            mend = f"add a {min_severity} rung there"
            yield Flaw("ladder-gap", "warning", detail, mend, holding[-1].name if holding else None)


def _metric_path(rungs: Sequence[Rule], thresholds: Thresholds) -> list[tuple[str, Decimal, SampleState]]:
    """Path from safe to worst along the metric that every rung reads first.

    Empty if the rungs read different metrics first, if the metric is a status or a boolean, or if not exactly one end
    of the path is safe.
    """
    firsts = {rule.when.metric_names[0] for rule in rungs}
    if len(firsts) != 1 or len(rungs) < 2:
        return []
    metric = firsts.pop()
    if METRICS[metric].unit in (MetricUnit.STATUS, MetricUnit.BOOLEAN):
        return []
    values = sample_values(metric, [rule.when for rule in rungs], thresholds)
    path: list[tuple[str, Decimal, SampleState]] = [
        (metric, value, {metric: value, "held": calm_value("held"), "owed": calm_value("held")}) for value in values
    ]
    ends = [any(is_condition_met(rule.when, sample) for rule in rungs) for _, _, sample in (path[0], path[-1])]
    if ends[0] == ends[1]:
        return []
    return path[::-1] if ends[0] else path


_EPSILON = Decimal("0.0001")
