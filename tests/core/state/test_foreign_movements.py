"""Foreign movements of the kinds that actions make."""

from dataclasses import replace
from decimal import Decimal

import pytest

from monitor.core.actions.decision import with_client_id
from monitor.core.model.account import CROSS, Scope
from monitor.core.model.intent import IntentState
from monitor.core.model.ledger import LedgerRow, MarginTransfer
from monitor.core.model.order import ExchangeRecord, Reduce, Repay, Transfer
from monitor.core.state.attribution import attribute_ledger_rows, attribute_transfers
from monitor.core.state.foreign_movements import find_foreign_movements, is_daemon_client_id
from tests.support.examples.actions import NOW, intent, seconds

D = Decimal
ROW = LedgerRow(CROSS, 9, 77, NOW + seconds(1), "USDT", "REPAY", D(500))
MANUAL_RECORD = ExchangeRecord("77", "USDT", D(500), "CONFIRMED", NOW + seconds(1))
AUTOMATIC_RECORD = replace(MANUAL_RECORD, is_automatic=True)
TRANSFER_ROW = MarginTransfer(CROSS, 5, NOW + seconds(2), "USDT", D(5), True, "SPOT", "CONFIRMED", True)
REPAY_INTENT = intent(3, IntentState.CONFIRMED, Repay(CROSS, "USDT", D(500)), submitted_at=NOW, ref="77")
TRANSFER_INTENT = intent(4, IntentState.CONFIRMED, Transfer("spot", CROSS, "USDT", D(5)), submitted_at=NOW, ref="5")


@pytest.mark.parametrize(
    ("row", "records", "told"),
    [
        (ROW, (MANUAL_RECORD,), [("repay", True)]),
        (ROW, (), [("repay", False)]),
        (ROW, (AUTOMATIC_RECORD,), [("reduce", False)]),
        (replace(ROW, kind="SELL_EXPENSE"), (), []),
        (replace(ROW, kind="BORROW"), (), []),
        (replace(ROW, kind="TRANSFER"), (), []),
        (replace(ROW, kind="LIQUIDATION_FEE"), (), []),
    ],
)
def test_repayment_without_own_intent_is_foreign(
    row: LedgerRow, records: tuple[ExchangeRecord, ...], told: list[tuple[str, bool]]
) -> None:
    found = find_foreign_movements(attribute_ledger_rows([row], records, [], NOW))
    assert [(one.kind, one.is_certain) for one in found] == told


@pytest.mark.parametrize(
    ("transfer", "told"),
    [
        (TRANSFER_ROW, [("transfer_in", True)]),
        (replace(TRANSFER_ROW, other="FUNDING", was_requested=None), [("transfer_in", False)]),
        (replace(TRANSFER_ROW, was_requested=False), []),
        (replace(TRANSFER_ROW, is_incoming=False), []),
        (replace(TRANSFER_ROW, status="FAILED"), []),
        (replace(TRANSFER_ROW, other="CROSS_MARGIN", scope=Scope("BTCUSDT")), []),
        (replace(TRANSFER_ROW, other=""), [("transfer_in", True)]),
    ],
)
def test_transfer_from_outside_margin_is_foreign(transfer: MarginTransfer, told: list[tuple[str, bool]]) -> None:
    found = find_foreign_movements(attribute_transfers([transfer], [], NOW))
    assert [(one.kind, one.is_certain) for one in found] == told


def test_movement_explained_by_an_own_intent_is_not_foreign() -> None:
    known = [REPAY_INTENT, TRANSFER_INTENT]
    assert (
        find_foreign_movements(
            (
                *attribute_ledger_rows([ROW], [MANUAL_RECORD], known, NOW),
                *attribute_transfers([TRANSFER_ROW], known, NOW),
            )
        )
        == ()
    )


def test_foreign_movements_are_ordered_by_time() -> None:
    moved = (*attribute_transfers([TRANSFER_ROW], [], NOW), *attribute_ledger_rows([ROW], [MANUAL_RECORD], [], NOW))
    assert [one.at for one in find_foreign_movements(moved)] == [NOW + seconds(1), NOW + seconds(2)]


def test_client_order_id_of_any_daemon_is_recognised() -> None:
    order = Reduce(CROSS, "USDT", D(300), "BTCUSDT", "SELL", D("0.005"), D(59_400), "BTC")
    ours = with_client_id(order, intent(5, IntentState.PLANNED, order))
    assert isinstance(ours, Reduce)
    assert is_daemon_client_id(ours.client_id)
    assert not any(map(is_daemon_client_id, ("", "web_123", "mm-5", "mm-5-7-9", "and_mm-5-7")))
