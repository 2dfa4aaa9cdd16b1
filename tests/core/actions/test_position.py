"""What an action may look at: what counts as collateral, what trades, what is open."""

from dataclasses import replace
from datetime import datetime

from monitor.core.actions.decision import ground_of
from monitor.core.actions.position import Standing
from monitor.core.model.account import CROSS, CollateralTier, IsolatedPair, IsolatedSnapshot, Scope
from monitor.core.model.events import StreamEvent
from monitor.core.model.lending_terms import Delisting, Restricted
from monitor.core.model.order import CancelOrders, Reduce
from monitor.core.model.reads import CollateralRead, MarketsRead, MinimaRead, OrdersRead, OrderTold, SchedulesRead
from monitor.core.model.symbols import Market, Resting
from monitor.core.state.account_state import AccountState
from monitor.core.state.apply import apply
from tests.support.examples.actions import NOW, SETTINGS, D, account, balance, seconds, standing

SETTINGS_OF_PAIRS = replace(SETTINGS, isolated=("BTCUSDT",))
BTCUSDT = Market("BTCUSDT", "BTC", "USDT", D("0.01"), D("0.00001"))


def seen(state: AccountState) -> Standing:
    ground = ground_of(state, None, CROSS, {}, SETTINGS, (), NOW)
    assert ground is not None
    return ground.standing


def told(number: int, at: datetime) -> StreamEvent:
    """The stream tells that an order is not open any more."""
    event = StreamEvent("account", CROSS, "executionReport", str(number), at, at, "{}")
    return replace(event, order=OrderTold(number, "BTCUSDT", False, at))


def test_what_counts_for_nothing_is_known_from_ratios_restrictions_and_delistings() -> None:
    state = account(spot={"USDT": "9", "BTC": "1", "ACH": "5", "LUNA": "5", "OLD": "5"})
    full = (CollateralTier(D(0), None, D(1)),)
    ratios = {"USDT": full, "BTC": (CollateralTier(D(0), None, D("0.95")),), "ACH": full, "OLD": full}
    state = apply(state, CollateralRead(ratios, NOW), NOW)
    leaving = Delisting(NOW + seconds(86_400), frozenset({"OLD"}), frozenset())
    state = apply(state, SchedulesRead((leaving,), Restricted(frozenset(), frozenset({"ACH"})), NOW), NOW)
    assert seen(state).uncounted == {"ACH", "LUNA", "OLD"}
    assert seen(state).counted["BTC"] == D("0.95")


def test_what_the_exchange_counts_is_unknown_until_ratios_and_schedules_were_read() -> None:
    state = account(spot={"BTC": "1"})
    assert seen(state).terms_unread
    state = apply(state, SchedulesRead((), Restricted(), NOW), NOW)
    assert seen(state).terms_unread
    state = apply(state, CollateralRead({"BTC": (CollateralTier(D(0), None, D("0.95")),)}, NOW), NOW)
    assert not seen(state).terms_unread


def test_a_pair_that_is_to_be_delisted_takes_no_collateral() -> None:
    pair = IsolatedPair(
        "BTCUSDT", balance("BTC", "1"), balance("USDT", borrowed="30000"), D(2), None, D(60_000), D(33_000)
    )
    state = replace(account(), isolated=IsolatedSnapshot(NOW, NOW, {"BTCUSDT": pair}))
    unread = ground_of(state, None, Scope("BTCUSDT"), {}, SETTINGS_OF_PAIRS, (), NOW)
    assert unread is not None
    assert unread.standing.terms_unread
    leaving = Delisting(NOW + seconds(86_400), frozenset(), frozenset({"BTCUSDT"}))
    state = apply(state, SchedulesRead((leaving,), Restricted(), NOW), NOW)
    read = ground_of(state, None, Scope("BTCUSDT"), {}, SETTINGS_OF_PAIRS, (), NOW)
    assert read is not None
    assert not read.standing.terms_unread
    assert read.standing.uncounted == {"BTC", "USDT"}


def test_the_least_repayment_is_zero_until_it_was_read() -> None:
    assert {row.min_repay for row in seen(account()).rows.values()} == {D(0)}
    rows = seen(apply(account(), MinimaRead({"USDT": D(10)}, NOW), NOW)).rows
    assert {asset: row.min_repay for asset, row in rows.items()} == {"BTC": D(0), "ETH": D(0), "USDT": D(10)}


def test_more_of_an_asset_counts_by_the_tier_beyond_what_is_held() -> None:
    tiers = (CollateralTier(D(0), D(90_000), D(1)), CollateralTier(D(90_000), None, D(0)))
    state = apply(account(spot={"BTC": "1"}), CollateralRead({"BTC": tiers}, NOW), NOW)
    # 1.5 BTC at 60,000 are held.
    assert seen(state).counted["BTC"] == 0
    assert "BTC" in seen(state).uncounted


def test_the_last_price_is_that_of_the_symbol_or_of_its_two_assets() -> None:
    ethbtc = Market("ETHBTC", "ETH", "BTC", D("0.00001"), D("0.0001"))
    read = MarketsRead({"BTCUSDT": BTCUSDT, "ETHBTC": ethbtc}, frozenset({"BTC", "USDT", "ETH"}), NOW)
    known = seen(apply(account(), read, NOW))
    assert known.last_price("BTCUSDT") == 60_000
    assert known.last_price("ETHBTC") == D("0.05")
    assert known.last_price("SOLUSDT") is None


def test_an_order_that_ended_since_is_not_resting_any_more() -> None:
    orders = (Resting(5, "BTCUSDT", "BUY"), Resting(6, "BTCUSDT", "SELL"))
    state = apply(account(), OrdersRead(CROSS, frozenset({5, 6}), NOW, orders), NOW)
    assert seen(state).resting == orders
    assert seen(apply(state, told(5, NOW + seconds(1)), NOW)).resting == orders[1:]


def test_what_is_sold_repays_and_leaves_the_rest_free() -> None:
    held = standing(balance("BTC", "1"), balance("USDT", borrowed="3000"))
    sale = Reduce(CROSS, "USDT", D(6000), "BTCUSDT", "SELL", D("0.1"), D(59_400), "BTC")
    after = held.after(sale)
    # 6,000 less the fee of 6: 3,000 are repaid, 2,994 are left.
    assert (after.rows["BTC"].balance.free, after.rows["USDT"].balance.free) == (D("0.9"), D(2994))
    assert (after.assets, after.liabilities) == (D(56_994), D(0))


def test_what_is_freed_is_free() -> None:
    held = replace(standing(balance("BTC", "1", locked="0.5")), resting=(Resting(5, "BTCUSDT", "SELL"),))
    after = held.after(CancelOrders(Scope(), "BTCUSDT", "BTC"))
    assert (after.rows["BTC"].balance.free, after.rows["BTC"].balance.locked, after.resting) == (D("1.5"), D(0), ())
