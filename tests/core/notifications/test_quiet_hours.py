"""Quiet hours by the wall clock of a zone. The expected moments are worked out from the dates of the clock changes:
in Europe on 2026-03-29 and 2026-10-25 at 01:00 UTC, in Lord Howe on 2026-04-04 at 15:00 UTC by half an hour."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from monitor.core.notifications.quiet_hours import QuietHours, Span, parse_span

BERLIN = ZoneInfo("Europe/Berlin")


def quiet(*spans: str, zone: ZoneInfo = BERLIN) -> QuietHours:
    return QuietHours(tuple(parse_span(span) for span in spans), zone)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-01-10 21:59:59", None),
        ("2026-01-10 22:00", "2026-01-11 06:00"),
        ("2026-01-11 02:00", "2026-01-11 06:00"),
        ("2026-01-11 06:00", None),
        # Summer time: an hour earlier by UTC.
        ("2026-07-10 21:00", "2026-07-11 05:00"),
        ("2026-07-10 20:59", None),
    ],
)
def test_a_night_is_quiet_from_its_start_to_its_end_by_the_wall_clock(now: str, until: str | None) -> None:
    assert quiet("23:00-07:00").until(at(now)) == (None if until is None else at(until))


def test_the_night_in_which_the_clock_jumps_ahead_is_an_hour_shorter() -> None:
    night = quiet("23:00-07:00")
    assert night.until(at("2026-03-28 21:59")) is None
    assert night.until(at("2026-03-28 22:00")) == at("2026-03-29 05:00")
    assert night.until(at("2026-03-29 04:59")) == at("2026-03-29 05:00")
    assert night.until(at("2026-03-29 05:00")) is None


def test_the_night_in_which_the_clock_falls_back_is_an_hour_longer() -> None:
    night = quiet("23:00-07:00")
    assert night.until(at("2026-10-24 20:59")) is None
    assert night.until(at("2026-10-24 21:00")) == at("2026-10-25 06:00")
    assert night.until(at("2026-10-25 05:59")) == at("2026-10-25 06:00")
    assert night.until(at("2026-10-25 06:00")) is None


def test_a_time_that_the_clock_jumps_over_is_reached_with_the_jump() -> None:
    # 02:00 to 03:00 does not exist on that day.
    assert quiet("01:00-02:30").until(at("2026-03-29 00:30")) == at("2026-03-29 01:00")
    assert quiet("01:00-02:30").until(at("2026-03-29 01:00")) is None
    assert quiet("02:30-04:00").until(at("2026-03-29 00:59")) is None
    assert quiet("02:30-04:00").until(at("2026-03-29 01:00")) == at("2026-03-29 02:00")
    # The whole span falls into the gap.
    assert quiet("02:10-02:50").until(at("2026-03-29 01:00")) is None


def test_a_time_that_comes_twice_counts_when_it_comes_first() -> None:
    # 02:00 to 03:00 comes at 00:00 UTC and again at 01:00 UTC.
    assert quiet("01:00-02:30").until(at("2026-10-25 00:29")) == at("2026-10-25 00:30")
    assert quiet("01:00-02:30").until(at("2026-10-25 01:10")) is None
    assert quiet("02:30-04:00").until(at("2026-10-25 00:30")) == at("2026-10-25 03:00")
    assert quiet("02:30-04:00").until(at("2026-10-25 01:10")) == at("2026-10-25 03:00")


def test_half_an_hour_of_summer_time_is_kept_too() -> None:
    island = quiet("01:00-03:00", zone=ZoneInfo("Australia/Lord_Howe"))
    # 02:00 falls back to 01:30: the two hours last two and a half.
    assert island.until(at("2026-04-04 14:00")) == at("2026-04-04 16:30")


def test_spans_that_follow_each_other_are_one_quiet() -> None:
    both = quiet("22:00-24:00", "00:00-06:30")
    assert both.until(at("2026-01-10 21:30")) == at("2026-01-11 05:30")


def test_quiet_without_end_is_looked_at_again() -> None:
    always = quiet("00:00-24:00")
    end = always.until(at("2026-01-10 12:00"))
    assert end is not None and end > at("2026-01-12 00:00")


@pytest.mark.parametrize(
    "text", ["", "23:00", "23:00-", "7:00-8:00", "24:00-07:00", "23:00-24:01", "12:60-13:00", "a-b", "07:00-07:00"]
)
def test_what_is_no_span_of_hours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="; "):
        parse_span(text)


def test_a_span_is_read_in_minutes() -> None:
    assert parse_span("23:05-24:00") == Span(1385, 1440)
