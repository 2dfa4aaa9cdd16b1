"""What is known of an account's surroundings, from events in order."""

from dataclasses import replace
from decimal import Decimal

from monitor.core.engine.read_demand import newly_wanted
from monitor.core.model.account import CROSS, Balance, Bars, CollateralTier, Price, Scope
from monitor.core.model.events import (
    AssetMoved,
    BarsRead,
    CrossRead,
    Event,
    IsolatedRead,
    LiabilityTold,
    Meaning,
    StreamEvent,
    StreamName,
    Tick,
    TiersRead,
)
from monitor.core.model.intent import IntentState
from monitor.core.model.ledger import LedgerRow
from monitor.core.model.lending_terms import changes
from monitor.core.model.order import Repay
from monitor.core.model.reads import CollateralRead, IndexRead, LedgerRead, OrdersRead, OrderTold
from monitor.core.state.account_state import AccountState
from monitor.core.state.apply import apply
from monitor.core.state.index_basis import IndexReading
from tests.support.examples.accounts import (
    BARS,
    FIVE_FOLD,
    NOW,
    after,
    cross,
    isolated,
    long_pair,
    sample_balances,
    started,
    told,
)
from tests.support.examples.actions import intent

D = Decimal
PAIR = Scope("BTCUSDT")


def holding(**free: str) -> dict[str, Balance]:
    return {**sample_balances(), **{asset: replace(sample_balances()[asset], free=D(v)) for asset, v in free.items()}}


def heard(meaning: Meaning, at: float, stream: StreamName = "account", order: OrderTold | None = None) -> StreamEvent:
    return StreamEvent(stream, CROSS, "x", f"{at}", after(at), after(at), "{}", meaning, order=order)


def calm() -> AccountState:
    """An account whose one open order is known."""
    return told(started(), OrdersRead(CROSS, frozenset({7}), NOW))


def played(state: AccountState, *events: tuple[float, Event]) -> tuple[AccountState, set[str]]:
    """The state after the events at their seconds, and every read that has become necessary on the way."""
    wanted: set[str] = set()
    for at, event in events:
        new = apply(state, event, after(at))
        wanted |= newly_wanted(state.followed, new.followed)
        state = new
    return state, wanted


def test_a_balance_that_nothing_explains_calls_for_the_ledger_after_a_moment_of_grace() -> None:
    first = CrossRead(cross(after(0))), CrossRead(cross(after(60), balances=holding(USDT="19000")))
    _, early = played(calm(), (0, first[0]), (60, first[1]), (61, Tick()))
    state, late = played(calm(), (0, first[0]), (60, first[1]), (61, Tick()), (66, Tick()), (67, Tick()))
    assert (early, late) == (set(), {"capital_flow"})
    assert (state.followed.asked_at, state.followed.moved_at) == (after(66), {CROSS: after(60)})


def test_what_the_stream_tells_shortly_before_or_after_explains_it() -> None:
    first = CrossRead(cross(after(0))), CrossRead(cross(after(60), balances=holding(USDT="19000")))
    for at in (30.0, 62.0):
        word = (at, heard(AssetMoved("USDT", D(-1000), after(at)), at))
        events: list[tuple[float, Event]] = [(0, first[0]), (60, first[1]), word]
        events.sort(key=lambda event: event[0])
        _, wanted = played(calm(), *events, (70, Tick()))
        assert wanted == set()


def test_a_word_about_another_asset_explains_nothing() -> None:
    first = CrossRead(cross(after(0))), CrossRead(cross(after(60), balances=holding(USDT="19000")))
    word = heard(AssetMoved("BTC", D(1), after(30)), 30)
    _, wanted = played(calm(), (0, first[0]), (30, word), (60, first[1]), (70, Tick()))
    assert wanted == {"capital_flow"}


def test_an_order_of_ours_explains_what_it_moved() -> None:
    ours = intent(1, IntentState.ACKNOWLEDGED, Repay(CROSS, "USDT", D(1000)), submitted_at=after(30))
    first = CrossRead(cross(after(0))), CrossRead(cross(after(60), balances=holding(USDT="19000")))
    _, wanted = played(replace(calm(), intents={1: ours}), (0, first[0]), (60, first[1]), (70, Tick()))
    assert wanted == set()


def test_interest_alone_is_no_movement() -> None:
    charged = {**sample_balances(), "ETH": Balance("ETH", borrowed=D(10), interest=D("0.001"))}
    state, wanted = played(
        calm(), (0, CrossRead(cross(after(0)))), (60, CrossRead(cross(after(60), balances=charged))), (70, Tick())
    )
    assert (wanted, dict(state.followed.moved_at)) == (set(), {})


