"""Numbers that no database has to remember."""

from datetime import UTC, datetime, timedelta

from monitor.core.model.identifiers import SINCE, STEP, least_number


def test_a_new_database_goes_on_above_every_number_of_before() -> None:
    begun = datetime(2026, 11, 29, 12, tzinfo=UTC)
    # A month with an alert every two minutes.
    used = least_number(begun) + 30 * 24 * 30
    assert least_number(begun + timedelta(days=30)) > used


def test_numbers_are_short_and_begin_at_one() -> None:
    assert [least_number(SINCE - STEP), least_number(SINCE), least_number(SINCE + 2 * STEP)] == [1, 1, 2]
    assert least_number(datetime(2026, 12, 31, tzinfo=UTC)) < 100_000
