"""Two commits measured in turns: `./dev bench compare BASE [--quick] [--rounds N] [g13 …]`, one table with spread."""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.process import ROOT

_MAX_S = 3600.0
"""Seconds that one benchmark may take."""


@dataclass(slots=True)
class ComparedFigure:
    """One figure at both commits: a value a round."""

    unit: str
    what: str
    base: list[float] = field(default_factory=list)
    now: list[float] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """Words for the ratio; "within spread" where the rounds of both commits overlap."""
        if not self.base or not self.now:
            return "new" if self.now else "gone"
        if max(min(self.base), min(self.now)) <= min(max(self.base), max(self.now)):
            return "within spread"
        return "more" if min(self.now) > max(self.base) else "less"


def main(words: Sequence[str]) -> int:
    """Exit 0 when something could be measured at both commits."""
    parser = argparse.ArgumentParser(prog="./dev bench compare", description=__doc__)
    parser.add_argument("base", metavar="BASE", help="the commit to compare the working tree with")
    parser.add_argument("names", nargs="*", help="benchmarks such as g13; all without any")
    parser.add_argument("--quick", action="store_true", help="short runs: their figures are rough")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each commit (default 3)")
    given = parser.parse_intermixed_args(words)
    from benchmarks.__main__ import MODULES

    unknown = sorted(set(given.names) - set(MODULES))
    if unknown:
        parser.error(f"no benchmark {unknown[0]}; there are {', '.join(MODULES)}")
    if given.rounds < 1:
        parser.error("--rounds: at least one is needed")
    figures: dict[tuple[str, int], ComparedFigure] = {}
    with checkout(given.base) as folder:
        for number in range(given.rounds):
            # The order changes with each round, so that neither commit always runs on the warmer machine.
            sides = (("base", folder), ("now", ROOT)) if number % 2 == 0 else (("now", ROOT), ("base", folder))
            for name in given.names or MODULES:
                for side, root in sides:
                    note_round(figures, side, run_benchmark(root, name, quick=given.quick))
    for line in comparison_lines(figures):
        print(line)
    return 0 if any(figure.base and figure.now for figure in figures.values()) else 1


@contextlib.contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """A worktree of the commit in a folder of temporary files, removed at the end. Raises SystemExit for no commit."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        path = Path(folder) / "base"
        added = _git("worktree", "add", "--detach", str(path), commit)
        if added.returncode != 0:
            raise SystemExit(f"compare: {commit} can't be checked out: {added.stderr.strip()}")
        try:
            yield path
        finally:
            _git("worktree", "remove", "--force", str(path))


def run_benchmark(root: Path, name: str, *, quick: bool) -> Sequence[Mapping[str, object]]:
    """The figures of one benchmark of a checkout; none where that has no such benchmark, or it fails."""
    words = [sys.executable, "-m", "benchmarks", "--json", *(["--quick"] if quick else []), name]
    # A module path of the caller would be searched before the checkout.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, timeout=_MAX_S, env=environment, check=False)
    if done.returncode != 0:
        print(f"{name} in {root}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def note_round(
    figures: dict[tuple[str, int], ComparedFigure], side: str, found: Sequence[Mapping[str, object]]
) -> None:
    """Add the values of one run. A figure is known by its benchmark and its place: its words may hold numbers."""
    places: dict[str, int] = {}
    for item in found:
        bar = item["bar"]
        assert isinstance(bar, dict)
        name = str(bar["name"])
        place = places[name] = places.get(name, -1) + 1
        figure = figures.setdefault((name, place), ComparedFigure(str(item["unit"]), str(item["what"])))
        value = item["value"]
        assert isinstance(value, int | float)
        (figure.base if side == "base" else figure.now).append(float(value))


def comparison_lines(figures: Mapping[tuple[str, int], ComparedFigure]) -> list[str]:
    """The table: median, least and greatest of both commits, the ratio of the medians, and what it says."""
    head = f"{'':<4} {'base':>10} {'(spread)':<19} {'now':>10} {'(spread)':<19} {'ratio':>6}  {'':<13} what"
    return [head, *(_line(name, figure) for (name, _), figure in figures.items())]


def _line(name: str, figure: ComparedFigure) -> str:
    ratio = ""
    if figure.base and figure.now and statistics.median(figure.base):
        ratio = f"{statistics.median(figure.now) / statistics.median(figure.base):.2f}"
    sides = " ".join(_side(values) for values in (figure.base, figure.now))
    return f"{name:<4} {sides} {ratio:>6}  {figure.verdict:<13} {figure.what} [{figure.unit}]"


def _side(values: Sequence[float]) -> str:
    if not values:
        return f"{'–':>10} {'':<19}"
    return f"{statistics.median(values):>10.3g} {f'({min(values):.3g}–{max(values):.3g})':<19}"


def _git(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
