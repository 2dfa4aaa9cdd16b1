"""Cancellation of open orders: only where it helps, owed assets first."""

from dataclasses import replace

from monitor.core.actions.cancel_orders import propose_cancellation
from monitor.core.actions.proposal import NoProposal, Proposal
from monitor.core.actions.scope_position import ScopePosition
from monitor.core.model.account import CROSS
from monitor.core.model.order import CancelOrders
from monitor.core.model.symbols import OpenOrder
from tests.support.examples.actions import D, balance, cancel_spec, scope_position

SPEC = cancel_spec()
BUYS, SELLS = OpenOrder(1, "BTCUSDT", "BUY"), OpenOrder(2, "ETHUSDT", "SELL")
ROWS = (balance("BTC", "1.4"), balance("USDT", locked="20000", borrowed="60000"), balance("ETH", locked="2"))


def position_with_orders(*open_orders: OpenOrder) -> ScopePosition:
    return replace(scope_position(*ROWS), open_orders=open_orders)


def order_of(found: Proposal | NoProposal) -> CancelOrders:
    assert isinstance(found, Proposal), found
    assert isinstance(found.order, CancelOrders)
    return found.order


def test_orders_that_lock_the_owed_asset_are_cancelled_first() -> None:
    assert order_of(propose_cancellation(position_with_orders(SELLS, BUYS), SPEC, D(2), None)) == CancelOrders(
        CROSS, "BTCUSDT", "USDT"
    )


def test_orders_that_lock_sellable_collateral_are_cancelled() -> None:
    assert (
        order_of(propose_cancellation(position_with_orders(SELLS), SPEC, D(2), frozenset({"ETH"}))).symbol == "ETHUSDT"
    )
    assert isinstance(propose_cancellation(position_with_orders(SELLS), SPEC, D(2), frozenset({"BTC"})), NoProposal)


def test_only_the_configured_asset_is_unlocked() -> None:
    assert (
        order_of(propose_cancellation(position_with_orders(SELLS, BUYS), cancel_spec(asset="ETH"), D(2), None)).unlocks
        == "ETH"
    )


def test_nothing_is_cancelled_when_it_would_not_help() -> None:
    assert propose_cancellation(position_with_orders(BUYS), SPEC, D("1.3"), None) == NoProposal("the target is reached")
    idle = replace(scope_position(balance("USDT", "50000", locked="9000", borrowed="30000")), open_orders=(BUYS,))
    assert propose_cancellation(idle, SPEC, D("2.1"), None) == NoProposal("what is free is enough to repay with")
    unlocked = replace(scope_position(balance("BTC", "1.4"), balance("USDT", borrowed="60000")), open_orders=(BUYS,))
    assert propose_cancellation(unlocked, SPEC, D(2), None) == NoProposal("no order locks anything that would help")


def test_unread_open_orders_are_requested() -> None:
    found = propose_cancellation(position_with_orders(), SPEC, D(2), None)
    assert isinstance(found, NoProposal)
    assert found.requested_reads == {"orders"}


def test_symbol_with_a_cancellation_in_progress_is_skipped() -> None:
    assert isinstance(
        propose_cancellation(position_with_orders(BUYS), SPEC, D(2), frozenset(), unsettled=frozenset({"BTCUSDT"})),
        NoProposal,
    )


def test_only_the_given_symbol_is_considered() -> None:
    assert (
        order_of(
            propose_cancellation(position_with_orders(SELLS, BUYS), SPEC, D(2), None, only_symbol="ETHUSDT")
        ).symbol
        == "ETHUSDT"
    )
