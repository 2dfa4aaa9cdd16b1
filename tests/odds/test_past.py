"""Past prices on one grid of hours."""

from datetime import timedelta
from decimal import Decimal

from monitor.core.model.price_history import HOUR
from monitor.odds.past import build_past
from tests.odds.odds_examples import START, hour_bars, price_bar

BARS = hour_bars([("1", "3", "2"), ("1.5", "2.5", "2.10"), None, ("0.00000012", "2", "1")])


def test_hours_are_columns_of_exact_texts() -> None:
    past = build_past({"BTC": BARS}, START, START + HOUR * 4)
    assert (past.since, past.hours) == (START, 4)
    assert past.columns["BTC"].lows == "1 1.5 nan 0.00000012"
    assert past.columns["BTC"].highs == "3 2.5 nan 2"
    assert past.columns["BTC"].closes == "2 2.1 nan 1"


def test_bar_that_is_not_over_is_left_out() -> None:
    """The clock of the exchange may be ahead, and the newest bar is unfinished."""
    past = build_past({"BTC": BARS}, START, START + HOUR * 2 - timedelta(seconds=1))
    assert (past.hours, past.columns["BTC"].lows) == (1, "1")


def test_bars_outside_of_the_grid_are_left_out() -> None:
    off_the_hour = price_bar(START + timedelta(minutes=59), Decimal(7), Decimal(7), Decimal(7))
    early = price_bar(START - HOUR, Decimal(7), Decimal(7), Decimal(7))
    past = build_past({"BTC": [early, *BARS, off_the_hour]}, START, START + HOUR * 2)
    assert past.columns["BTC"].lows == "1 1.5"


def test_past_of_no_hours_is_empty() -> None:
    assert build_past({"BTC": BARS}, START, START - HOUR).columns["BTC"].lows == ""
