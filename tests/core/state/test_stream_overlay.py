"""Events between reads, against worked examples: what counts at once, what waits, and what a read makes of it."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.metrics.cross import cross_figures, isolated_figures
from monitor.core.model.account import CROSS, Balance, CrossSnapshot, Scope
from monitor.core.model.events import (
    AssetMoved,
    BalancesChanged,
    CrossRead,
    Filled,
    LiabilityTold,
    Meaning,
    PricesRead,
    StreamEvent,
)
from monitor.core.state.account_state import AccountState
from monitor.core.state.live_balances import cross_balances, pair_now
from monitor.core.state.stream_overlay import DOUBT, MOST_FILLS
from tests.support.examples.accounts import (
    NOW,
    SETTINGS,
    after,
    close_to,
    cross,
    sample_balances,
    short_pair,
    told,
    watched,
    watched_pair,
)


def event(seconds: float, meaning: Meaning, scope: Scope = CROSS, key: str = "") -> StreamEvent:
    stream = "risk" if isinstance(meaning, LiabilityTold) else "account"
    at = after(seconds)
    return StreamEvent(stream, scope, "told", key or f"{seconds} {meaning}", at, at, "{}", meaning)  # type: ignore[arg-type]  # one of its two words


def position(seconds: float, **held: str) -> StreamEvent:
    amounts = {asset: (Decimal(amount), Decimal(0)) for asset, amount in held.items()}
    return event(seconds, BalancesChanged(after(seconds), amounts))


def fill(seconds: float, side: str, quantity: str, quote: str, *, trade: int = 1, fee: str = "0") -> Filled:
    return Filled(
        "BTCUSDT", trade, side == "BUY", Decimal(quantity), Decimal(quote), Decimal(fee), "BTC", after(seconds)
    )


def sold(seconds: float = 10) -> tuple[StreamEvent, StreamEvent]:
    """Half a bitcoin sold for 30,000 USDT: what the exchange tells of it."""
    return event(seconds, fill(seconds, "SELL", "0.5", "30000")), position(seconds, BTC="1.0", USDT="50000")


def level(state: AccountState, seconds: float = 12) -> object:
    priced = told(state, PricesRead({s: p._replace(at=after(seconds)) for s, p in state.prices.items()}))
    return cross_figures(priced, SETTINGS, after(seconds)).values["margin_level"]


def held(state: AccountState, asset: str) -> tuple[object, object]:
    balance = cross_balances(state).get(asset, Balance(asset))
    return balance.held, balance.owed


def answered(at: datetime, balances: dict[str, Balance]) -> CrossRead:
    read: CrossSnapshot = cross(at, balances=balances)
    return CrossRead(replace(read, answered_at=at + timedelta(milliseconds=50)))


class TestWorse:
    def test_what_was_moved_away_counts_at_once(self) -> None:
        # 110,000 less 0.5 BTC against 60,000.
        state = told(watched(), position(10, BTC="1.0"))
        assert level(state) == Decimal(110_000) / 60_000 * (Decimal(80_000) / 110_000)

    def test_a_loan_of_which_the_exchange_told_counts_at_once_with_its_debt(self) -> None:
        # 15,000 USDT more, and as much more owed: 125,000 against 75,000.
        state = told(watched(), position(10, USDT="35000"), event(10, LiabilityTold("USDT", "BORROW", after(10))))
        assert close_to(level(state), "1.66667")
        assert held(state, "USDT") == (35_000, 45_000)

    def test_more_spent_than_there_was_proves_a_loan(self) -> None:
        # 1 BTC for 60,000 USDT of which 20,000 were there: 40,000 were borrowed, so 150,000 against 100,000.
        bought = event(10, fill(10, "BUY", "1", "60000"))
        state = told(watched(), position(10, USDT="60000"), bought, position(10.001, BTC="2.5", USDT="0"))
        assert close_to(level(state), "1.50000")
        assert held(state, "USDT") == (0, 70_000)

    def test_it_is_proven_before_the_balances_are_told(self) -> None:
        state = told(watched(), event(10, fill(10, "BUY", "1", "60000")))
        assert held(state, "USDT") == (0, 70_000)
        assert close_to(level(state), "1.50000")

    def test_the_first_loan_has_a_level_before_any_read_shows_one(self) -> None:
        free = {"BTC": Balance("BTC", free=Decimal(1))}
        state = told(watched(), CrossRead(cross(after(5), Decimal("Infinity"), free)))
        state = told(state, position(10, USDT="30000"), event(10, LiabilityTold("USDT", "BORROW", after(10))))
        # 1 BTC at 60,000 and 30,000 USDT against 30,000.
        assert level(state) == 3

    def test_short_sale_in_a_pair_shows_what_was_borrowed_for_it(self) -> None:
        # 0.2 BTC borrowed and sold at 50,000: 60,000 USDT against 1 BTC.
        state = told(
            watched_pair(short_pair()),
            event(10, fill(10, "SELL", "0.2", "10000"), Scope("BTCUSDT")),
        )
        pair = pair_now(state, "BTCUSDT")
        assert pair is not None
        assert (pair.base.owed, pair.quote.held) == (Decimal("1.0"), Decimal(60_000))
        priced = told(state, PricesRead({s: p._replace(at=after(12)) for s, p in state.prices.items()}))
        assert close_to(isolated_figures(priced, SETTINGS, "BTCUSDT", after(12)).values["margin_level"], "1.20000")


class TestBetter:
    def test_money_that_nothing_explains_waits_for_the_read(self) -> None:
        state = told(watched(), position(10, USDT="45000"))
        assert held(state, "USDT") == (20_000, 30_000)
        assert close_to(level(state), "1.83333")

    def test_a_told_movement_explains_nothing_since_a_loan_may_be_told_as_one(self) -> None:
        moved = event(10, AssetMoved("USDT", Decimal(25_000), after(10)))
        assert held(told(watched(), moved, position(10, USDT="45000")), "USDT") == (20_000, 30_000)

    def test_what_a_repayment_takes_away_is_no_loss(self) -> None:
        state = told(watched(), position(10, USDT="5000"))
        assert close_to(level(state), "1.83333")

    def test_more_than_is_owed_can_not_have_been_repaid(self) -> None:
        owing = sample_balances() | {"USDT": Balance("USDT", free=Decimal(20_000), borrowed=Decimal(5_000))}
        state = told(watched(), CrossRead(cross(after(5), balances=owing)), position(10, USDT="8000"))
        assert held(state, "USDT") == (13_000, 5_000)

    def test_a_sale_shows_both_sides_in_whatever_order_it_is_told(self) -> None:
        for events in (sold(), sold()[::-1]):
            state = told(watched(), *events)
            assert (held(state, "BTC"), held(state, "USDT")) == ((1, 0), (50_000, 30_000))
            assert close_to(level(state), "1.83333")

    def test_half_a_sale_is_not_a_loss(self) -> None:
        # The balances are told a moment before the fill: what fell and what rose came in one.
        assert close_to(level(told(watched(), sold()[1])), "1.83333")

    def test_a_commission_in_a_third_asset_is_paid(self) -> None:
        rich = sample_balances() | {"BNB": Balance("BNB", free=Decimal(2))}
        state = told(watched(), CrossRead(cross(after(5), balances=rich)))
        paid = replace(fill(10, "SELL", "0.5", "30000", fee="0.1"), commission_asset="BNB")
        assert held(told(state, event(10, paid)), "BNB") == (Decimal("1.9"), 0)

    def test_fills_beyond_what_is_kept_explain_nothing(self) -> None:
        trades = [event(10, fill(10, "SELL", "0.0001", "6", trade=n)) for n in range(MOST_FILLS + 10)]
        assert held(told(watched(), *trades), "BTC") == (Decimal("1.4"), 0)


class TestOrder:
    def test_later_news_is_not_undone_by_what_arrives_late(self) -> None:
        assert held(told(watched(), position(11, BTC="0.9"), position(10, BTC="1.2")), "BTC") == (Decimal("0.9"), 0)

    def test_repeated_events_change_nothing(self) -> None:
        once = told(watched(), *sold())
        twice = told(once, *sold())
        assert cross_balances(twice) is cross_balances(once)

    def test_of_one_moment_the_last_to_arrive_holds_and_repeats_do_not_bring_back_the_first(self) -> None:
        first, second = position(10, BTC="1.2"), position(10, BTC="0.8")
        assert held(told(watched(), first, second, first), "BTC") == (Decimal("0.8"), 0)

    def test_nothing_told_is_the_read_itself(self) -> None:
        state = watched()
        assert state.cross is not None
        assert cross_balances(state) is state.cross.balances
        same = told(state, position(10, BTC="1.5", USDT="20000"))
        assert cross_balances(same)["BTC"].held == state.cross.balances["BTC"].held


class TestReconciled:
    def test_a_read_says_what_was_told_before(self) -> None:
        repaid = sample_balances() | {"USDT": Balance("USDT", free=Decimal(5_000), borrowed=Decimal(15_000))}
        state = told(watched(), position(10, USDT="5000"), answered(after(11), repaid))
        assert cross_balances(state) is repaid

    def test_what_happened_while_it_was_read_waits_for_the_next(self) -> None:
        # It may be in the read already: a fill counted twice would be money from nowhere.
        state = told(watched(), answered(after(10), sample_balances()), *sold(10.02))
        assert held(state, "BTC") == (Decimal("1.5"), 0)

    def test_what_is_newer_than_the_read_counts_although_it_arrived_before_it(self) -> None:
        state = told(watched(), *sold(20), answered(after(10), sample_balances()))
        assert held(state, "BTC") == (1, 0)

    def test_doubt_ends(self) -> None:
        read = answered(NOW, sample_balances())
        late = (timedelta(milliseconds=50) + DOUBT).total_seconds()
        assert held(told(watched(), read, position(late, BTC="1.0")), "BTC") == (Decimal("1.5"), 0)
        assert held(told(watched(), read, position(late + 0.001, BTC="1.0")), "BTC") == (1, 0)

    def test_before_the_first_read_nothing_is_held(self) -> None:
        state = told(AccountState("main", NOW), position(10, BTC="1.0"))
        assert cross_balances(state) == {}
        assert held(told(state, CrossRead(cross(after(5)))), "BTC") == (1, 0)
