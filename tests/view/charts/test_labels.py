"""Names of marks: as many as can be read."""

from dataclasses import replace

from monitor.view.charts.labels import RESOLVED, Callout, merge_close_labels

SPAN = (0.0, 100.0)


def mark(x: float, text: str, marker: str = "D", colour: str = "green") -> Callout:
    return Callout(x, 1.0, text, colour, marker)


def test_marks_of_one_moment_and_style_share_a_label() -> None:
    marks = [mark(1.0, "a"), mark(2.0, "b"), mark(50.0, "c"), mark(50.5, "d", "v", "red")]
    assert {(one.x, one.text) for one in merge_close_labels(marks, SPAN)} == {(1.0, "a, b"), (50.0, "c"), (50.5, "d")}


def test_marks_of_two_lines_stay_apart() -> None:
    marks = [replace(mark(1.0, "a"), line="guarded"), replace(mark(1.0, "a"), line="unguarded")]
    assert merge_close_labels(marks, SPAN) == marks


def test_a_shared_name_ends_before_it_gets_too_long() -> None:
    (one,) = merge_close_labels([mark(1.0, text) for text in "abcde"], SPAN)
    assert one.text == "a, b, c, …"


def test_among_many_the_ends_of_alerts_lose_their_names_first() -> None:
    ends = [mark(float(10 * n), f"#{n} resolved", RESOLVED) for n in range(6)]
    assert [one.text for one in merge_close_labels(ends, SPAN)] == [end.text for end in ends]
    crowded = merge_close_labels([*ends, mark(5.0, "done")], SPAN)
    assert [one.text for one in crowded if one.text] == ["done"]
    assert len(crowded) == 7
