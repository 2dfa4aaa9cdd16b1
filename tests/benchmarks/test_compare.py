"""Two commits are measured in turns, and what lies within the spread is called so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.compare import ComparedFigure, comparison_lines, note_round

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("base", "now", "verdict"),
    [
        ([1.0, 1.2], [1.1, 1.4], "within spread"),
        ([1.0, 1.2], [1.3, 1.4], "more"),
        ([1.3, 1.4], [1.0, 1.2], "less"),
        ([1.0], [1.0], "within spread"),
        ([], [1.0], "new"),
        ([1.0], [], "gone"),
    ],
)
def test_only_rounds_that_do_not_overlap_are_a_difference(base: list[float], now: list[float], verdict: str) -> None:
    assert ComparedFigure("ms", "a step", base, now).verdict == verdict


def test_table_has_both_medians_their_spread_and_the_ratio() -> None:
    figures: dict[tuple[str, int], ComparedFigure] = {}
    for side, values in (("base", (2.0, 4.0, 3.0)), ("now", (6.0, 6.5, 5.0))):
        for value in values:
            note_round(figures, side, [{"bar": {"name": "G13"}, "what": "a step", "unit": "µs", "value": value}])
    head, line = comparison_lines(figures)
    assert head.split()[:2] == ["base", "(spread)"]
    assert line.split() == ["G13", "3", "(2–4)", "6", "(5–6.5)", "2.00", "more", "a", "step", "[µs]"]


@pytest.mark.slow
def test_this_commit_compared_with_itself_gives_both_sides_of_each_figure(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "benchmarks", "compare", "HEAD", "--quick", "--rounds", "1", "g14"]
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) > 1 and all(line.startswith("G14") and "–" in line for line in lines[1:])
    left = subprocess.run(["git", "worktree", "list"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert str(tmp_path) not in left.stdout


def test_unknown_commit_is_named() -> None:
    words = [sys.executable, "-m", "benchmarks", "compare", "no-such-commit", "g14"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "compare: no-such-commit can't be checked out" in done.stderr
