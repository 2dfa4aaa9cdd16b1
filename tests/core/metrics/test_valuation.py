"""How our own valuation compares, and when prices may be believed."""

from datetime import timedelta
from decimal import Decimal

import pytest

from monitor.core.margin.levels import Totals
from monitor.core.metrics.valuation import drift, is_fresh, market_at
from monitor.core.model.events import CrossRead, PricesRead
from tests.support.examples.accounts import (
    NOW,
    SETTINGS,
    after,
    cross,
    prices,
    sample_prices,
    started,
    told,
    watched,
)

STABLES = SETTINGS.stable_assets


def test_drift_is_relative_to_the_exchanges_level() -> None:
    own = Totals(Decimal(110_000), Decimal(50_000))
    assert drift(Decimal(2), own) == Decimal("0.1")
    assert drift(Decimal("2.2"), own) == 0


@pytest.mark.parametrize(
    ("polled", "assets", "liabilities"), [("Infinity", 1, 1), ("0", 1, 1), ("1", 0, 1), ("1", 1, 0)]
)
def test_levels_that_do_not_compare_have_no_drift(polled: str, assets: int, liabilities: int) -> None:
    assert drift(Decimal(polled), Totals(Decimal(assets), Decimal(liabilities))) is None


def test_freshness_ends_just_after_its_bound() -> None:
    assert is_fresh(NOW, after(15), timedelta(seconds=15))
    assert not is_fresh(NOW, after(15.001), timedelta(seconds=15))
    assert not is_fresh(None, NOW, timedelta(seconds=15))


def test_one_quiet_symbol_does_not_make_the_market_stale() -> None:
    state = told(watched(), PricesRead(prices(after(60), BTCUSDT=60_000)), at=after(60))
    assert market_at(state, SETTINGS, after(60)).is_fresh
    assert not market_at(state, SETTINGS, after(76)).is_fresh


def test_snapshot_that_came_while_prices_were_stale_does_not_compare() -> None:
    state = told(started(), PricesRead(sample_prices(after(-16))), CrossRead(cross()))
    assert not market_at(state, SETTINGS, NOW).cross_then
    assert market_at(watched(), SETTINGS, NOW).cross_then


def test_prices_five_minutes_ago_are_unknown_after_a_gap() -> None:
    state = watched()
    assert market_at(state, SETTINGS, after(299)).before() is None
    before = market_at(state, SETTINGS, after(301)).before()
    assert before is not None and before.price("BTCUSDT") == 60_000
    assert market_at(state, SETTINGS, after(316)).before() is None
