"""Activity and reference data of an account after events in order."""

from dataclasses import replace
from decimal import Decimal

from monitor.core.engine.read_demand import newly_needed_reads
from monitor.core.model.account import CROSS, Balance, CollateralTier, Price, Scope, Thresholds
from monitor.core.model.events import (
    CrossRead,
    Event,
    IsolatedRead,
    LeverageTiersRead,
    StreamEvent,
    ThresholdsRead,
    Tick,
)
from monitor.core.model.intent import IntentState
from monitor.core.model.ledger import LedgerRow
from monitor.core.model.lending_terms import describe_changes
from monitor.core.model.order import Repay
from monitor.core.model.reads import CollateralRatiosRead, IndexPriceRead, LedgerRead, OpenOrdersRead, OrderUpdate
from monitor.core.model.stream_payloads import BalanceAdjusted, LiabilityChanged, ParsedPayload, StreamName
from monitor.core.state.account_state import AccountState
from monitor.core.state.account_update import apply_account_event
from monitor.core.state.index_basis import IndexReading
from tests.support.examples.accounts import (
    FIVE_TIMES_TIER,
    NOW,
    THRESHOLDS,
    after,
    apply_events,
    cross_snapshot,
    isolated_snapshot,
    long_pair,
    new_account_state,
    sample_balances,
)
from tests.support.examples.actions import intent

D = Decimal
PAIR = Scope("BTCUSDT")


def balances_with(**free: str) -> dict[str, Balance]:
    return {**sample_balances(), **{asset: replace(sample_balances()[asset], free=D(v)) for asset, v in free.items()}}


def stream_event(
    meaning: ParsedPayload, at: float, stream: StreamName = "account", order: OrderUpdate | None = None
) -> StreamEvent:
    return StreamEvent(stream, CROSS, "x", f"{at}", after(at), after(at), "{}", meaning, order=order)


def state_with_one_open_order() -> AccountState:
    """Return an account with one known open order."""
    return apply_events(new_account_state(), OpenOrdersRead(CROSS, frozenset({7}), NOW))


def apply_and_collect_reads(state: AccountState, *events: tuple[float, Event]) -> tuple[AccountState, set[str]]:
    """Return the state after the events at their seconds, and every read that became necessary on the way."""
    wanted: set[str] = set()
    for at, event in events:
        new = apply_account_event(state, event, after(at))
        wanted |= newly_needed_reads(state, new)
        state = new
    return state, wanted


def test_unexplained_balance_change_requests_the_ledger_after_a_grace_period() -> None:
    first = (
        CrossRead(cross_snapshot(after(0))),
        CrossRead(cross_snapshot(after(60), balances=balances_with(USDT="19000"))),
    )
    _, early = apply_and_collect_reads(state_with_one_open_order(), (0, first[0]), (60, first[1]), (61, Tick()))
    state, late = apply_and_collect_reads(
        state_with_one_open_order(), (0, first[0]), (60, first[1]), (61, Tick()), (66, Tick()), (67, Tick())
    )
    assert (early, late) == (set(), {"capital_flow"})
    assert (state.activity.ledger_requested_at, state.activity.ledger_stale_since) == (after(66), {CROSS: after(60)})


def test_stream_event_shortly_before_or_after_explains_a_balance_change() -> None:
    first = (
        CrossRead(cross_snapshot(after(0))),
        CrossRead(cross_snapshot(after(60), balances=balances_with(USDT="19000"))),
    )
    for at in (30.0, 62.0):
        word = (at, stream_event(BalanceAdjusted("USDT", D(-1000), after(at)), at))
        events: list[tuple[float, Event]] = [(0, first[0]), (60, first[1]), word]
        events.sort(key=lambda event: event[0])
        _, wanted = apply_and_collect_reads(state_with_one_open_order(), *events, (70, Tick()))
        assert wanted == set()


