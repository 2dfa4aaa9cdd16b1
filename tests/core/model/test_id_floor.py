"""Minimum ids by the time, which need no database."""

from datetime import UTC, datetime, timedelta

from monitor.core.model.id_floor import ID_EPOCH, ID_INTERVAL, compute_id_floor


def test_new_database_numbers_start_above_earlier_ones() -> None:
    begun = datetime(2026, 11, 29, 12, tzinfo=UTC)
    # A month with an alert every two minutes.
    used = compute_id_floor(begun) + 30 * 24 * 30
    assert compute_id_floor(begun + timedelta(days=30)) > used


def test_numbers_are_short_and_begin_at_one() -> None:
    assert [
        compute_id_floor(ID_EPOCH - ID_INTERVAL),
        compute_id_floor(ID_EPOCH),
        compute_id_floor(ID_EPOCH + 2 * ID_INTERVAL),
    ] == [1, 1, 2]
    assert compute_id_floor(datetime(2026, 12, 31, tzinfo=UTC)) < 100_000
