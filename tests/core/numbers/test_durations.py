"""Durations, percentages and points in time: parsing and formatting."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.numbers.durations import (
    format_duration,
    format_rfc3339,
    from_seconds,
    parse_duration,
    parse_fraction,
    parse_since,
    to_seconds,
)

NOW = datetime(2025, 10, 10, 21, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("0", timedelta()),
        ("0s", timedelta()),
        ("30s", timedelta(seconds=30)),
        ("500ms", timedelta(milliseconds=500)),
        ("5m", timedelta(minutes=5)),
        ("1h30m", timedelta(minutes=90)),
        ("90d", timedelta(days=90)),
        ("1y", timedelta(days=365)),
        ("1w2d3h4m5s6ms", timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5, milliseconds=6)),
    ],
)
def test_duration_is_the_sum_of_its_parts(text: str, span: timedelta) -> None:
    assert parse_duration(text) == span


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("30", "'30' has no unit; write 30s, 30m or 30h"),
        ("1.5", "'1.5' has no unit; write 1.5s, 1.5m or 1.5h"),
        ("", "'' is not a duration; write it like 30s, 10m, 1h30m or 7d"),
        ("-5m", "'-5m' is not a duration; write it like 30s, 10m, 1h30m or 7d"),
        ("1.5h", "'1.5h' is not a duration; write it like 30s, 10m, 1h30m or 7d"),
        ("5 m", "'5 m' is not a duration; write it like 30s, 10m, 1h30m or 7d"),
        ("5min", "'5min' is not a duration; write it like 30s, 10m, 1h30m or 7d"),
        ("5m1h", "'5m1h' is not a duration; units descend, each once: 1w2d3h4m5s6ms"),
        ("1h1h", "'1h1h' is not a duration; units descend, each once: 1w2d3h4m5s6ms"),
        ("101y", "'101y' is longer than 100 years"),
        ("999999999999999w", "'999999999999999w' is longer than 100 years"),
    ],
)
def test_invalid_duration_is_refused_with_the_fix(text: str, says: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_duration(text)
    assert str(caught.value) == says


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(microseconds=999), "0s"),
        (timedelta(hours=24), "1d"),
        (timedelta(days=8), "8d"),
        (timedelta(weeks=2), "2w"),
        (timedelta(days=365), "1y"),
        (timedelta(minutes=90, milliseconds=6), "1h30m6ms"),
    ],
)
def test_duration_text_is_short(span: timedelta, text: str) -> None:
    assert format_duration(span) == text


@given(st.timedeltas(min_value=timedelta(), max_value=timedelta(days=36500)))
def test_duration_text_reads_back_to_the_millisecond(span: timedelta) -> None:
    assert parse_duration(format_duration(span)) == span - span % timedelta(milliseconds=1)


def test_negative_span_has_no_duration_text() -> None:
    with pytest.raises(ValueError, match="can't be negative"):
        format_duration(timedelta(seconds=-1))


@given(st.text(alphabet="0123456789ywdhms. -", max_size=30))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        assert parse_duration(text) >= timedelta()
    except ValueError as error:
        assert len(str(error).splitlines()) == 1


@given(st.timedeltas(min_value=timedelta(), max_value=timedelta(days=36500)))
def test_seconds_are_exact(span: timedelta) -> None:
    assert from_seconds(to_seconds(span)) == span


def test_seconds_that_are_no_span_are_refused() -> None:
    for seconds in (Decimal("Infinity"), Decimal("1E30")):
        with pytest.raises(ValueError, match="no time span"):
            from_seconds(seconds)


@pytest.mark.parametrize(("text", "value"), [("20%", "0.2"), ("0.2", "0.2"), ("-2%", "-0.02"), ("0.5%", "0.005")])
def test_percentage_is_a_fraction(text: str, value: str) -> None:
    assert parse_fraction(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "%", "20 percent", "20%%", "nan%", "NaN"])
def test_invalid_percentage_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a percentage; write 20% or 0\.2"):
        parse_fraction(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2h", datetime(2025, 10, 10, 19, 15, tzinfo=UTC)),
        ("7d", datetime(2025, 10, 3, 21, 15, tzinfo=UTC)),
        ("0", NOW),
        ("2025-10-10", datetime(2025, 10, 10, tzinfo=UTC)),
        ("2025-10-10T21:15:00Z", NOW),
        ("2025-10-10T23:15:00+02:00", NOW),
        ("2025-10-10 21:15:00.250Z", NOW + timedelta(milliseconds=250)),
    ],
)
def test_since_is_a_duration_ago_a_date_or_a_moment(text: str, moment: datetime) -> None:
    assert parse_since(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "2025-13-01", "2025-10-10T25:00:00Z", "7", "10/10/2025", "-1d"])
def test_since_that_names_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no point in time; write a duration ago \(7d\)"):
        parse_since(text, NOW)


def test_since_without_zone_is_refused_with_the_zone_to_write() -> None:
    with pytest.raises(ValueError) as caught:
        parse_since("2025-10-10 21:15:00", NOW)
    assert str(caught.value) == "'2025-10-10 21:15:00' has no time zone; for UTC write 2025-10-10T21:15:00Z"


def test_since_before_all_time_is_refused() -> None:
    with pytest.raises(ValueError, match="no point in time"):
        parse_since("99y", datetime(50, 1, 1, tzinfo=UTC))


def test_moment_text_is_utc_with_milliseconds() -> None:
    berlin = timezone(timedelta(hours=2))
    assert format_rfc3339(datetime(2025, 10, 10, 23, 15, 0, 123999, tzinfo=berlin)) == "2025-10-10T21:15:00.123Z"


def test_moment_without_zone_has_no_text() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        format_rfc3339(datetime(2025, 10, 10))  # noqa: DTZ001 - what is refused
