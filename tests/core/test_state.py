"""What each event changes, and what it leaves alone."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from monitor.core.account import CROSS, Balance, Price, Scope
from monitor.core.events import (
    CrossRead,
    InterestRead,
    IsolatedRead,
    PricesRead,
    StreamAlive,
    StreamChanged,
    Tick,
)
from monitor.core.repricing import PRICE_HISTORY
from monitor.core.state import Settings, needed_symbols, scopes, unknown_charges
from tests.core.worked import NOW, SETTINGS, after, charge, cross, isolated, long_pair, prices, started, told, watched


def test_snapshot_older_than_the_known_one_changes_nothing() -> None:
    state = watched()
    assert told(state, CrossRead(cross(after(-1)))) is state
    with_pair = told(state, IsolatedRead(isolated()))
    assert told(with_pair, IsolatedRead(isolated(at=after(-1)))) is with_pair


def test_snapshot_remembers_the_prices_that_were_known_when_it_came() -> None:
    state = told(watched(), PricesRead(prices(after(1), BTCUSDT=50_000)), at=after(1))
    assert state.cross_prices["BTCUSDT"].value == 60_000
    assert state.prices["BTCUSDT"].value == 50_000


def test_price_older_than_the_known_one_is_refused() -> None:
    state = told(watched(), PricesRead(prices(after(-1), BTCUSDT=1, ETHUSDT=1)))
    assert state.prices["BTCUSDT"].value == 60_000


def test_price_that_was_not_renewed_for_an_hour_is_forgotten() -> None:
    later = after(3_601)
    state = told(watched(), PricesRead(prices(later, BTCUSDT=60_000)), at=later)
    assert set(state.prices) == {"BTCUSDT"}


def test_prices_of_five_minutes_ago_are_kept_whatever_pace_they_came_at() -> None:
    state = started()
    for second in range(0, 1_000, 7):
        state = told(state, PricesRead(prices(after(second), BTCUSDT=second + 1)), at=after(second))
        oldest = state.price_history[0]
        assert oldest.at <= max(NOW, after(second) - PRICE_HISTORY)
    assert len(state.price_history) <= 62


def test_interest_seen_twice_is_known_once() -> None:
    first, second = charge("USDT", after(-7_200), number=1), charge("USDT", after(-3_600), number=2)
    state = told(started(), InterestRead(CROSS, (first,)), InterestRead(CROSS, (first, second)))
    assert state.interest[CROSS, "USDT"].recent == (first, second)
    assert state.interest[CROSS, "USDT"].last == second
    third = charge("USDT", NOW, number=3)
    assert unknown_charges(state, (first, second, third)) == (third,)


def test_same_charge_of_two_scopes_is_two_charges() -> None:
    known = told(started(), InterestRead(CROSS, (charge("USDT", NOW),)))
    other = charge("USDT", NOW, scope=Scope("BTCUSDT"))
    assert unknown_charges(known, (other,)) == (other,)


def test_interest_is_summed_by_the_asset_in_which_it_was_charged() -> None:
    charges = (
        charge("USDT", after(-90_000), interest="5", number=1),
        charge("USDT", after(-80_000), interest="0.5", number=2),
        charge("USDT", after(-3_600), interest="0.25", number=3),
        charge("USDT", after(-1), interest="0.01", number=4, paid_in="BNB"),
    )
    known = told(started(), InterestRead(CROSS, charges)).interest[CROSS, "USDT"]
    assert known.charged_since(after(-86_400)) == {"USDT": Decimal("0.75"), "BNB": Decimal("0.01")}
    assert known.charged_since(NOW) == {"USDT": 0, "BNB": 0}


def test_charge_of_a_moment_is_the_newest_before_it_else_the_first() -> None:
    early, late = charge("USDT", after(-90_000), number=1), charge("USDT", after(-60), number=2)
    known = told(started(), InterestRead(CROSS, (late, early))).interest[CROSS, "USDT"]
    assert known.charge_at(after(-86_400)) == early
    assert known.charge_at(after(-100_000)) == early
    assert known.charge_at(NOW) == late


def test_charges_of_more_than_thirty_days_ago_are_not_kept() -> None:
    old = charge("USDT", NOW - timedelta(days=31))
    assert told(started(), InterestRead(CROSS, (old,))).interest == {}


def test_reconnects_are_counted_and_new_subscriptions_are_none() -> None:
    state = started()
    for connected in (True, True, False, True):
        state = told(state, StreamChanged("market", connected, (), NOW))
    assert state.streams["market"].reconnects == 1


def test_last_frame_of_a_stream_never_goes_back() -> None:
    state = told(started(), StreamAlive("risk", after(5)), StreamAlive("risk", after(3)))
    assert state.streams["risk"].last_frame_at == after(5)


def test_lost_stream_keeps_when_it_was_last_heard() -> None:
    state = told(started(), StreamAlive("market", NOW), StreamChanged("market", False, (), after(60)))
    assert state.streams["market"].last_frame_at == NOW


def test_tick_changes_nothing() -> None:
    state = watched()
    assert told(state, Tick()) is state


def test_pairs_not_watched_or_not_enabled_are_no_scope() -> None:
    off = replace(long_pair(), symbol="ETHUSDT", enabled=False)
    other = replace(long_pair(), symbol="SOLUSDT")
    state = told(started(), IsolatedRead(isolated(long_pair(), off, other)))
    assert scopes(state, SETTINGS) == (CROSS, Scope("BTCUSDT"), Scope("SOLUSDT"))
    assert scopes(state, Settings("main", cross=False, isolated=("BTCUSDT",))) == (Scope("BTCUSDT"),)


def test_needed_prices_are_those_of_everything_held_or_owed_and_of_the_pairs() -> None:
    in_btc = replace(long_pair(), symbol="ETHBTC", base=Balance("ETH", free=Decimal(1)), quote=Balance("BTC"))
    state = told(watched(), IsolatedRead(isolated(in_btc)))
    assert needed_symbols(state, SETTINGS) == {"BTCUSDT", "ETHUSDT", "ETHBTC"}


def test_asset_without_a_usdt_price_is_wanted_in_btc() -> None:
    balances = {"ABC": Balance("ABC", free=Decimal(1))}
    state = told(started(), CrossRead(cross(balances=balances)))
    assert needed_symbols(state, SETTINGS) == {"BTCUSDT", "ABCUSDT"}
    state = told(state, PricesRead({"BTCUSDT": Price(Decimal(60_000), NOW)}))
    assert needed_symbols(state, SETTINGS) == {"BTCUSDT", "ABCUSDT", "ABCBTC"}