def test_a_debt_that_changed_is_explained_by_the_risk_stream() -> None:
    more = {**sample_balances(), "ETH": Balance("ETH", borrowed=D(11))}
    first = CrossRead(cross(after(0))), CrossRead(cross(after(60), balances=more))
    word = heard(LiabilityTold("ETH", "BORROW", after(50)), 50, "risk")
    assert played(calm(), (0, first[0]), (50, word), (60, first[1]), (70, Tick()))[1] == set()
    assert played(calm(), (0, first[0]), (60, first[1]), (70, Tick()))[1] == {"capital_flow"}


def test_the_ledger_is_asked_at_most_once_a_minute() -> None:
    events: list[tuple[float, Event]] = [(0, CrossRead(cross(after(0))))]
    for at in range(10, 100, 10):
        balances = holding(USDT=str(19_000 - at))
        events += [(at, CrossRead(cross(after(at), balances=balances))), (at + 6, Tick())]
    asked = 0
    state = calm()
    for moment, event in events:
        new = apply(state, event, after(moment))
        asked += bool(newly_wanted(state.followed, new.followed))
        state = new
    assert asked == 2


def test_a_ledger_that_does_not_show_it_yet_leaves_the_movement_to_be_looked_for() -> None:
    first = CrossRead(cross(after(0))), CrossRead(cross(after(60), balances=holding(USDT="19000")))
    state, _ = played(calm(), (0, first[0]), (60, first[1]))
    empty = apply(state, LedgerRead(CROSS, NOW, after(70), ()), after(70))
    row = LedgerRow(CROSS, 1, 2, after(58), "USDT", "TRANSFER", D(1000))
    shown = apply(empty, LedgerRead(CROSS, NOW, after(80), (row,)), after(80))
    assert (CROSS in empty.followed.moved_at, CROSS in shown.followed.moved_at) == (True, False)
    assert shown.followed.ledger_at == {CROSS: after(80)}


def test_something_locked_calls_for_the_open_orders_and_the_stream_keeps_them() -> None:
    state, wanted = played(started(), (0, CrossRead(cross(after(0)))))
    assert wanted == {"orders"}
    state, wanted = played(
        state,
        (1, OrdersRead(CROSS, frozenset({7}), after(1))),
        (2, heard(None, 2, order=OrderTold(8, "BTCUSDT", True, after(2)))),
        (3, CrossRead(cross(after(3)))),
    )
    assert (wanted, state.followed.orders[CROSS].numbers) == (set[str](), frozenset({7, 8}))


def test_where_nothing_is_locked_no_order_is_open_and_none_is_asked_for() -> None:
    free = {**sample_balances(), "BTC": Balance("BTC", free=D("1.5"))}
    state, wanted = played(
        started(), (0, CrossRead(cross(after(0), balances=free))), (0, IsolatedRead(isolated(long_pair(), at=after(0))))
    )
    assert wanted == set()
    assert {scope: orders.numbers for scope, orders in state.followed.orders.items()} == {CROSS: set(), PAIR: set()}


def test_changed_terms_are_told_and_first_ones_are_not() -> None:
    state = told(started(), CrossRead(cross()), BarsRead(BARS), TiersRead("BTCUSDT", (FIVE_FOLD,)))
    known = state.followed.terms
    stricter = Bars(D("1.25"), D("1.16"), D("1.1"))
    new = apply(state, BarsRead(stricter), after(60)).followed.terms
    assert changes({}, known.values()) == ()
    assert changes(known, new.values()) == (
        "the bars of the cross account changed: initial 1.5, margin call 1.3, liquidation 1.1 → "
        "initial 1.25, margin call 1.16, liquidation 1.1 (first seen 2025-10-10 20:01 UTC)",
    )


def test_only_what_is_held_has_collateral_terms_that_matter() -> None:
    whole = (CollateralTier(D(0), None, D(1)),)
    less = (CollateralTier(D(0), D(1_000_000), D("0.8")), CollateralTier(D(1_000_000), None, D(0)))
    state = told(started(), CrossRead(cross()), CollateralRead({"BTC": whole, "SOL": whole}, NOW))
    known = state.followed.terms
    new = apply(state, CollateralRead({"BTC": less, "SOL": less}, after(60)), after(60)).followed.terms
    assert {key for key in known if key[0] == "collateral"} == {("collateral", "BTC"), ("collateral", "USDT")}
    assert changes(known, [terms for key, terms in new.items() if known[key] is not terms]) == (
        "the collateral ratio of BTC changed: 1 → 0.8 up to 1000000, then 0 (first seen 2025-10-10 20:01 UTC)",
    )


def test_an_index_price_is_kept_by_its_symbol() -> None:
    state = told(started(), IndexRead("BTCUSDT", Price(D(60_100), NOW)))
    assert state.followed.indexes == {"BTCUSDT": IndexReading(Price(D(60_100), NOW))}
