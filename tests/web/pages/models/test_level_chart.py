from datetime import timedelta
from typing import Any

from monitor.core.numbers.durations import format_rfc3339
from monitor.web.pages.models.level_chart import HEIGHT, MAX_COLUMNS, WIDTH, LevelChart, level_chart
from monitor.web.pages.models.words import parse_time
from tests.web.pages.example_documents import GENERATED_AT, action, alert, cross

NOW = parse_time(GENERATED_AT)


def chart(levels: list[str | None], every: timedelta = timedelta(minutes=1), **more: Any) -> LevelChart:
    start = NOW - every * len(levels)
    points = [[format_rfc3339(start + every * number), level] for number, level in enumerate(levels)]
    history: Any = {"points": points}
    given = {"alerts": [], "actions": []} | more
    return level_chart(history, cross(), given["alerts"], given["actions"], "cross", "1h", NOW)


def test_lowest_level_of_each_column_survives() -> None:
    levels: list[str | None] = ["1.8"] * 3_000
    levels[1_234] = "1.12"
    found = chart(levels, timedelta(seconds=1))
    points = [point for line in found.lines for point in line.split()]
    assert len(points) <= MAX_COLUMNS + 1
    assert found.words.startswith("Lowest 1.12 at 2025-10-10 20:44:04 UTC")


def test_gap_in_the_record_stays_open() -> None:
    assert len(chart(["1.8", "1.7", None, "1.6", "1.5"]).lines) == 2


def test_points_and_thresholds_lie_within_the_drawing() -> None:
    found = chart(["1.8", "999", "1.05", "1.4"])
    for line in found.lines:
        for point in line.split():
            x, y = (float(part) for part in point.split(","))
            assert 0 <= x <= WIDTH
            assert 0 <= y <= HEIGHT
    heights = [float(threshold.at.rstrip("%")) for threshold in found.thresholds]
    assert heights == sorted(heights)
    assert all(0 < height < 100 for height in heights)


def test_marks_are_alerts_and_actions_of_the_time_only() -> None:
    early = alert(1, fired_at="2025-10-10T19:00:00.000Z")
    found = chart(["1.4"] * 30, alerts=[early, alert(17)], actions=[action()])
    assert [(mark.kind, mark.href) for mark in found.marks] == [("action", "/actions/3"), ("alert", "/alerts/17")]


def test_nothing_recorded_is_said() -> None:
    found = level_chart(None, cross(), [], [], "cross", "24h", NOW)
    assert (found.lines, found.words) == ((), "Nothing is recorded of this time.")
    assert {row.lowest for row in found.rows} == {"nothing recorded"}
