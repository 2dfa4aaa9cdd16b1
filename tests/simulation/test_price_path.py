"""Price paths built from price bars, and the evaluation times of a simulation."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from monitor.core.model.price_history import PriceBar
from monitor.simulation.price_path import PricePath, build_price_path, evaluation_times, fill_gaps

START = datetime(2025, 10, 10, 21, 0, tzinfo=UTC)
D = Decimal


def bar(minute: int, opened: int, high: int, low: int, close: int) -> PriceBar:
    return PriceBar(START + timedelta(minutes=minute), D(opened), D(high), D(low), D(close))


def after(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_bar_is_walked_to_the_nearer_extreme_first() -> None:
    path = build_price_path([bar(0, 100, 110, 70, 80), bar(1, 80, 85, 60, 84)])
    assert [path.at(after(second)) for second in (0, 20, 40, 59)] == [100, 110, 70, 80]
    # 80 to 85 is nearer than 80 to 60.
    assert [path.at(after(60 + second)) for second in (0, 20, 40, 59)] == [80, 85, 60, 84]


def test_between_two_points_lies_a_straight_line_and_outside_them_nothing_moves() -> None:
    path = PricePath([(after(0), D(100)), (after(60), D(40))])
    assert [path.at(after(second)) for second in (-60, 0, 15, 45, 60, 600)] == [100, 100, 85, 55, 40, 40]


def test_points_that_do_not_rise_in_time_are_refused() -> None:
    with pytest.raises(ValueError, match="rise"):
        PricePath([(after(0), D(1)), (after(0), D(2))])


def test_every_extreme_is_evaluated_at_short_intervals() -> None:
    moments = evaluation_times([build_price_path([bar(minute, 100, 110, 70, 80) for minute in range(10)])])
    assert {after(20), after(40), after(9 * 60 + 40)} <= set(moments)
    assert max(later - earlier for earlier, later in pairwise(moments)) <= timedelta(seconds=20)


def test_long_bars_are_evaluated_once_a_minute() -> None:
    bars = [PriceBar(START + timedelta(hours=hour), D(100), D(110), D(90), D(100)) for hour in range(24)]
    moments = evaluation_times([build_price_path(bars)])
    gaps = {later - earlier for earlier, later in pairwise(moments)}
    assert max(gaps) <= timedelta(seconds=60)
    assert len(moments) < 24 * 70


def test_a_pause_is_filled_evenly() -> None:
    assert fill_gaps([after(0), after(25)], timedelta(seconds=10)) == (
        after(0),
        START + timedelta(seconds=25) / 3,
        START + timedelta(seconds=50) / 3,
        after(25),
    )
