"""Gaps between recorded time intervals."""

from datetime import timedelta

from monitor.core.numbers.intervals import Interval, complete_since, newest_gap
from tests.support.examples.accounts import after

DAYS = timedelta(days=1)


def span(since: float, until: float) -> Interval:
    return after(since * 86_400), after(until * 86_400)


def test_nothing_recorded_is_one_gap_read_from_its_new_end() -> None:
    assert newest_gap((), *span(0, 90), 30 * DAYS) == span(60, 90)
    assert newest_gap((), *span(0, 20), 30 * DAYS) == span(0, 20)


def test_gap_behind_the_newest_span_is_next() -> None:
    assert newest_gap((span(60, 90),), *span(0, 90), 30 * DAYS) == span(30, 60)
    assert newest_gap((span(1, 90),), *span(0, 90), 30 * DAYS) == span(0, 1)


def test_gap_between_two_spans_is_read_whole_and_no_further() -> None:
    assert newest_gap((span(0, 50), span(55, 90)), *span(0, 90), 30 * DAYS) == span(50, 55)
    assert newest_gap((span(10, 20), span(60, 90)), *span(0, 90), 30 * DAYS) == span(30, 60)


def test_gap_after_the_newest_span_comes_first() -> None:
    assert newest_gap((span(10, 80),), *span(0, 90), 30 * DAYS) == span(80, 90)


def test_nothing_is_missing_where_one_span_reaches_over_everything() -> None:
    assert newest_gap((span(-5, 95),), *span(0, 90), 30 * DAYS) is None
    assert newest_gap((span(0, 90),), *span(0, 90), 30 * DAYS) is None


def test_time_before_the_earliest_moment_is_not_requested() -> None:
    assert newest_gap((span(-20, -10), span(5, 90)), *span(0, 90), 30 * DAYS) == span(0, 5)


def test_filling_gap_after_gap_ends_with_everything_recorded() -> None:
    spans = [span(3, 4), span(40, 41), span(88, 90)]
    asked = []
    while (gap := newest_gap(spans, *span(0, 90), 30 * DAYS)) is not None:
        asked.append(gap)
        spans.append(gap)
    assert asked == [span(58, 88), span(41, 58), span(10, 40), span(4, 10), span(0, 3)]


def test_complete_since_the_newest_span_began_if_it_reaches_far_enough() -> None:
    assert complete_since((span(1, 2), span(5, 9)), after(9 * 86_400)) == after(5 * 86_400)
    assert complete_since((span(1, 2), span(5, 9)), after(9 * 86_400 + 1)) is None
    assert complete_since((), after(0)) is None
