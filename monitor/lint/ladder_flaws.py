"""Gaps in a ladder: rungs out of order, levels at which nothing holds, and nobody woken before the margin call."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise

from monitor.core.metrics.value_text import value_text
from monitor.core.model.account import Bars
from monitor.core.model.alert import SEVERITIES, MetricScope
from monitor.core.model.metric import METRICS, Unit
from monitor.core.rules.rule import Rule
from monitor.lint.flaws import Flaw, Setup
from monitor.lint.sample_states import LEVELS, World, at_level, calm, holds, values_of, way_down

_MARGIN: tuple[MetricScope, ...] = ("cross", "isolated")
_MEND = "let each rung begin where the milder one still holds"


def ladder_flaws(setup: Setup) -> Iterator[Flaw]:
    """The gaps of every ladder, one for each scope and ladder."""
    ladders: dict[str, list[Rule]] = {}
    for rule in setup.rules:
        if rule.ladder is not None:
            ladders.setdefault(rule.ladder, []).append(rule)
    for name, rungs in ladders.items():
        seen: set[str] = set()
        for flaw in (*_severities(name, rungs), *_gaps(name, rungs, setup)):
            if flaw.detail not in seen:
                seen.add(flaw.detail)
                yield flaw


def _severities(name: str, rungs: Sequence[Rule]) -> Iterator[Flaw]:
    """Rungs stand mildest first, so a later one can't be milder."""
    for index, rule in enumerate(rungs):
        milder = [
            each for each in rungs[:index] if _weight(each) > _weight(rule) and set(each.scopes) & set(rule.scopes)
        ]
        if milder:
            detail = f'in ladder "{name}" it stands after {milder[-1].name}, which is worse: {milder[-1].severity}'
            yield Flaw("ladder-gap", "error", detail, "write the rungs mildest first", rule.name)


def _gaps(name: str, rungs: Sequence[Rule], setup: Setup) -> Iterator[Flaw]:
    scopes = tuple(dict.fromkeys(scope for rule in rungs for scope in rule.scopes))
    for scope in scopes:
        mine = [rule for rule in rungs if scope in rule.scopes]
        for bars in setup.bars_of(scope):
            if scope in _MARGIN and any(each in LEVELS for rule in mine for each in rule.when.names):
                levels = way_down(bars, [rule.when for rule in mine])
                down = [("margin_level", level, at_level(level, bars)) for level in levels]
                yield from _along(name, mine, down)
                yield from _unheard(name, mine, scope, bars)
            else:
                yield from _along(name, mine, _way_of(mine, bars))


def _along(name: str, rungs: Sequence[Rule], way: Sequence[tuple[str, Decimal, World]]) -> Iterator[Flaw]:
    """On the way from safe to worst: once a rung holds one always does, and a worse one never begins first."""
    begins: dict[str, int] = {}
    last: Rule | None = None
    for index, (metric, value, world) in enumerate(way):
        holding = [rule for rule in rungs if holds(rule.when, world)]
        for rule in holding:
            begins.setdefault(rule.name, index)
        if holding:
            last = holding[-1]
        elif last is not None:
            detail = f'ladder "{name}" has a gap after it: at {metric} {value_text(metric, value)} no rung holds'
            yield Flaw("ladder-gap", "error", detail, _MEND, last.name)
            return
    for milder, worse in pairwise(rungs):
        if milder.name in begins and worse.name in begins and begins[worse.name] < begins[milder.name]:
            metric, value, _ = way[begins[worse.name]]
            detail = (
                f'in ladder "{name}" it begins earlier than the milder {milder.name}: '
                f"at {metric} {value_text(metric, value)}"
            )
            yield Flaw("ladder-gap", "error", detail, "write the rungs mildest first", worse.name)


def _unheard(name: str, rungs: Sequence[Rule], scope: MetricScope, bars: Bars) -> Iterator[Flaw]:
    """Below the initial bar something must warn, and something critical must hold before the margin call."""
    for level, least, where in (
        (bars.initial, "warning", "right below the initial level"),
        (bars.margin_call, "critical", "before the margin call"),
    ):
        world = at_level(level - _A_BIT if least == "warning" else level + _A_BIT, bars)
        holding = [rule for rule in rungs if holds(rule.when, world)]
        if not any(_weight(rule) >= SEVERITIES.index(least) for rule in holding):
            detail = f'ladder "{name}" has a gap: no {least} rung holds {where} ({scope})'
            mend = f"add a {least} rung there"
            yield Flaw("ladder-gap", "warning", detail, mend, holding[-1].name if holding else None)


def _way_of(rungs: Sequence[Rule], bars: Bars) -> list[tuple[str, Decimal, World]]:
    """The way along the one metric that every rung reads first; empty where there is none, or it has no better end."""
    firsts = {rule.when.names[0] for rule in rungs}
    if len(firsts) != 1 or len(rungs) < 2:
        return []
    metric = firsts.pop()
    if METRICS[metric].unit in (Unit.STATUS, Unit.BOOLEAN):
        return []
    values = values_of(metric, [rule.when for rule in rungs], bars)
    way: list[tuple[str, Decimal, World]] = [
        (metric, value, {metric: value, "held": calm("held"), "owed": calm("held")}) for value in values
    ]
    ends = [any(holds(rule.when, world) for rule in rungs) for _, _, world in (way[0], way[-1])]
    if ends[0] == ends[1]:
        return []
    return way[::-1] if ends[0] else way


def _weight(rule: Rule) -> int:
    return SEVERITIES.index(rule.severity)


_A_BIT = Decimal("0.0001")
