"""Odds by real nights against the bars themselves, hour by hour."""

from datetime import timedelta
from decimal import Decimal

import pytest

from benchmarks.past_nights import TWO_DAYS_BTC, hourly_bars, measure_night, row_text
from benchmarks.warning import LONG_NIGHTS, NIGHTS
from monitor.core.model.price_history import HOUR
from tests.support.paths import price_file


def test_two_days_before_the_night_of_2025_liquidate_no_bitcoin_account_and_the_night_does() -> None:
    price_file(f"binance_{TWO_DAYS_BTC}.csv.gz")
    price_file("binance_um_BTCUSDT_1m_2025-10-10.csv.gz")
    night = next(each for each in NIGHTS if each.title == "BTC cross 5x")
    found = measure_night(night)
    assert (found.hours_before, found.windows_before, found.lost_before) == (44, 20, 0)
    # By hand: 102,497.49 at 21:20, 1.1 / 1.26 of it is reached from closes of 117,406.21 and more.
    bars = hourly_bars(TWO_DAYS_BTC)
    low = min(bars, key=lambda bar: bar.low)
    assert round(low.low, 2) == Decimal("102497.49")
    closes = [bar.close for bar in bars if timedelta() < low.opens_at - bar.opens_at <= HOUR * 24]
    assert found.lost_starts == sum(close >= Decimal("117406.21") for close in closes) == 21
    assert found.thin_lead == timedelta(minutes=31)


@pytest.mark.parametrize(("night", "lost"), [(LONG_NIGHTS[0], 9), (LONG_NIGHTS[1], 14)], ids=("AVAX", "NEAR"))
def test_a_window_alone_before_the_night_of_february_says_nothing(night: object, lost: int) -> None:
    assert night in LONG_NIGHTS
    chosen = LONG_NIGHTS[LONG_NIGHTS.index(night)]
    price_file(f"binance_{chosen.file}.csv.gz")
    found = measure_night(chosen)
    assert (found.windows_before, found.lost_before, found.lost_starts, found.starts) == (1, 0, lost, 24)


def test_night_whose_bars_begin_within_it_says_so() -> None:
    chosen = next(each for each in NIGHTS if each.title == "SOL cross 3x")
    price_file(f"binance_{chosen.file}.csv.gz")
    cells = [cell.strip() for cell in row_text(measure_night(chosen)).split("|")]
    # The file begins at 20:59, its low is at 21:21.
    assert cells[-3:-1] == ["unknown: the bars begin 22 min before the low"] * 2
