"""The benchmarks run: what they find is not judged here."""

import pytest

from benchmarks import g13, g14
from benchmarks.report import Target, finding


@pytest.mark.parametrize(
    ("bar", "value", "verdict"),
    [
        (Target("x", 1.5, 1.2), 1.6, "missed"),
        (Target("x", 1.5, 1.2), 1.5, "target"),
        (Target("x", 1.5, 1.2), 1.2, "stretch"),
        (Target("x", 0.6, 0.8, at_least=True), 0.5, "missed"),
        (Target("x", 0.6, 0.8, at_least=True), 0.6, "target"),
        (Target("x", 0.6, 0.8, at_least=True), 0.9, "stretch"),
        (Target("x", 8), 3, "target"),
        (Target("x"), 3, "reported"),
    ],
)
def test_verdict_follows_the_value(bar: Target, value: float, verdict: str) -> None:
    assert bar.verdict(value) == verdict


def test_figure_is_the_median_of_its_rounds_with_their_ends() -> None:
    found = finding(Target("x"), "what", "µs", [3.0, 1.0, 2.0])
    assert (found.value, found.low, found.high, found.rounds) == (2.0, 1.0, 3.0, 3)


def test_short_runs_of_the_pure_parts_measure_something() -> None:
    found = [*g13.measure(True), *g14.measure(True)]
    assert {each.bar.name for each in found} == {"G13", "G14"}
    # The one figure that must be exact: what is moved on equals what is computed in full.
    assert [each.value for each in found if each.what.startswith("difference")] == [0]
