"""Minimum ids by the time, which need no database."""

from datetime import UTC, datetime, timedelta

from monitor.core.model.id_floor import ID_EPOCH, ID_INTERVAL, min_id


def test_new_database_numbers_start_above_earlier_ones() -> None:
    begun = datetime(2026, 11, 29, 12, tzinfo=UTC)
    # A month with an alert every two minutes.
    used = min_id(begun) + 30 * 24 * 30
    assert min_id(begun + timedelta(days=30)) > used


def test_numbers_are_short_and_begin_at_one() -> None:
    assert [min_id(ID_EPOCH - ID_INTERVAL), min_id(ID_EPOCH), min_id(ID_EPOCH + 2 * ID_INTERVAL)] == [1, 1, 2]
    assert min_id(datetime(2026, 12, 31, tzinfo=UTC)) < 100_000
