"""Changes of the account state by each event, and the parts that each leaves alone."""

from dataclasses import replace
from decimal import Decimal

from monitor.core.model.account import CROSS, Balance, Price, Scope
from monitor.core.model.events import (
    Anomaly,
    CrossRead,
    IsolatedRead,
    PricesRead,
    StreamAlive,
    StreamChanged,
    StreamEvent,
    Tick,
)
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.price_state import PRICE_HISTORY
from monitor.core.state.scopes import needed_symbols, watched_scopes
from monitor.view.documents.account import account_document
from tests.support.examples.accounts import (
    NOW,
    SETTINGS,
    after,
    apply_events,
    cross_account_state,
    cross_snapshot,
    isolated_snapshot,
    long_pair,
    new_account_state,
    prices,
)


def test_snapshot_older_than_the_known_one_changes_nothing() -> None:
    state = cross_account_state()
    assert apply_events(state, CrossRead(cross_snapshot(after(-1)))) is state
    with_pair = apply_events(state, IsolatedRead(isolated_snapshot()))
    assert apply_events(with_pair, IsolatedRead(isolated_snapshot(at=after(-1)))) is with_pair


def test_snapshot_remembers_the_prices_that_were_known_when_it_came() -> None:
    state = apply_events(cross_account_state(), PricesRead(prices(after(1), BTCUSDT=50_000)), at=after(1))
    assert state.prices.at_cross.prices["BTCUSDT"].value == 60_000
    assert state.prices.newest["BTCUSDT"].value == 50_000


def test_price_older_than_the_known_one_is_refused() -> None:
    state = apply_events(cross_account_state(), PricesRead(prices(after(-1), BTCUSDT=1, ETHUSDT=1)))
    assert state.prices.newest["BTCUSDT"].value == 60_000


def test_price_that_was_not_renewed_for_an_hour_is_forgotten() -> None:
    later = after(3_601)
    state = apply_events(cross_account_state(), PricesRead(prices(later, BTCUSDT=60_000)), at=later)
    assert set(state.prices.newest) == {"BTCUSDT"}


def test_prices_of_five_minutes_ago_are_kept_whatever_pace_they_came_at() -> None:
    state = new_account_state()
    for second in range(0, 1_000, 7):
        state = apply_events(state, PricesRead(prices(after(second), BTCUSDT=second + 1)), at=after(second))
        oldest = state.prices.history[0]
        assert oldest.at <= max(NOW, after(second) - PRICE_HISTORY)
    assert len(state.prices.history) <= 62


def test_reconnects_are_counted_and_new_subscriptions_are_none() -> None:
    state = new_account_state()
    for connected in (True, True, False, True):
        state = apply_events(state, StreamChanged("market", connected, (), NOW))
    assert state.streams["market"].reconnects == 1


def test_last_frame_of_a_stream_never_goes_back() -> None:
    state = apply_events(new_account_state(), StreamAlive("risk", after(5)), StreamAlive("risk", after(3)))
    assert state.streams["risk"].last_frame_at == after(5)


def test_lost_stream_keeps_its_last_frame_time() -> None:
    state = apply_events(new_account_state(), StreamAlive("market", NOW), StreamChanged("market", False, (), after(60)))
    assert state.streams["market"].last_frame_at == NOW


def test_anomalous_events_are_counted_and_shown() -> None:
    event = StreamEvent("account", CROSS, "x", "key", NOW, NOW, "{}")
    odd: list[Anomaly] = ["late", "repeated", "late"]
    state = apply_events(new_account_state(), event, *(replace(event, anomaly=one) for one in odd))
    assert state.streams["account"].anomalies == {"late": 2, "repeated": 1}
    (shown,) = account_document(state, SETTINGS, NOW, "1.0")["streams"]
    assert [shown[name] for name in ("rejected", "repeated", "late", "unknown")] == [0, 1, 2, 0]


def test_tick_changes_nothing() -> None:
    state = cross_account_state()
    assert apply_events(state, Tick()) is state


def test_pairs_not_watched_or_not_enabled_are_no_scope() -> None:
    off = replace(long_pair(), symbol="ETHUSDT", enabled=False)
    other = replace(long_pair(), symbol="SOLUSDT")
    state = apply_events(new_account_state(), IsolatedRead(isolated_snapshot(long_pair(), off, other)))
    assert watched_scopes(state, SETTINGS) == (CROSS, Scope("BTCUSDT"), Scope("SOLUSDT"))
    assert watched_scopes(state, AccountSettings("main", cross=False, isolated=("BTCUSDT",))) == (Scope("BTCUSDT"),)


def test_needed_prices_are_those_of_everything_held_or_owed_and_of_the_pairs() -> None:
    in_btc = replace(long_pair(), symbol="ETHBTC", base=Balance("ETH", free=Decimal(1)), quote=Balance("BTC"))
    state = apply_events(cross_account_state(), IsolatedRead(isolated_snapshot(in_btc)))
    assert needed_symbols(state, SETTINGS) == {"BTCUSDT", "ETHUSDT", "ETHBTC"}


def test_needed_symbols_of_an_unpriced_asset_include_all_bridges() -> None:
    balances = {"ABC": Balance("ABC", free=Decimal(1))}
    state = apply_events(new_account_state(), CrossRead(cross_snapshot(balances=balances)))
    assert needed_symbols(state, SETTINGS) == {"BTCUSDT", "ABCUSDT"}
    state = apply_events(state, PricesRead({"BTCUSDT": Price(Decimal(60_000), NOW)}))
    tried = {f"ABC{other}" for other in ("BTC", "ETH", "BNB", "SOL", "USDC", "FDUSD", "EUR")} | {"USDTABC"}
    assert needed_symbols(state, SETTINGS) == {"BTCUSDT", "ABCUSDT", *tried}
    known = replace(state, prices=replace(state.prices, newest=prices(BTCUSDT=1, ABCFDUSD=2)))
    assert needed_symbols(known, SETTINGS) == {"BTCUSDT", "ABCUSDT", *tried, "FDUSDUSDT"}
    found = replace(state, prices=replace(state.prices, newest=prices(BTCUSDT=1, ABCFDUSD=2, FDUSDUSDT=1)))
    assert needed_symbols(found, SETTINGS) == {"BTCUSDT", "ABCUSDT", "ABCFDUSD", "FDUSDUSDT"}
    inverted = apply_events(state, PricesRead({"USDTABC": Price(Decimal(40), NOW)}))
    assert needed_symbols(inverted, SETTINGS) == {"BTCUSDT", "ABCUSDT", "USDTABC"}
    state = apply_events(state, PricesRead({"ABCBTC": Price(Decimal("0.1"), NOW)}))
    assert needed_symbols(state, SETTINGS) == {"BTCUSDT", "ABCUSDT", "ABCBTC"}
