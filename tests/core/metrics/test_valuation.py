"""Own valuation against the exchange's, and freshness of prices."""

from datetime import timedelta
from decimal import Decimal

import pytest

from monitor.core.margin.levels import Totals
from monitor.core.metrics.valuation import build_price_context, drift, is_fresh
from monitor.core.model.events import CrossRead, PricesRead
from tests.support.examples.accounts import (
    NOW,
    SETTINGS,
    after,
    apply_events,
    cross_account_state,
    cross_snapshot,
    new_account_state,
    prices,
    sample_prices,
)

STABLES = SETTINGS.stable_assets


def test_drift_is_relative_to_the_exchanges_level() -> None:
    own = Totals(Decimal(110_000), Decimal(50_000))
    assert drift(Decimal(2), own) == Decimal("0.1")
    assert drift(Decimal("2.2"), own) == 0


@pytest.mark.parametrize(
    ("polled", "assets", "liabilities"), [("Infinity", 1, 1), ("0", 1, 1), ("1", 0, 1), ("1", 1, 0)]
)
def test_incomparable_levels_have_no_drift(polled: str, assets: int, liabilities: int) -> None:
    assert drift(Decimal(polled), Totals(Decimal(assets), Decimal(liabilities))) is None


def test_freshness_ends_just_after_its_bound() -> None:
    assert is_fresh(NOW, after(15), timedelta(seconds=15))
    assert not is_fresh(NOW, after(15.001), timedelta(seconds=15))
    assert not is_fresh(None, NOW, timedelta(seconds=15))


def test_one_quiet_symbol_does_not_make_the_market_stale() -> None:
    state = apply_events(cross_account_state(), PricesRead(prices(after(60), BTCUSDT=60_000)), at=after(60))
    assert build_price_context(state, SETTINGS, after(60)).is_fresh
    assert not build_price_context(state, SETTINGS, after(76)).is_fresh


def test_snapshot_with_stale_prices_is_not_comparable() -> None:
    state = apply_events(new_account_state(), PricesRead(sample_prices(after(-16))), CrossRead(cross_snapshot()))
    assert not build_price_context(state, SETTINGS, NOW).cross_comparable
    assert build_price_context(cross_account_state(), SETTINGS, NOW).cross_comparable


def test_prices_five_minutes_ago_are_unknown_after_a_gap() -> None:
    state = cross_account_state()
    assert build_price_context(state, SETTINGS, after(299)).five_minutes_ago() is None
    before = build_price_context(state, SETTINGS, after(301)).five_minutes_ago()
    assert before is not None and before.price("BTCUSDT") == 60_000
    assert build_price_context(state, SETTINGS, after(316)).five_minutes_ago() is None
