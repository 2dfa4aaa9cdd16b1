"""Open orders from reads and stream events in any order."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitor.core.state.open_orders import OpenOrders
from tests.support.examples.accounts import NOW, after


def test_stream_event_after_the_read_request_is_kept() -> None:
    orders = OpenOrders().with_change(1, True, after(2)).with_change(2, False, after(3))
    assert orders.with_read(frozenset({2, 3}), after(1)).order_ids == {1, 3}


def test_stream_event_before_the_read_is_replaced_by_it() -> None:
    orders = OpenOrders().with_change(1, True, after(1)).with_change(2, False, after(1))
    assert orders.with_read(frozenset({2}), after(2)).order_ids == {2}


def test_a_late_event_changes_nothing() -> None:
    orders = OpenOrders().with_change(1, False, after(5))
    assert orders.with_change(1, True, after(4)) is orders


def test_an_older_read_changes_nothing() -> None:
    orders = OpenOrders().with_read(frozenset({1}), after(5))
    assert orders.with_read(frozenset(), after(4)) is orders


def test_locked_balance_without_a_known_order_is_a_mismatch_once() -> None:
    orders = OpenOrders()
    assert not orders.matches_locked(True, NOW)
    listed = orders.with_read(frozenset(), after(1))
    assert listed.matches_locked(True, after(2))
    assert not listed.with_nothing_locked(after(3)).matches_locked(True, after(4))


def test_known_order_without_locked_balance_is_a_mismatch_unless_the_stream_is_newer() -> None:
    orders = OpenOrders().with_read(frozenset(), NOW).with_change(1, True, after(5))
    assert orders.matches_locked(False, after(4))
    assert not orders.matches_locked(False, after(6))


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=30), st.integers(0, 30))
def test_a_read_at_any_moment_between_the_events_ends_at_the_same_orders(
    events: list[tuple[int, bool]], read_after: int
) -> None:
    truth: set[int] = set()
    orders = OpenOrders()
    listed: tuple[frozenset[int], int] | None = None
    for second, (number, is_open) in enumerate(events):
        if second == read_after:
            listed = frozenset(truth), second
        (truth.add if is_open else truth.discard)(number)
        orders = orders.with_change(number, is_open, NOW + timedelta(seconds=second))
    if listed is not None:
        # A late answer, with an earlier time.
        orders = orders.with_read(listed[0], NOW + timedelta(seconds=listed[1]))
        assert orders.order_ids == truth
