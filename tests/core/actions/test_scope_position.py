"""Scope positions: assets that count as collateral, trading, open orders."""

from dataclasses import replace
from datetime import datetime

from monitor.core.actions.plan_context import build_plan_context
from monitor.core.actions.scope_position import ScopePosition
from monitor.core.model.account import CROSS, CollateralTier, IsolatedPair, IsolatedSnapshot, Scope
from monitor.core.model.events import StreamEvent
from monitor.core.model.lending_terms import Delisting, Restrictions
from monitor.core.model.order import CancelOrders, Reduce
from monitor.core.model.reads import (
    CollateralRatiosRead,
    ListingScheduleRead,
    MinRepayRead,
    OpenOrdersRead,
    OrderUpdate,
    TradingRulesRead,
)
from monitor.core.model.symbols import OpenOrder, TradingRules
from monitor.core.state.account_state import AccountState
from monitor.core.state.account_update import apply_account_event
from tests.support.examples.actions import NOW, SETTINGS, D, account_state, balance, scope_position, seconds

SETTINGS_OF_PAIRS = replace(SETTINGS, isolated=("BTCUSDT",))
BTCUSDT = TradingRules("BTCUSDT", "BTC", "USDT", D("0.01"), D("0.00001"))


def position_in(state: AccountState) -> ScopePosition:
    ground = build_plan_context(state, None, CROSS, {}, SETTINGS, (), NOW)
    assert ground is not None
    return ground.position


def order_closed_event(number: int, at: datetime) -> StreamEvent:
    """Report from the stream that an order is no longer open."""
    event = StreamEvent("account", CROSS, "executionReport", str(number), at, at, "{}")
    return replace(event, order=OrderUpdate(number, "BTCUSDT", False, at))


def test_worthless_collateral_follows_from_ratios_restrictions_and_delistings() -> None:
    state = account_state(spot={"USDT": "9", "BTC": "1", "ACH": "5", "LUNA": "5", "OLD": "5"})
    full = (CollateralTier(D(0), None, D(1)),)
    ratios = {"USDT": full, "BTC": (CollateralTier(D(0), None, D("0.95")),), "ACH": full, "OLD": full}
    state = apply_account_event(state, CollateralRatiosRead(ratios, NOW), NOW)
    leaving = Delisting(NOW + seconds(86_400), frozenset({"OLD"}), frozenset())
    state = apply_account_event(
        state, ListingScheduleRead((leaving,), Restrictions(frozenset(), frozenset({"ACH"})), NOW), NOW
    )
    assert position_in(state).worthless_collateral == {"ACH", "LUNA", "OLD"}
    assert position_in(state).collateral_ratios["BTC"] == D("0.95")


def test_collateral_terms_are_unknown_until_ratios_and_schedules_are_read() -> None:
    state = account_state(spot={"BTC": "1"})
    assert position_in(state).terms_unknown
    state = apply_account_event(state, ListingScheduleRead((), Restrictions(), NOW), NOW)
    assert position_in(state).terms_unknown
    state = apply_account_event(
        state, CollateralRatiosRead({"BTC": (CollateralTier(D(0), None, D("0.95")),)}, NOW), NOW
    )
    assert not position_in(state).terms_unknown


def test_pair_with_scheduled_delisting_takes_no_collateral() -> None:
    pair = IsolatedPair(
        "BTCUSDT", balance("BTC", "1"), balance("USDT", borrowed="30000"), D(2), None, D(60_000), D(33_000)
    )
    state = replace(account_state(), isolated=IsolatedSnapshot(NOW, NOW, {"BTCUSDT": pair}))
    unread = build_plan_context(state, None, Scope("BTCUSDT"), {}, SETTINGS_OF_PAIRS, (), NOW)
    assert unread is not None
    assert unread.position.terms_unknown
    leaving = Delisting(NOW + seconds(86_400), frozenset(), frozenset({"BTCUSDT"}))
    state = apply_account_event(state, ListingScheduleRead((leaving,), Restrictions(), NOW), NOW)
    read = build_plan_context(state, None, Scope("BTCUSDT"), {}, SETTINGS_OF_PAIRS, (), NOW)
    assert read is not None
    assert not read.position.terms_unknown
    assert read.position.worthless_collateral == {"BTC", "USDT"}


def test_min_repayment_is_zero_until_it_is_read() -> None:
    assert {row.min_repay for row in position_in(account_state()).by_asset.values()} == {D(0)}
    rows = position_in(apply_account_event(account_state(), MinRepayRead({"USDT": D(10)}, NOW), NOW)).by_asset
    assert {asset: row.min_repay for asset, row in rows.items()} == {"BTC": D(0), "ETH": D(0), "USDT": D(10)}


def test_additional_collateral_counts_by_the_tier_above_the_held_value() -> None:
    tiers = (CollateralTier(D(0), D(90_000), D(1)), CollateralTier(D(90_000), None, D(0)))
    state = apply_account_event(account_state(spot={"BTC": "1"}), CollateralRatiosRead({"BTC": tiers}, NOW), NOW)
    # 1.5 BTC at 60,000 are held.
    assert position_in(state).collateral_ratios["BTC"] == 0
    assert "BTC" in position_in(state).worthless_collateral


def test_last_price_comes_from_the_symbol_or_from_its_two_assets() -> None:
    ethbtc = TradingRules("ETHBTC", "ETH", "BTC", D("0.00001"), D("0.0001"))
    read = TradingRulesRead({"BTCUSDT": BTCUSDT, "ETHBTC": ethbtc}, frozenset({"BTC", "USDT", "ETH"}), NOW)
    known = position_in(apply_account_event(account_state(), read, NOW))
    assert known.last_price("BTCUSDT") == 60_000
    assert known.last_price("ETHBTC") == D("0.05")
    assert known.last_price("SOLUSDT") is None


def test_closed_order_is_no_longer_an_open_order() -> None:
    orders = (OpenOrder(5, "BTCUSDT", "BUY"), OpenOrder(6, "BTCUSDT", "SELL"))
    state = apply_account_event(account_state(), OpenOrdersRead(CROSS, frozenset({5, 6}), NOW, orders), NOW)
    assert position_in(state).open_orders == orders
    assert (
        position_in(apply_account_event(state, order_closed_event(5, NOW + seconds(1)), NOW)).open_orders == orders[1:]
    )


def test_sale_proceeds_repay_the_debt_and_the_remainder_is_free() -> None:
    held = scope_position(balance("BTC", "1"), balance("USDT", borrowed="3000"))
    sale = Reduce(CROSS, "USDT", D(6000), "BTCUSDT", "SELL", D("0.1"), D(59_400), "BTC")
    after = held.after(sale)
    # 6,000 less the fee of 6: 3,000 are repaid, 2,994 are left.
    assert (after.by_asset["BTC"].balance.free, after.by_asset["USDT"].balance.free) == (D("0.9"), D(2994))
    assert (after.assets, after.liabilities) == (D(56_994), D(0))


def test_cancelled_orders_free_their_locked_balance() -> None:
    held = replace(scope_position(balance("BTC", "1", locked="0.5")), open_orders=(OpenOrder(5, "BTCUSDT", "SELL"),))
    after = held.after(CancelOrders(Scope(), "BTCUSDT", "BTC"))
    assert (after.by_asset["BTC"].balance.free, after.by_asset["BTC"].balance.locked, after.open_orders) == (
        D("1.5"),
        D(0),
        (),
    )
