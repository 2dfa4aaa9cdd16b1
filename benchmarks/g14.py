"""G14: evaluation of one rule, against the same condition as a closure written by hand, and against simpleeval."""

import time
from collections.abc import Callable, Mapping
from decimal import Decimal

from simpleeval import SimpleEval

from benchmarks.report import Finding, Target, finding, main, ratios
from monitor.config.rules.rule_files import parse_rules
from monitor.core.model.metric import MetricValue
from monitor.core.model.metric_values import LazyMetrics
from monitor.core.rules.rule import Rule

WHEN = "margin_level < 1.5 and liabilities_usdt > 1000"
VALUES = {"margin_level": Decimal("1.83"), "liabilities_usdt": Decimal(60_000)}

_HOW: Mapping[str, Callable[[None], MetricValue]] = {
    name: (lambda value: lambda _: value)(VALUES[name]) for name in VALUES
}


def measure(quick: bool) -> list[Finding]:
    """The cost of one rule, in rounds that take turns."""
    repeats, rounds = (2_000, 3) if quick else (100_000, 9)
    (rule,) = parse_rules([{"name": "low", "scope": "cross", "when": WHEN}], "benchmark")
    (one,) = parse_rules([{"name": "low", "scope": "cross", "when": "margin_level < 1.5"}], "benchmark")
    takes = {"ours": _ours(rule), "one": _ours(one), "closure": _closure(), "simpleeval": _simpleeval()}
    spent: dict[str, list[float]] = {name: [] for name in takes}
    for _ in range(rounds):
        for name, take in takes.items():
            spent[name].append(_time(take, repeats))
    return [
        finding(Target("G14", 1.0, 0.3), f"one rule: `{WHEN}`", "µs", spent["ours"]),
        finding(Target("G14", 1.0, 0.3), "one rule: `margin_level < 1.5`", "µs", spent["one"]),
        finding(Target("G14", 8), "÷ a closure by hand", "×", ratios(spent["ours"], spent["closure"])),
        finding(
            Target("G14", 2, at_least=True),
            "simpleeval, parsed beforehand, ÷ ours",
            "×",
            ratios(spent["simpleeval"], spent["ours"]),
        ),
    ]


def _ours(rule: Rule) -> Callable[[], object]:
    read, ask = LazyMetrics(_HOW, None).read, rule.when.evaluate
    return lambda: ask(read)


def _closure() -> Callable[[], object]:
    low, small = Decimal("1.5"), Decimal(1000)
    values = dict(VALUES)
    return lambda: values["margin_level"] < low and values["liabilities_usdt"] > small


def _simpleeval() -> Callable[[], object]:
    evaluator = SimpleEval(names=dict(VALUES))
    parsed = evaluator.parse(WHEN.replace("1.5", "level_bar"))
    evaluator.names["level_bar"] = Decimal("1.5")
    return lambda: evaluator.eval(WHEN, previously_parsed=parsed)


def _time(take: Callable[[], object], repeats: int) -> float:
    """Microseconds a call."""
    began = time.process_time()
    for _ in range(repeats):
        take()
    return (time.process_time() - began) / repeats * 1e6


if __name__ == "__main__":
    main(measure, __doc__ or "")
