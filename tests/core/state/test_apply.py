"""What each event changes, and what it leaves alone."""

from dataclasses import replace
from decimal import Decimal

from monitor.core.model.account import CROSS, Balance, Price, Scope
from monitor.core.model.events import (
    CrossRead,
    IsolatedRead,
    Oddity,
    PricesRead,
    StreamAlive,
    StreamChanged,
    StreamEvent,
    Tick,
)
from monitor.core.state.account_settings import Settings
from monitor.core.state.apply_prices import PRICE_HISTORY
from monitor.core.state.scopes import needed_symbols, scopes
from monitor.view.documents.account import account_document
from tests.support.examples.accounts import (
    NOW,
    SETTINGS,
    after,
    cross,
    isolated,
    long_pair,
    prices,
    started,
    told,
    watched,
)


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


def test_events_that_came_otherwise_than_they_should_are_counted_and_shown() -> None:
    event = StreamEvent("account", CROSS, "x", "key", NOW, NOW, "{}")
    odd: list[Oddity] = ["late", "repeated", "late"]
    state = told(started(), event, *(replace(event, oddity=one) for one in odd))
    assert state.streams["account"].oddities == {"late": 2, "repeated": 1}
    (shown,) = account_document(state, SETTINGS, NOW, "1.0")["streams"]
    assert [shown[name] for name in ("rejected", "repeated", "late", "unknown")] == [0, 1, 2, 0]


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


def test_asset_without_a_usdt_price_is_wanted_in_all_that_may_lead_there_until_something_does() -> None:
    balances = {"ABC": Balance("ABC", free=Decimal(1))}
    state = told(started(), CrossRead(cross(balances=balances)))
    assert needed_symbols(state, SETTINGS) == {"BTCUSDT", "ABCUSDT"}
    state = told(state, PricesRead({"BTCUSDT": Price(Decimal(60_000), NOW)}))
    tried = {f"ABC{other}" for other in ("BTC", "ETH", "BNB", "SOL", "USDC", "FDUSD", "EUR")} | {"USDTABC"}
    assert needed_symbols(state, SETTINGS) == {"BTCUSDT", "ABCUSDT", *tried}
    known = replace(state, prices=prices(BTCUSDT=1, ABCFDUSD=2))
    assert needed_symbols(known, SETTINGS) == {"BTCUSDT", "ABCUSDT", *tried, "FDUSDUSDT"}
    found = replace(state, prices=prices(BTCUSDT=1, ABCFDUSD=2, FDUSDUSDT=1))
    assert needed_symbols(found, SETTINGS) == {"BTCUSDT", "ABCUSDT", "ABCFDUSD", "FDUSDUSDT"}
    inverted = told(state, PricesRead({"USDTABC": Price(Decimal(40), NOW)}))
    assert needed_symbols(inverted, SETTINGS) == {"BTCUSDT", "ABCUSDT", "USDTABC"}
    state = told(state, PricesRead({"ABCBTC": Price(Decimal("0.1"), NOW)}))
    assert needed_symbols(state, SETTINGS) == {"BTCUSDT", "ABCUSDT", "ABCBTC"}
