"""Which orders are open: reads and stream events put together in whatever order they come."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitor.core.state.open_orders import OpenOrders
from tests.support.examples.accounts import NOW, after


def test_what_the_stream_told_after_a_read_was_asked_for_stands() -> None:
    orders = OpenOrders().changed(1, True, after(2)).changed(2, False, after(3))
    assert orders.read(frozenset({2, 3}), after(1)).numbers == {1, 3}


def test_what_the_stream_told_before_a_read_is_in_the_read() -> None:
    orders = OpenOrders().changed(1, True, after(1)).changed(2, False, after(1))
    assert orders.read(frozenset({2}), after(2)).numbers == {2}


def test_a_late_event_changes_nothing() -> None:
    orders = OpenOrders().changed(1, False, after(5))
    assert orders.changed(1, True, after(4)) is orders


def test_an_older_read_changes_nothing() -> None:
    orders = OpenOrders().read(frozenset({1}), after(5))
    assert orders.read(frozenset(), after(4)) is orders


def test_something_locked_without_a_known_order_is_a_disagreement_once() -> None:
    orders = OpenOrders()
    assert not orders.agrees_with(True, NOW)
    listed = orders.read(frozenset(), after(1))
    assert listed.agrees_with(True, after(2))
    assert not listed.nothing_locked(after(3)).agrees_with(True, after(4))


def test_a_known_order_without_anything_locked_is_a_disagreement_unless_the_stream_is_newer() -> None:
    orders = OpenOrders().read(frozenset(), NOW).changed(1, True, after(5))
    assert orders.agrees_with(False, after(4))
    assert not orders.agrees_with(False, after(6))


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
        orders = orders.changed(number, is_open, NOW + timedelta(seconds=second))
    if listed is not None:
        # Answered only now, as of then.
        orders = orders.read(listed[0], NOW + timedelta(seconds=listed[1]))
        assert orders.numbers == truth