def test_ledger_is_read_soon_while_a_movement_of_others_could_pass_for_an_order() -> None:
    unnamed = intent(3, IntentState.UNCERTAIN, Repay(CROSS, "USDT", D(5)), submitted_at=after(1))
    moved = stream_event(BalanceAdjusted("USDT", D(-1000), after(30)), 30)
    events: list[tuple[float, Event]] = [(0, CrossRead(cross_snapshot(after(0)))), (30, moved), (36, Tick())]
    for sent, reads in (
        (unnamed, {"capital_flow"}),
        (replace(unnamed, ref="77"), set()),
        (replace(unnamed, state=IntentState.FAILED), set()),
    ):
        _, wanted = apply_and_collect_reads(replace(state_with_one_open_order(), intents={3: sent}), *events)
        assert wanted == reads


def test_event_of_another_asset_explains_nothing() -> None:
    first = (
        CrossRead(cross_snapshot(after(0))),
        CrossRead(cross_snapshot(after(60), balances=balances_with(USDT="19000"))),
    )
    word = stream_event(BalanceAdjusted("BTC", D(1), after(30)), 30)
    _, wanted = apply_and_collect_reads(
        state_with_one_open_order(), (0, first[0]), (30, word), (60, first[1]), (70, Tick())
    )
    assert wanted == {"capital_flow"}


def test_own_order_explains_its_balance_change() -> None:
    ours = intent(1, IntentState.ACKNOWLEDGED, Repay(CROSS, "USDT", D(1000)), submitted_at=after(30))
    first = (
        CrossRead(cross_snapshot(after(0))),
        CrossRead(cross_snapshot(after(60), balances=balances_with(USDT="19000"))),
    )
    _, wanted = apply_and_collect_reads(
        replace(state_with_one_open_order(), intents={1: ours}), (0, first[0]), (60, first[1]), (70, Tick())
    )
    assert wanted == set()


def test_interest_alone_is_no_unexplained_change() -> None:
    charged = {**sample_balances(), "ETH": Balance("ETH", borrowed=D(10), interest=D("0.001"))}
    state, wanted = apply_and_collect_reads(
        state_with_one_open_order(),
        (0, CrossRead(cross_snapshot(after(0)))),
        (60, CrossRead(cross_snapshot(after(60), balances=charged))),
        (70, Tick()),
    )
    assert (wanted, dict(state.activity.ledger_stale_since)) == (set(), {})


def test_risk_stream_event_explains_a_changed_debt() -> None:
    more = {**sample_balances(), "ETH": Balance("ETH", borrowed=D(11))}
    first = CrossRead(cross_snapshot(after(0))), CrossRead(cross_snapshot(after(60), balances=more))
    word = stream_event(LiabilityChanged("ETH", "BORROW", after(50)), 50, "risk")
    assert (
        apply_and_collect_reads(state_with_one_open_order(), (0, first[0]), (50, word), (60, first[1]), (70, Tick()))[1]
        == set()
    )
    assert apply_and_collect_reads(state_with_one_open_order(), (0, first[0]), (60, first[1]), (70, Tick()))[1] == {
        "capital_flow"
    }


def test_ledger_is_requested_at_most_once_a_minute() -> None:
    events: list[tuple[float, Event]] = [(0, CrossRead(cross_snapshot(after(0))))]
    for at in range(10, 100, 10):
        balances = balances_with(USDT=str(19_000 - at))
        events += [(at, CrossRead(cross_snapshot(after(at), balances=balances))), (at + 6, Tick())]
    asked = 0
    state = state_with_one_open_order()
    for moment, event in events:
        new = apply_account_event(state, event, after(moment))
        asked += bool(newly_needed_reads(state, new))
        state = new
    assert asked == 2


