"""Statistics over recorded samples, and the time ranges without a known value."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from monitor.core.engine.history_summary import (
    SPARKLINE_POINTS,
    Extreme,
    KnownValue,
    TimeRange,
    downtime_ranges,
    first_value,
    known_values,
    largest_magnitude,
    lowest_value,
    ranges_where,
    sparkline_points,
    unknown_ranges,
)
from monitor.core.model.metric_values import SamplePoint

DAY = datetime(2025, 10, 10, tzinfo=UTC)


def at(hours: float) -> datetime:
    return DAY + timedelta(hours=hours)


SPAN = TimeRange(at(0), at(24))


def point(hours: float, value: str | None = None, *, is_infinite: bool = False) -> SamplePoint:
    if value is not None:
        return SamplePoint(at(hours), Decimal(value), None)
    return SamplePoint(at(hours), None, "infinite" if is_infinite else "unavailable")


def known_part(
    *points: SamplePoint, down: tuple[TimeRange, ...] = (), span: TimeRange = SPAN
) -> tuple[KnownValue, ...]:
    return known_values(points, down, span)


HOURLY = tuple(point(hour, "1.9") for hour in range(-1, 24))


@pytest.mark.parametrize(
    ("runs", "first_run", "is_running", "down"),
    [
        ([(-5, 23.9)], -5, True, []),
        ([(-5, 10), (12, 24)], -5, True, [(10, 12)]),
        ([(-5, 10)], -5, False, [(10, 24)]),
        # One run ended before the range, the next began in it.
        ([(7, 24)], -30, True, [(0, 7)]),
        # No run was recorded before: that is no downtime of a daemon.
        ([(7, 24)], 7, True, []),
        ([], None, False, []),
        ([], -30, False, [(0, 24)]),
    ],
)
def test_downtime_is_the_time_between_runs(
    runs: list[tuple[float, float]], first_run: float | None, is_running: bool, down: list[tuple[float, float]]
) -> None:
    times = [(at(since), at(until)) for since, until in runs]
    found = downtime_ranges(times, None if first_run is None else at(first_run), is_running, SPAN)
    assert found == tuple(TimeRange(at(since), at(until)) for since, until in down)


def test_a_day_of_hourly_samples_is_known_whole() -> None:
    assert unknown_ranges(known_part(*HOURLY), SPAN) == ()


def test_a_sample_holds_two_hours_and_no_longer() -> None:
    assert unknown_ranges(known_part(point(1, "1.9"), point(10, "1.8")), SPAN) == (
        TimeRange(at(0), at(1)),
        TimeRange(at(3), at(10)),
        TimeRange(at(12), at(24)),
    )


def test_sample_recorded_as_missing_is_unknown() -> None:
    points = [*HOURLY[:6], point(5.5), point(6.5, "1.8"), *HOURLY[8:]]
    assert unknown_ranges(known_part(*points), SPAN) == (TimeRange(at(5.5), at(6.5)),)


def test_nothing_is_known_from_the_end_of_a_daemon_to_the_next_sample() -> None:
    points = [p for p in HOURLY if not at(2) < p.at < at(3.75)]
    down = (TimeRange(at(2.25), at(3)),)
    assert unknown_ranges(known_part(*points[:4], point(3.5, "1.9"), *points[4:], down=down), SPAN) == (
        TimeRange(at(2.25), at(3.5)),
    )


def test_infinite_sample_is_known_and_never_the_lowest() -> None:
    endless = [point(hour, is_infinite=True) for hour in range(24)]
    assert unknown_ranges(known_part(*endless), SPAN) == ()
    assert lowest_value(known_part(*endless)) is None


def test_lowest_value_has_the_time_of_its_first_sample() -> None:
    points = [point(-1, "1.1"), point(-0.5, "1.9"), point(1, "1.25"), point(1.5, "1.4"), point(2, "1.25")]
    # 1.1 was over when the range began.
    assert lowest_value(known_part(*points)) == Extreme(Decimal("1.25"), at(1))
    assert first_value(known_part(*points)) == Extreme(Decimal("1.9"), at(0))
    assert lowest_value(()) is None


def test_largest_deviation_counts_in_either_direction() -> None:
    assert largest_magnitude(known_part(point(1, "0.4"), point(2, "-1.5"), point(3, "1.5"))) == Extreme(
        Decimal("-1.5"), at(2)
    )


def test_times_of_a_claim_are_joined_where_they_touch() -> None:
    points = [point(1, "0"), point(2, "0"), point(3, "1"), point(4, "0")]
    assert ranges_where(known_part(*points), lambda value: value == 0) == (
        TimeRange(at(1), at(3)),
        TimeRange(at(4), at(6)),
    )


def test_sparkline_shows_the_lowest_of_each_quarter_hour_and_gaps() -> None:
    drawn = sparkline_points(known_part(point(0, "1.9"), point(0.3, "1.2"), point(0.4, "1.8"), point(0.75)), SPAN)
    assert len(drawn) == SPARKLINE_POINTS
    assert [value for _, value in drawn[:4]] == [Decimal("1.9"), Decimal("1.2"), Decimal("1.8"), None]
    assert drawn[1][0] == at(0.25)
    assert sparkline_points((), TimeRange(at(0), at(0))) == ()
