"""Data issues in the status: assets without a USDT pair, halted pairs, missing prices, levels that are not live."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from monitor.core.metrics.cross import measure_cross, measure_pair
from monitor.core.metrics.data_quality import MAX_PRICE_SILENCE, DataIssue, find_data_issues
from monitor.core.model.account import CROSS, Balance, Price, Scope
from monitor.core.model.events import CrossRead, PricesRead
from monitor.core.model.reads import TradingRulesRead
from monitor.core.model.symbols import TradingRules
from monitor.core.state.account_state import AccountState
from tests.support.examples.accounts import (
    NOW,
    SETTINGS,
    after,
    apply_events,
    cross_account_state,
    cross_snapshot,
    long_pair,
    pair_account_state,
    prices,
    sample_balances,
)


def named_issues(state: AccountState, seconds: float = 0) -> list[tuple[str, str]]:
    return [(gap.kind, gap.name) for gap in issues(state, seconds)]


def issues(state: AccountState, seconds: float = 0) -> tuple[DataIssue, ...]:
    now = after(seconds)
    return find_data_issues(state, SETTINGS, CROSS, measure_cross(state, SETTINGS, now), now)


def holding(asset: str, **known: str) -> AccountState:
    """Return the worked example with some of another asset, and with these additional prices."""
    state = cross_account_state()
    state = replace(state, prices=replace(state.prices, newest={**state.prices.newest, **prices(NOW, **known)}))
    return apply_events(
        state, CrossRead(cross_snapshot(balances=sample_balances() | {asset: Balance(asset, free=Decimal(1))}))
    )


def test_no_issue_when_every_asset_has_a_price() -> None:
    assert named_issues(cross_account_state()) == []


def test_unpriced_asset_is_an_issue() -> None:
    (gap,) = issues(holding("XYZ"))
    assert (gap.kind, gap.name) == ("no_price", "XYZ")


def test_asset_valued_through_bitcoin_is_an_issue() -> None:
    state = holding("XYZ", XYZBTC="0.01")
    (gap,) = issues(state)
    assert (gap.kind, gap.name) == ("no_usdt_pair", "XYZ")
    assert "XYZBTC" in gap.text
    held = {row.balance.asset: row.price for row in measure_cross(state, SETTINGS, NOW).holdings}
    assert held["XYZ"] == 600


def test_asset_valued_through_the_asset_it_tracks_is_an_issue() -> None:
    state = holding("WBETH", WBETHETH="0.2")
    (gap,) = issues(state)
    assert (gap.kind, gap.name) == ("no_usdt_pair", "WBETH")
    assert "WBETHETH" in gap.text
    held = {row.balance.asset: row.price for row in measure_cross(state, SETTINGS, NOW).holdings}
    # An ETH is 3,000 USDT.
    assert held["WBETH"] == 600


def test_stopped_price_is_an_issue() -> None:
    stopped = (MAX_PRICE_SILENCE + timedelta(minutes=5)).total_seconds()
    state = cross_account_state()
    state = replace(
        state,
        prices=replace(
            state.prices,
            newest={**state.prices.newest, "BTCUSDT": Price(Decimal(60_000), after(stopped))},
            newest_at=None,
        ),
    )
    state = apply_events(state, CrossRead(cross_snapshot(after(stopped))))
    (gap,) = issues(state, stopped)
    assert (gap.kind, gap.name) == ("old_price", "ETHUSDT")
    assert "25 min" in gap.text


def test_missing_prices_explain_a_level_that_is_not_live() -> None:
    state = apply_events(cross_account_state(), CrossRead(cross_snapshot(after(30))))
    (gap,) = issues(state, 40)
    assert (gap.kind, gap.name) == ("prices_stale", "")
    assert "40 s" in gap.text
    assert gap.text.endswith("last read")
    fallen = apply_events(cross_account_state(), PricesRead({"BTCUSDT": Price(Decimal(54_000), after(5))}), at=after(5))
    (gap,) = issues(fallen, 40)
    assert (gap.kind, gap.name) == ("prices_stale", "")
    assert "35 s" in gap.text
    assert gap.text.endswith("last prices")


def test_valuation_drift_is_an_issue() -> None:
    state = apply_events(cross_account_state(), CrossRead(cross_snapshot(after(1), level=Decimal("1.7"))))
    assert named_issues(state, 1) == [("drift", "")]


def test_halted_pair_is_an_issue() -> None:
    state = pair_account_state(replace(long_pair(), trade_enabled=False))
    figures = measure_pair(state, SETTINGS, "BTCUSDT", NOW)
    (gap,) = find_data_issues(state, SETTINGS, Scope("BTCUSDT"), figures, NOW)
    assert (gap.kind, gap.name) == ("halted", "BTCUSDT")


@pytest.mark.parametrize("status", ["HALT", "BREAK", "END_OF_DAY", "CANCEL_ONLY"])
def test_halted_symbol_is_an_issue_where_it_values_an_asset(status: str) -> None:
    markets = {
        name: TradingRules(name, name[:3], "USDT", Decimal("0.01"), Decimal("0.001"), status=word)
        for name, word in {"BTCUSDT": status, "ETHUSDT": "TRADING", "SOLUSDT": status}.items()
    }
    state = apply_events(cross_account_state(), TradingRulesRead(markets, frozenset({"BTC", "ETH", "USDT"}), NOW))
    (gap,) = issues(state)
    assert (gap.kind, gap.name) == ("halted", "BTCUSDT")
    assert status in gap.text


def test_account_with_trading_disabled_is_an_issue() -> None:
    assert named_issues(
        apply_events(cross_account_state(), CrossRead(replace(cross_snapshot(), trade_enabled=False)))
    ) == [("halted", "")]
