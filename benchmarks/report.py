"""Findings of a benchmark: ratios with their spread, compared with targets."""

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Verdict = Literal["stretch", "target", "missed", "reported"]


@dataclass(frozen=True, slots=True)
class Target:
    """A figure is to be at most (or with `at_least` at least) `target`, and better `stretch`. None: no target."""

    name: str
    target: float | None = None
    stretch: float | None = None
    at_least: bool = False

    def verdict(self, value: float) -> Verdict:
        """The position of a value relative to the targets."""
        if self.target is None:
            return "reported"
        sign = -1 if self.at_least else 1
        if sign * value > sign * self.target:
            return "missed"
        return "stretch" if self.stretch is not None and sign * value <= sign * self.stretch else "target"

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        return (
            ""
            if self.target is None
            else f"{sign} {self.target:g}" + ("" if self.stretch is None else f" / {self.stretch:g}")
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure: the median of its rounds, with minimum and maximum."""

    bar: Target
    what: str
    unit: str
    value: float
    low: float
    high: float
    rounds: int

    @property
    def verdict(self) -> Verdict:
        return self.bar.verdict(self.value)


def finding(bar: Target, what: str, unit: str, rounds: Sequence[float]) -> Finding:
    """The figure of these rounds."""
    return Finding(bar, what, unit, statistics.median(rounds), min(rounds), max(rounds), len(rounds))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """The ratios of our figures to the others', round by round."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def percentile(values: Iterable[float], part: float) -> float:
    """The value below which `part` of all lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def print_findings(findings: Iterable[Finding], *, as_json: bool = False) -> None:
    """Print the figures, one a line."""
    if as_json:
        for item in findings:
            print(json.dumps({**asdict(item), "verdict": item.verdict}, ensure_ascii=False))
        return
    for item in findings:
        spread = f"{item.low:.3g}–{item.high:.3g}"
        print(
            f"{item.bar.name:<4} {item.value:>9.3g} {item.unit:<3} ({spread}, {item.rounds} rounds)"
            f"  {item.bar!s:<14} {item.verdict:<9} {item.what}"
        )
    sys.stdout.flush()


def main(measure: Callable[[bool], Iterable[Finding]], about: str) -> None:
    """Run the command line of one benchmark: `--quick` for a short check that it works, `--json`."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--quick", action="store_true", help="a short run: it works, its figures are rough")
    parser.add_argument("--json", action="store_true", help="one JSON object a figure")
    given = parser.parse_args()
    print_findings(measure(given.quick), as_json=given.json)
