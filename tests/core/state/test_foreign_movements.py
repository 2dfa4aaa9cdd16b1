"""What counts as a movement of our kinds that is not ours."""

from dataclasses import replace
from decimal import Decimal

import pytest

from monitor.core.actions.decision import named
from monitor.core.model.account import CROSS, Scope
from monitor.core.model.intent import IntentState
from monitor.core.model.ledger import LedgerRow, MarginTransfer
from monitor.core.model.order import Record, Reduce, Repay, Transfer
from monitor.core.state.attribution import of_ledger, of_transfers
from monitor.core.state.foreign_movements import foreign, is_name_of_daemon
from tests.support.examples.actions import NOW, intent, seconds

D = Decimal
ROW = LedgerRow(CROSS, 9, 77, NOW + seconds(1), "USDT", "REPAY", D(500))
BY_HAND = Record("77", "USDT", D(500), "CONFIRMED", NOW + seconds(1))
BY_ITSELF = replace(BY_HAND, automatic=True)
IN = MarginTransfer(CROSS, 5, NOW + seconds(2), "USDT", D(5), True, "SPOT", "CONFIRMED", True)
REPAID = intent(3, IntentState.CONFIRMED, Repay(CROSS, "USDT", D(500)), submitted_at=NOW, ref="77")
BROUGHT_IN = intent(4, IntentState.CONFIRMED, Transfer("spot", CROSS, "USDT", D(5)), submitted_at=NOW, ref="5")


@pytest.mark.parametrize(
    ("row", "records", "told"),
    [
        (ROW, (BY_HAND,), [("repay", True)]),
        (ROW, (), [("repay", False)]),
        (ROW, (BY_ITSELF,), [("reduce", False)]),
        (replace(ROW, kind="SELL_EXPENSE"), (), []),
        (replace(ROW, kind="BORROW"), (), []),
        (replace(ROW, kind="TRANSFER"), (), []),
        (replace(ROW, kind="LIQUIDATION_FEE"), (), []),
    ],
)
def test_repayments_that_no_order_of_ours_made(
    row: LedgerRow, records: tuple[Record, ...], told: list[tuple[str, bool]]
) -> None:
    found = foreign(of_ledger([row], records, [], NOW))
    assert [(one.kind, one.is_certain) for one in found] == told


@pytest.mark.parametrize(
    ("transfer", "told"),
    [
        (IN, [("transfer_in", True)]),
        (replace(IN, other="FUNDING", was_asked_for=None), [("transfer_in", False)]),
        (replace(IN, was_asked_for=False), []),
        (replace(IN, is_incoming=False), []),
        (replace(IN, status="FAILED"), []),
        (replace(IN, other="CROSS_MARGIN", scope=Scope("BTCUSDT")), []),
        (replace(IN, other=""), [("transfer_in", True)]),
    ],
)
def test_what_came_in_from_outside_margin(transfer: MarginTransfer, told: list[tuple[str, bool]]) -> None:
    found = foreign(of_transfers([transfer], [], NOW))
    assert [(one.kind, one.is_certain) for one in found] == told


def test_what_an_order_of_ours_explains_is_not_foreign() -> None:
    known = [REPAID, BROUGHT_IN]
    assert foreign((*of_ledger([ROW], [BY_HAND], known, NOW), *of_transfers([IN], known, NOW))) == ()


def test_they_come_in_the_order_of_their_moments() -> None:
    moved = (*of_transfers([IN], [], NOW), *of_ledger([ROW], [BY_HAND], [], NOW))
    assert [one.at for one in foreign(moved)] == [NOW + seconds(1), NOW + seconds(2)]


def test_an_order_of_any_daemon_is_known_by_its_name() -> None:
    order = Reduce(CROSS, "USDT", D(300), "BTCUSDT", "SELL", D("0.005"), D(59_400), "BTC")
    ours = named(order, intent(5, IntentState.PLANNED, order))
    assert isinstance(ours, Reduce)
    assert is_name_of_daemon(ours.client_id)
    assert not any(map(is_name_of_daemon, ("", "web_123", "mm-5", "mm-5-7-9", "and_mm-5-7")))
