"""Cancelling what is open: only where it helps, what is owed first."""

from dataclasses import replace

from monitor.core.actions.cancel_orders import propose
from monitor.core.actions.position import Standing
from monitor.core.actions.proposal import Nothing, Proposal
from monitor.core.model.account import CROSS
from monitor.core.model.order import CancelOrders
from monitor.core.model.symbols import Resting
from tests.support.examples.actions import D, balance, cancel_spec, standing

SPEC = cancel_spec()
BUYS, SELLS = Resting(1, "BTCUSDT", "BUY"), Resting(2, "ETHUSDT", "SELL")
ROWS = (balance("BTC", "1.4"), balance("USDT", locked="20000", borrowed="60000"), balance("ETH", locked="2"))


def ground(*open_orders: Resting) -> Standing:
    return replace(standing(*ROWS), resting=open_orders)


def order_of(found: Proposal | Nothing) -> CancelOrders:
    assert isinstance(found, Proposal), found
    assert isinstance(found.order, CancelOrders)
    return found.order


def test_what_locks_the_debt_goes_first() -> None:
    assert order_of(propose(ground(SELLS, BUYS), SPEC, D(2), None)) == CancelOrders(CROSS, "BTCUSDT", "USDT")


def test_what_locks_collateral_goes_where_it_would_be_sold() -> None:
    assert order_of(propose(ground(SELLS), SPEC, D(2), frozenset({"ETH"}))).symbol == "ETHUSDT"
    assert isinstance(propose(ground(SELLS), SPEC, D(2), frozenset({"BTC"})), Nothing)


def test_a_named_asset_is_the_only_one_that_is_freed() -> None:
    assert order_of(propose(ground(SELLS, BUYS), cancel_spec(asset="ETH"), D(2), None)).frees == "ETH"


def test_nothing_is_cancelled_when_it_would_not_help() -> None:
    assert propose(ground(BUYS), SPEC, D("1.3"), None) == Nothing("the target is reached")
    idle = replace(standing(balance("USDT", "50000", locked="9000", borrowed="30000")), resting=(BUYS,))
    assert propose(idle, SPEC, D("2.1"), None) == Nothing("what is free is enough to repay with")
    unlocked = replace(standing(balance("BTC", "1.4"), balance("USDT", borrowed="60000")), resting=(BUYS,))
    assert propose(unlocked, SPEC, D(2), None) == Nothing("no order locks anything that would help")


def test_orders_that_were_never_read_are_asked_for() -> None:
    found = propose(ground(), SPEC, D(2), None)
    assert isinstance(found, Nothing)
    assert found.wants == {"orders"}


def test_a_symbol_with_a_cancellation_under_way_waits() -> None:
    assert isinstance(propose(ground(BUYS), SPEC, D(2), frozenset(), busy=frozenset({"BTCUSDT"})), Nothing)


def test_only_the_symbol_asked_for_is_looked_at() -> None:
    assert order_of(propose(ground(SELLS, BUYS), SPEC, D(2), None, only="ETHUSDT")).symbol == "ETHUSDT"
