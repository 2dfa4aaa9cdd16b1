"""Schedule of the daily report: due once a day of its zone, also on days on which the clock jumps."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from monitor.core.notifications.report_schedule import DailySchedule, period_start

BERLIN = ZoneInfo("Europe/Berlin")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes", "now", "day", "at"),
    [
        # Summer is two hours ahead, winter one.
        (8 * 60, "2026-07-01T06:00", "2026-07-01", "2026-07-01T06:00"),
        (8 * 60, "2026-07-01T05:59", "2026-06-30", "2026-06-30T06:00"),
        (8 * 60, "2026-01-15T07:00", "2026-01-15", "2026-01-15T07:00"),
        # In Berlin it is the next day already.
        (15, "2026-01-15T23:20", "2026-01-16", "2026-01-15T23:15"),
        # 02:30 is not there: 02:00 becomes 03:00 at 01:00 UTC.
        (150, "2026-03-29T00:59", "2026-03-28", "2026-03-28T01:30"),
        (150, "2026-03-29T01:00", "2026-03-29", "2026-03-29T01:00"),
        # 02:30 comes twice, at 00:30 and 01:30 UTC: the first counts.
        (150, "2026-10-25T00:29", "2026-10-24", "2026-10-24T00:30"),
        (150, "2026-10-25T00:30", "2026-10-25", "2026-10-25T00:30"),
        (150, "2026-10-25T01:45", "2026-10-25", "2026-10-25T00:30"),
    ],
)
def test_the_newest_day_is_by_the_wall_clock_of_the_zone(minutes: int, now: str, day: str, at: str) -> None:
    assert DailySchedule(minutes, BERLIN).latest(utc(now)) == (date.fromisoformat(day), utc(at))


def test_a_year_has_one_report_for_each_of_its_days() -> None:
    daily = DailySchedule(150, BERLIN)
    now, reported, made = utc("2026-01-01T12:00"), date(2026, 1, 1), []
    while now < utc("2027-01-01T12:00"):
        now += timedelta(minutes=20)
        due = daily.due(now, reported, LONG_AGO)
        if due is not None:
            reported = due[0]
            made.append(reported)
    assert made == [date(2026, 1, 1) + timedelta(days=n) for n in range(1, 366)]


def test_missed_report_is_made_up_within_half_a_day() -> None:
    daily = DailySchedule(8 * 60, BERLIN)
    yesterday = date(2026, 6, 30)
    assert daily.due(utc("2026-07-01T17:59"), yesterday, LONG_AGO) is not None
    assert daily.due(utc("2026-07-01T18:01"), yesterday, LONG_AGO) is None


def test_no_report_twice_or_for_an_unwatched_day() -> None:
    daily, now = DailySchedule(8 * 60, BERLIN), utc("2026-07-01T09:00")
    assert daily.due(now, date(2026, 7, 1), LONG_AGO) is None
    assert daily.due(now, None, utc("2026-07-01T08:30")) is None
    assert daily.due(now, None, None) is None
    assert daily.due(now, None, utc("2026-07-01T05:30")) == (date(2026, 7, 1), utc("2026-07-01T06:00"))


def test_report_covers_the_time_since_the_last_one_up_to_a_week() -> None:
    now = utc("2026-07-08T06:00")
    assert period_start(now, None) == now - timedelta(days=1)
    assert period_start(now, now - timedelta(days=3)) == now - timedelta(days=3)
    assert period_start(now, now - timedelta(days=8)) == now - timedelta(days=1)
