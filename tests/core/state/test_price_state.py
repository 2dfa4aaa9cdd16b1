"""Prices of any age in any order: a consistent state, and the cross value of a full computation."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from monitor.core.model.account import Balance, Price
from monitor.core.model.events import CrossRead, PricesRead
from monitor.core.state.account_update import apply_account_event
from monitor.core.state.scope_value import value_scope
from tests.support.examples.accounts import after, cross_snapshot, new_account_state, sample_balances

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "ABCBTC")
AGES_S = st.sampled_from((0, 1, 30, 3_590, 3_600, 3_601, 7_200, 86_400))

PriceReport = tuple[float, dict[str, tuple[int, int]]]
"""Seconds since the previous report, and the age and value of each price by symbol."""

PRICE_REPORTS = st.tuples(
    st.sampled_from((0.0, 0.4, 5.0, 60.0, 3_599.0, 3_700.0)),
    st.dictionaries(st.sampled_from(SYMBOLS), st.tuples(AGES_S, st.integers(1, 90_000)), min_size=1),
)


@given(st.lists(PRICE_REPORTS, min_size=2, max_size=8), st.integers(0, 7))
def test_prices_of_mixed_ages_give_the_value_of_a_full_recompute(story: list[PriceReport], read_after: int) -> None:
    balances = sample_balances() | {"ABC": Balance("ABC", free=Decimal(1000)), "SOL": Balance("SOL", free=Decimal(3))}
    state, seconds = new_account_state(), 0.0
    for step, (pause_s, told) in enumerate(story):
        seconds += pause_s
        prices = {symbol: Price(Decimal(value), after(seconds - age)) for symbol, (age, value) in told.items()}
        state = apply_account_event(state, PricesRead(prices), after(seconds))
        if step == read_after % len(story):
            state = apply_account_event(
                state, CrossRead(cross_snapshot(after(seconds), Decimal(2), balances=balances)), after(seconds)
            )
        if (book := state.prices.cross_value) is not None and book.prices is state.prices.newest:
            whole = value_scope(book.balances, state.prices.newest, book.excluded, book.bases)
            assert (book.assets, book.liabilities) == (whole.assets, whole.liabilities)


def test_price_expiring_while_another_arrives_breaks_nothing() -> None:
    state = apply_account_event(
        new_account_state(), PricesRead({"BTCUSDT": Price(Decimal(60_000), after(0))}), after(0)
    )
    state = apply_account_event(state, CrossRead(cross_snapshot(after(0))), after(0))
    late = {"BTCUSDT": Price(Decimal(59_000), after(10)), "ETHUSDT": Price(Decimal(3_000), after(3_700))}
    state = apply_account_event(state, PricesRead(late), after(3_700))
    assert state.prices.newest.keys() == {"ETHUSDT"}
