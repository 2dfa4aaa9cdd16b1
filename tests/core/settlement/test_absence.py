"""Times without a daemon, and the traces of then that may be of an order that was lost."""

import pytest

from monitor.core.settlement.absence import find_absences, may_be_lost_order
from tests.support.examples.actions import NOW, seconds


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        pytest.param([], [], id="nothing known"),
        pytest.param([(-60, 100)], [], id="one daemon all the time"),
        pytest.param([(-60, 10), (40, 50), (70, 80)], [(10, 40), (50, 70)], id="two restarts"),
        pytest.param([(40, 50), (-60, 10)], [(10, 40)], id="in any order"),
        pytest.param([(40, 50)], [(0, 40)], id="the sender's run ended before its order"),
        pytest.param([(-60, 45), (40, 50)], [], id="a clock that was set back"),
    ],
)
def test_absences_are_the_times_between_runs(runs: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    found = find_absences(NOW, [(NOW + seconds(since), NOW + seconds(until)) for since, until in runs])
    assert found == tuple((NOW + seconds(since), NOW + seconds(until)) for since, until in expected)


@pytest.mark.parametrize(
    ("after", "expected"),
    [(1, False), (59, False), (60, True), (99, True), (159, True), (160, False)],
    ids=["right after the send", "before the settle time", "after it", "at its end", "carried out late", "later"],
)
def test_only_what_an_earlier_daemon_could_have_sent_again_may_be_lost(after: int, expected: bool) -> None:
    absences = [(NOW + seconds(10), NOW + seconds(100))]
    assert may_be_lost_order(NOW, NOW + seconds(after), absences, seconds(60)) is expected
    assert not may_be_lost_order(NOW, NOW + seconds(after), [], seconds(60))
