"""The basis of an index is that of one moment, in whatever order index and spot prices arrive."""

import itertools
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from monitor.core.engine.read_demand import newly_needed_reads
from monitor.core.model.account import Price
from monitor.core.model.events import Event, PricesRead, Tick
from monitor.core.model.reads import IndexPriceRead
from monitor.core.state.account_update import apply_account_event
from monitor.core.state.index_basis import MAX_SPOT_DIFFERENCE, IndexReading, match_index, update_bases
from tests.support.examples.accounts import after, new_account_state

D = Decimal
BASIS = D("1.01")
MOVES = (D(1), D(1), D(1), D("0.97"), D("1.0004"), D("1.02"))


@example(moves=[D("0.97"), D(1)], phases=[0.5] * 12, indexed_s=[0.5, 0.5], delays_s=[0.0] * 15)
@given(
    moves=st.lists(st.sampled_from(MOVES), min_size=2, max_size=12),
    phases=st.lists(st.floats(0.05, 0.95), min_size=12, max_size=12),
    indexed_s=st.lists(st.floats(0.2, 11), min_size=1, max_size=3),
    delays_s=st.lists(st.floats(0, 2.5), min_size=15, max_size=15),
)
def test_a_basis_is_of_one_moment_or_the_one_before_stays(
    moves: list[Decimal], phases: list[float], indexed_s: list[float], delays_s: list[float]
) -> None:
    """The spot price moves once a second and is reported at the next full second; answers and frames come late."""
    delay = iter(itertools.cycle(delays_s))
    changes = [(0.0, D(60_000))]
    for second, (move, phase) in enumerate(zip(moves, phases, strict=False)):
        changes.append((second + phase, changes[-1][1] * move))

    def spot_at(second: float) -> Decimal:
        return next(value for at, value in reversed(changes) if at <= second)

    arrivals: list[tuple[float, int, Event]] = []
    last = 0.0
    for second in range(len(moves) + 3):
        # One connection: a later report does not arrive earlier.
        last = max(last, second + next(delay))
        arrivals.append((last, second, PricesRead({"BTCUSDT": Price(spot_at(second), after(second))})))
    for at in indexed_s:
        index = Price(spot_at(at) * BASIS, after(at))
        arrivals.append((at + next(delay), 100, IndexPriceRead("BTCUSDT", index)))
    state = new_account_state()
    for arrived, _, event in sorted(arrivals, key=lambda arrival: arrival[:2]):
        state = apply_account_event(state, event, after(arrived))
    reading = state.prices.index_readings["BTCUSDT"]
    basis = state.prices.index_basis.get("BTCUSDT")
    assert basis == reading.basis
    if not reading.is_open and basis is not None:
        assert abs(basis / BASIS - 1) <= MAX_SPOT_DIFFERENCE


def spot(value: str, seconds: float) -> Price:
    return Price(D(value), after(seconds))


INDEX = Price(D(60_600), after(10))


def test_late_price_before_the_index_replaces_an_older_one() -> None:
    reading = match_index(INDEX, spot("61000", 8), None)
    assert reading.with_report(spot("60000", 9.5)).basis == D("1.01")


def test_a_spot_price_that_differs_after_the_index_gives_no_basis_and_keeps_the_last() -> None:
    reading = match_index(INDEX, spot("60000", 9), D("1.002")).with_report(spot("58000", 10.5))
    assert reading.is_unmatched
    assert reading.basis == D("1.002")
    assert update_bases({"BTCUSDT": D("1.01")}, {"BTCUSDT": reading}) == {"BTCUSDT": D("1.002")}


def test_two_prices_of_one_moment_match_nothing() -> None:
    assert match_index(INDEX, spot("60000", 9), None).with_report(spot("59000", 9)).is_unmatched


def test_only_the_first_report_after_the_index_decides() -> None:
    reading = match_index(INDEX, spot("60000", 9), None).with_report(spot("60001", 10.5))
    assert reading.with_report(spot("50000", 11.5)) == reading
    assert reading.basis == D("1.01")


def test_symbol_without_new_prices_keeps_its_basis() -> None:
    reading = match_index(INDEX, spot("60000", 9), None).with_report(spot("50000", 60))
    assert (reading.basis, reading.is_open) == (D("1.01"), False)


def test_spot_prices_long_before_or_newer_than_the_index_match_nothing() -> None:
    assert match_index(INDEX, spot("60000", -20), None) == IndexReading(INDEX)
    assert match_index(INDEX, spot("60000", 10.2), None).is_unmatched


def test_unmatched_index_is_read_again_soon() -> None:
    state = apply_account_event(new_account_state(), PricesRead({"BTCUSDT": spot("60000", 9)}), after(9))
    state = apply_account_event(state, IndexPriceRead("BTCUSDT", INDEX), after(10))
    matched = apply_account_event(state, PricesRead({"BTCUSDT": spot("60001", 10.5)}), after(10.5))
    assert newly_needed_reads(matched, apply_account_event(matched, Tick(), after(11))) == set()
    unmatched = apply_account_event(state, PricesRead({"BTCUSDT": spot("58000", 10.5)}), after(10.5))
    asking = apply_account_event(unmatched, Tick(), after(11))
    assert newly_needed_reads(unmatched, asking) == {"index"}
    assert newly_needed_reads(asking, apply_account_event(asking, Tick(), after(12))) == set()
    assert newly_needed_reads(asking, apply_account_event(asking, Tick(), after(42))) == {"index"}
