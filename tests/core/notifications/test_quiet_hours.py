"""Quiet hours by the wall clock of a time zone.

The expected moments are worked out from the dates of the clock changes: in Europe on 2026-03-29 and 2026-10-25 at
01:00 UTC, in Lord Howe on 2026-04-04 at 15:00 UTC by half an hour.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from monitor.core.notifications.quiet_hours import QuietHours, TimeOfDayRange, parse_time_range

BERLIN = ZoneInfo("Europe/Berlin")


def quiet_at_night(*spans: str, zone: ZoneInfo = BERLIN) -> QuietHours:
    return QuietHours(tuple(parse_time_range(span) for span in spans), zone)


def local_time(text: str) -> datetime:
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
    assert quiet_at_night("23:00-07:00").quiet_until(local_time(now)) == (None if until is None else local_time(until))


def test_the_night_in_which_the_clock_jumps_ahead_is_an_hour_shorter() -> None:
    night = quiet_at_night("23:00-07:00")
    assert night.quiet_until(local_time("2026-03-28 21:59")) is None
    assert night.quiet_until(local_time("2026-03-28 22:00")) == local_time("2026-03-29 05:00")
    assert night.quiet_until(local_time("2026-03-29 04:59")) == local_time("2026-03-29 05:00")
    assert night.quiet_until(local_time("2026-03-29 05:00")) is None


def test_the_night_in_which_the_clock_falls_back_is_an_hour_longer() -> None:
    night = quiet_at_night("23:00-07:00")
    assert night.quiet_until(local_time("2026-10-24 20:59")) is None
    assert night.quiet_until(local_time("2026-10-24 21:00")) == local_time("2026-10-25 06:00")
    assert night.quiet_until(local_time("2026-10-25 05:59")) == local_time("2026-10-25 06:00")
    assert night.quiet_until(local_time("2026-10-25 06:00")) is None


def test_skipped_local_time_is_reached_at_the_clock_change() -> None:
    # 02:00 to 03:00 does not exist on that day.
    assert quiet_at_night("01:00-02:30").quiet_until(local_time("2026-03-29 00:30")) == local_time("2026-03-29 01:00")
    assert quiet_at_night("01:00-02:30").quiet_until(local_time("2026-03-29 01:00")) is None
    assert quiet_at_night("02:30-04:00").quiet_until(local_time("2026-03-29 00:59")) is None
    assert quiet_at_night("02:30-04:00").quiet_until(local_time("2026-03-29 01:00")) == local_time("2026-03-29 02:00")
    # The whole span falls into the gap.
    assert quiet_at_night("02:10-02:50").quiet_until(local_time("2026-03-29 01:00")) is None


def test_repeated_local_time_counts_the_first_time() -> None:
    # 02:00 to 03:00 comes at 00:00 UTC and again at 01:00 UTC.
    assert quiet_at_night("01:00-02:30").quiet_until(local_time("2026-10-25 00:29")) == local_time("2026-10-25 00:30")
    assert quiet_at_night("01:00-02:30").quiet_until(local_time("2026-10-25 01:10")) is None
    assert quiet_at_night("02:30-04:00").quiet_until(local_time("2026-10-25 00:30")) == local_time("2026-10-25 03:00")
    assert quiet_at_night("02:30-04:00").quiet_until(local_time("2026-10-25 01:10")) == local_time("2026-10-25 03:00")


def test_half_an_hour_of_summer_time_is_kept_too() -> None:
    island = quiet_at_night("01:00-03:00", zone=ZoneInfo("Australia/Lord_Howe"))
    # 02:00 falls back to 01:30: the two hours last two and a half.
    assert island.quiet_until(local_time("2026-04-04 14:00")) == local_time("2026-04-04 16:30")


def test_adjacent_spans_are_one_quiet_period() -> None:
    both = quiet_at_night("22:00-24:00", "00:00-06:30")
    assert both.quiet_until(local_time("2026-01-10 21:30")) == local_time("2026-01-11 05:30")


def test_endless_quiet_hours_are_checked_again() -> None:
    always = quiet_at_night("00:00-24:00")
    end = always.quiet_until(local_time("2026-01-10 12:00"))
    assert end is not None and end > local_time("2026-01-12 00:00")


@pytest.mark.parametrize(
    "text", ["", "23:00", "23:00-", "7:00-8:00", "24:00-07:00", "23:00-24:01", "12:60-13:00", "a-b", "07:00-07:00"]
)
def test_invalid_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="; "):
        parse_time_range(text)


def test_a_span_is_read_in_minutes() -> None:
    assert parse_time_range("23:05-24:00") == TimeOfDayRange(1385, 1440)
