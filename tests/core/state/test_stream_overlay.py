"""Events between reads against worked examples: changes that count at once, that wait, and that a read drops."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.metrics.cross import measure_cross, measure_pair
from monitor.core.model.account import CROSS, Balance, CrossSnapshot, Scope
from monitor.core.model.events import CrossRead, PricesRead, StreamEvent
from monitor.core.model.stream_payloads import (
    BalanceAdjusted,
    BalancesChanged,
    LiabilityChanged,
    ParsedPayload,
    TradeFilled,
)
from monitor.core.state.account_state import AccountState
from monitor.core.state.live_balances import live_cross_balances, live_pair
from monitor.core.state.stream_overlay import CLOCK_UNCERTAINTY, MAX_FILLS
from tests.support.examples.accounts import (
    NOW,
    SETTINGS,
    after,
    apply_events,
    cross_account_state,
    cross_snapshot,
    is_close_to,
    pair_account_state,
    sample_balances,
    short_pair,
)


def event(seconds: float, meaning: ParsedPayload, scope: Scope = CROSS, key: str = "") -> StreamEvent:
    stream = "risk" if isinstance(meaning, LiabilityChanged) else "account"
    at = after(seconds)
    return StreamEvent(stream, scope, "told", key or f"{seconds} {meaning}", at, at, "{}", meaning)  # type: ignore[arg-type]  # one of its two words


def balance_event(seconds: float, **held: str) -> StreamEvent:
    amounts = {asset: (Decimal(amount), Decimal(0)) for asset, amount in held.items()}
    return event(seconds, BalancesChanged(after(seconds), amounts))


def fill(seconds: float, side: str, quantity: str, quote: str, *, trade: int = 1, fee: str = "0") -> TradeFilled:
    return TradeFilled(
        "BTCUSDT", trade, side == "BUY", Decimal(quantity), Decimal(quote), Decimal(fee), "BTC", after(seconds)
    )


def sale_events(seconds: float = 10) -> tuple[StreamEvent, StreamEvent]:
    """Return the events of the exchange for half a bitcoin sold for 30,000 USDT."""
    return event(seconds, fill(seconds, "SELL", "0.5", "30000")), balance_event(seconds, BTC="1.0", USDT="50000")


def level(state: AccountState, seconds: float = 12) -> object:
    priced = apply_events(state, PricesRead({s: p._replace(at=after(seconds)) for s, p in state.prices.newest.items()}))
    return measure_cross(priced, SETTINGS, after(seconds)).values["margin_level"]


def balance_and_debt(state: AccountState, asset: str) -> tuple[object, object]:
    balance = live_cross_balances(state).get(asset, Balance(asset))
    return balance.held, balance.owed


def read_answered_at(at: datetime, balances: dict[str, Balance]) -> CrossRead:
    read: CrossSnapshot = cross_snapshot(at, balances=balances)
    return CrossRead(replace(read, answered_at=at + timedelta(milliseconds=50)))


class TestChangesForTheWorse:
    def test_withdrawn_balance_counts_at_once(self) -> None:
        # 110,000 less 0.5 BTC against 60,000.
        state = apply_events(cross_account_state(), balance_event(10, BTC="1.0"))
        assert level(state) == Decimal(110_000) / 60_000 * (Decimal(80_000) / 110_000)

    def test_borrow_event_adds_balance_and_debt_at_once(self) -> None:
        # 15,000 USDT more, and as much more owed: 125,000 against 75,000.
        state = apply_events(
            cross_account_state(),
            balance_event(10, USDT="35000"),
            event(10, LiabilityChanged("USDT", "BORROW", after(10))),
        )
        assert is_close_to(level(state), "1.66667")
        assert balance_and_debt(state, "USDT") == (35_000, 45_000)

    def test_spending_more_than_the_balance_implies_a_loan(self) -> None:
        # 1 BTC for 60,000 USDT of which 20,000 were there: 40,000 were borrowed, so 150,000 against 100,000.
        bought = event(10, fill(10, "BUY", "1", "60000"))
        state = apply_events(
            cross_account_state(), balance_event(10, USDT="60000"), bought, balance_event(10.001, BTC="2.5", USDT="0")
        )
        assert is_close_to(level(state), "1.50000")
        assert balance_and_debt(state, "USDT") == (0, 70_000)

    def test_fill_alone_implies_a_loan_before_the_balance_event(self) -> None:
        state = apply_events(cross_account_state(), event(10, fill(10, "BUY", "1", "60000")))
        assert balance_and_debt(state, "USDT") == (0, 70_000)
        assert is_close_to(level(state), "1.50000")

    def test_first_loan_gives_a_margin_level_before_the_next_snapshot(self) -> None:
        free = {"BTC": Balance("BTC", free=Decimal(1))}
        state = apply_events(cross_account_state(), CrossRead(cross_snapshot(after(5), Decimal("Infinity"), free)))
        state = apply_events(
            state, balance_event(10, USDT="30000"), event(10, LiabilityChanged("USDT", "BORROW", after(10)))
        )
        # 1 BTC at 60,000 and 30,000 USDT against 30,000.
        assert level(state) == 3

    def test_short_sale_in_a_pair_shows_the_borrowed_amount(self) -> None:
        # 0.2 BTC borrowed and sold at 50,000: 60,000 USDT against 1 BTC.
        state = apply_events(
            pair_account_state(short_pair()),
            event(10, fill(10, "SELL", "0.2", "10000"), Scope("BTCUSDT")),
        )
        pair = live_pair(state, "BTCUSDT")
        assert pair is not None
        assert (pair.base.owed, pair.quote.held) == (Decimal("1.0"), Decimal(60_000))
        priced = apply_events(state, PricesRead({s: p._replace(at=after(12)) for s, p in state.prices.newest.items()}))
        assert is_close_to(measure_pair(priced, SETTINGS, "BTCUSDT", after(12)).values["margin_level"], "1.20000")


class TestChangesForTheBetter:
    def test_unexplained_increase_waits_for_the_next_snapshot(self) -> None:
        state = apply_events(cross_account_state(), balance_event(10, USDT="45000"))
        assert balance_and_debt(state, "USDT") == (20_000, 30_000)
        assert is_close_to(level(state), "1.83333")

    def test_balance_update_event_does_not_explain_an_increase(self) -> None:
        moved = event(10, BalanceAdjusted("USDT", Decimal(25_000), after(10)))
        assert balance_and_debt(
            apply_events(cross_account_state(), moved, balance_event(10, USDT="45000")), "USDT"
        ) == (20_000, 30_000)

    def test_balance_spent_on_a_repayment_does_not_lower_the_level(self) -> None:
        state = apply_events(cross_account_state(), balance_event(10, USDT="5000"))
        assert is_close_to(level(state), "1.83333")

    def test_decrease_beyond_the_debt_is_not_taken_for_a_repayment(self) -> None:
        owing = sample_balances() | {"USDT": Balance("USDT", free=Decimal(20_000), borrowed=Decimal(5_000))}
        state = apply_events(
            cross_account_state(), CrossRead(cross_snapshot(after(5), balances=owing)), balance_event(10, USDT="8000")
        )
        assert balance_and_debt(state, "USDT") == (13_000, 5_000)

    def test_sale_shows_both_sides_in_any_order_of_events(self) -> None:
        for events in (sale_events(), sale_events()[::-1]):
            state = apply_events(cross_account_state(), *events)
            assert (balance_and_debt(state, "BTC"), balance_and_debt(state, "USDT")) == ((1, 0), (50_000, 30_000))
            assert is_close_to(level(state), "1.83333")

    def test_balance_event_without_its_fill_does_not_lower_the_level(self) -> None:
        # The balances are reported a moment before the fill: the fall and the rise came in one event.
        assert is_close_to(level(apply_events(cross_account_state(), sale_events()[1])), "1.83333")

    def test_commission_in_a_third_asset_is_deducted(self) -> None:
        rich = sample_balances() | {"BNB": Balance("BNB", free=Decimal(2))}
        state = apply_events(cross_account_state(), CrossRead(cross_snapshot(after(5), balances=rich)))
        paid = replace(fill(10, "SELL", "0.5", "30000", fee="0.1"), commission_asset="BNB")
        assert balance_and_debt(apply_events(state, event(10, paid)), "BNB") == (Decimal("1.9"), 0)

    def test_fills_beyond_the_kept_maximum_explain_nothing(self) -> None:
        trades = [event(10, fill(10, "SELL", "0.0001", "6", trade=n)) for n in range(MAX_FILLS + 10)]
        assert balance_and_debt(apply_events(cross_account_state(), *trades), "BTC") == (Decimal("1.4"), 0)


class TestEventOrder:
    def test_late_arriving_older_event_does_not_undo_a_newer_one(self) -> None:
        assert balance_and_debt(
            apply_events(cross_account_state(), balance_event(11, BTC="0.9"), balance_event(10, BTC="1.2")), "BTC"
        ) == (Decimal("0.9"), 0)

    def test_repeated_events_change_nothing(self) -> None:
        once = apply_events(cross_account_state(), *sale_events())
        twice = apply_events(once, *sale_events())
        assert live_cross_balances(twice) is live_cross_balances(once)

    def test_last_arrival_wins_among_events_of_one_moment(self) -> None:
        first, second = balance_event(10, BTC="1.2"), balance_event(10, BTC="0.8")
        assert balance_and_debt(apply_events(cross_account_state(), first, second, first), "BTC") == (Decimal("0.8"), 0)

    def test_balances_without_events_are_the_snapshot_itself(self) -> None:
        state = cross_account_state()
        assert state.cross is not None
        assert live_cross_balances(state) is state.cross.balances
        same = apply_events(state, balance_event(10, BTC="1.5", USDT="20000"))
        assert live_cross_balances(same)["BTC"].held == state.cross.balances["BTC"].held


class TestReconciliation:
    def test_snapshot_replaces_earlier_events(self) -> None:
        repaid = sample_balances() | {"USDT": Balance("USDT", free=Decimal(5_000), borrowed=Decimal(15_000))}
        state = apply_events(cross_account_state(), balance_event(10, USDT="5000"), read_answered_at(after(11), repaid))
        assert live_cross_balances(state) is repaid

    def test_event_during_a_read_waits_for_the_next_snapshot(self) -> None:
        # It may be in the read already: a fill counted twice would create money.
        state = apply_events(cross_account_state(), read_answered_at(after(10), sample_balances()), *sale_events(10.02))
        assert balance_and_debt(state, "BTC") == (Decimal("1.5"), 0)

    def test_event_newer_than_the_snapshot_counts_even_if_it_arrived_first(self) -> None:
        state = apply_events(cross_account_state(), *sale_events(20), read_answered_at(after(10), sample_balances()))
        assert balance_and_debt(state, "BTC") == (1, 0)

    def test_clock_uncertainty_after_a_read_ends(self) -> None:
        read = read_answered_at(NOW, sample_balances())
        late = (timedelta(milliseconds=50) + CLOCK_UNCERTAINTY).total_seconds()
        assert balance_and_debt(apply_events(cross_account_state(), read, balance_event(late, BTC="1.0")), "BTC") == (
            Decimal("1.5"),
            0,
        )
        assert balance_and_debt(
            apply_events(cross_account_state(), read, balance_event(late + 0.001, BTC="1.0")), "BTC"
        ) == (1, 0)

    def test_no_balance_is_known_before_the_first_snapshot(self) -> None:
        state = apply_events(AccountState("main", NOW), balance_event(10, BTC="1.0"))
        assert live_cross_balances(state) == {}
        assert balance_and_debt(apply_events(state, CrossRead(cross_snapshot(after(5)))), "BTC") == (1, 0)