def test_ledger_without_the_matching_row_leaves_the_change_unexplained() -> None:
    first = (
        CrossRead(cross_snapshot(after(0))),
        CrossRead(cross_snapshot(after(60), balances=balances_with(USDT="19000"))),
    )
    state, _ = apply_and_collect_reads(state_with_one_open_order(), (0, first[0]), (60, first[1]))
    empty = apply_account_event(state, LedgerRead(CROSS, NOW, after(70), ()), after(70))
    row = LedgerRow(CROSS, 1, 2, after(58), "USDT", "TRANSFER", D(1000))
    shown = apply_account_event(empty, LedgerRead(CROSS, NOW, after(80), (row,)), after(80))
    assert (CROSS in empty.activity.ledger_stale_since, CROSS in shown.activity.ledger_stale_since) == (True, False)
    assert shown.activity.ledger_read_until == {CROSS: after(80)}


def test_locked_balance_requests_open_orders_and_the_stream_keeps_them_current() -> None:
    state, wanted = apply_and_collect_reads(new_account_state(), (0, CrossRead(cross_snapshot(after(0)))))
    assert wanted == {"orders"}
    state, wanted = apply_and_collect_reads(
        state,
        (1, OpenOrdersRead(CROSS, frozenset({7}), after(1))),
        (2, stream_event(None, 2, order=OrderUpdate(8, "BTCUSDT", True, after(2)))),
        (3, CrossRead(cross_snapshot(after(3)))),
    )
    assert (wanted, state.activity.orders[CROSS].order_ids) == (set[str](), frozenset({7, 8}))


def test_no_locked_balance_means_no_open_orders_and_no_request() -> None:
    free = {**sample_balances(), "BTC": Balance("BTC", free=D("1.5"))}
    state, wanted = apply_and_collect_reads(
        new_account_state(),
        (0, CrossRead(cross_snapshot(after(0), balances=free))),
        (0, IsolatedRead(isolated_snapshot(long_pair(), at=after(0)))),
    )
    assert wanted == set()
    assert {scope: orders.order_ids for scope, orders in state.activity.orders.items()} == {CROSS: set(), PAIR: set()}


def test_changed_terms_are_reported_and_first_terms_are_not() -> None:
    state = apply_events(
        new_account_state(),
        CrossRead(cross_snapshot()),
        ThresholdsRead(THRESHOLDS),
        LeverageTiersRead("BTCUSDT", (FIVE_TIMES_TIER,)),
    )
    known = state.reference.terms
    stricter = Thresholds(D("1.25"), D("1.16"), D("1.1"))
    new = apply_account_event(state, ThresholdsRead(stricter), after(60)).reference.terms
    assert describe_changes({}, known.values()) == ()
    assert {key for key, terms in new.items() if known[key] != terms} == {("bars", "")}
    (text,) = describe_changes(known, new.values())
    before, _, now = text.partition(" → ")
    assert "1.5" in before
    assert "1.25" in now


def test_collateral_terms_are_tracked_for_held_assets_only() -> None:
    whole = (CollateralTier(D(0), None, D(1)),)
    less = (CollateralTier(D(0), D(1_000_000), D("0.8")), CollateralTier(D(1_000_000), None, D(0)))
    state = apply_events(
        new_account_state(), CrossRead(cross_snapshot()), CollateralRatiosRead({"BTC": whole, "SOL": whole}, NOW)
    )
    known = state.reference.terms
    new = apply_account_event(
        state, CollateralRatiosRead({"BTC": less, "SOL": less}, after(60)), after(60)
    ).reference.terms
    assert {key for key in known if key[0] == "collateral"} == {("collateral", "BTC"), ("collateral", "USDT")}
    changed = [terms for key, terms in new.items() if known[key] is not terms]
    assert [(terms.kind, terms.subject) for terms in changed] == [("collateral", "BTC")]
    (text,) = describe_changes(known, changed)
    assert "0.8" in text


def test_index_price_is_stored_by_symbol() -> None:
    state = apply_events(new_account_state(), IndexPriceRead("BTCUSDT", Price(D(60_100), NOW)))
    assert state.prices.index_readings == {"BTCUSDT": IndexReading(Price(D(60_100), NOW))}
