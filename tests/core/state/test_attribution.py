"""Origin of a movement: an own intent, another hand, the exchange, or unknown."""

from dataclasses import replace
from decimal import Decimal

import pytest

from monitor.core.model.account import CROSS, LiquidationOrder, Scope
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.ledger import LedgerRow, MarginTransfer, MovementOrigin
from monitor.core.model.order import ExchangeRecord, Reduce, Repay, Transfer
from monitor.core.state.attribution import (
    attribute_ledger_rows,
    attribute_transfers,
    liquidation_movements,
    needs_repayment_history,
)
from tests.support.examples.actions import NOW, intent, seconds

D = Decimal
ROW = LedgerRow(CROSS, 9, 77, NOW + seconds(1), "USDT", "REPAY", D(500))
MANUAL = ExchangeRecord("77", "USDT", D(500), "CONFIRMED", NOW + seconds(1))
REPAY_INTENT = intent(3, IntentState.CONFIRMED, Repay(CROSS, "USDT", D(500)), submitted_at=NOW, ref="77")
TRANSFER_INTENT = intent(4, IntentState.CONFIRMED, Transfer("cross", Scope("BTCUSDT"), "USDT", D(5)), submitted_at=NOW)
TRANSFER_ROW = MarginTransfer(CROSS, 5, NOW + seconds(2), "USDT", D(5), True, "SPOT", "CONFIRMED")


def origin(row: LedgerRow, *records: ExchangeRecord) -> MovementOrigin:
    (found,) = attribute_ledger_rows([row], records, [REPAY_INTENT, TRANSFER_INTENT], NOW)
    return found.origin


@pytest.mark.parametrize(
    ("row", "records", "whose"),
    [
        (ROW, (), "ours"),
        (replace(ROW, tran_id=1), (), "ours"),
        (replace(ROW, tran_id=1, amount=D(501)), (), "another hand or exchange"),
        (replace(ROW, tran_id=1, at=NOW + seconds(900)), (), "another hand or exchange"),
        (replace(ROW, tran_id=1, scope=Scope("BTCUSDT")), (), "another hand or exchange"),
        (replace(ROW, tran_id=8, amount=D(9)), (replace(MANUAL, ref="8"),), "another hand"),
        (replace(ROW, tran_id=8, amount=D(9)), (replace(MANUAL, ref="8", is_automatic=True),), "exchange"),
        (replace(ROW, tran_id=8, amount=D(9)), (replace(MANUAL, ref="x", amount=D(9), is_automatic=True),), "exchange"),
        (replace(ROW, kind="TRANSFER", tran_id=6, amount=D(5)), (), "ours"),
        (replace(ROW, kind="BUY_INCOME"), (), "trade"),
        (replace(ROW, kind="LIQUIDATION_FEE"), (), "liquidation"),
        (replace(ROW, kind="REPAY_LIQUIDATION"), (), "liquidation"),
        (replace(ROW, kind="COMMISSION_RETURN"), (), "exchange"),
        (replace(ROW, kind="SMALL_CONVERT"), (), "another hand"),
        (replace(ROW, kind="BORROW"), (), "another hand or exchange"),
    ],
)
def test_ledger_row_is_attributed_to_its_origin(
    row: LedgerRow, records: tuple[ExchangeRecord, ...], whose: str
) -> None:
    assert origin(row, *records) == whose


def test_intent_that_was_never_sent_explains_no_ledger_row() -> None:
    expired = replace(REPAY_INTENT, state=IntentState.EXPIRED, ref=None)
    (found,) = attribute_ledger_rows([ROW], [MANUAL], [expired], NOW)
    assert (found.origin, found.intent) == ("another hand", None)


SALE = intent(
    5,
    IntentState.CONFIRMED,
    Reduce(CROSS, "USDT", D(300), "BTCUSDT", "SELL", D("0.005"), D(59_400), "BTC"),
    submitted_at=NOW,
)
AUTOMATIC_RECORD = ExchangeRecord("8", "USDT", D(299), "CONFIRMED", NOW + seconds(1), is_automatic=True)


@pytest.mark.parametrize(
    ("sale", "row", "record", "whose"),
    [
        (SALE, ROW, AUTOMATIC_RECORD, ("ours", 5)),
        (SALE, ROW, replace(AUTOMATIC_RECORD, is_automatic=False), ("another hand", None)),
        (SALE, replace(ROW, asset="BTC"), replace(AUTOMATIC_RECORD, asset="BTC"), ("exchange", None)),
        (SALE, replace(ROW, at=NOW - seconds(60)), replace(AUTOMATIC_RECORD, at=NOW - seconds(60)), ("exchange", None)),
        (replace(SALE, state=IntentState.REFUSED), ROW, AUTOMATIC_RECORD, ("exchange", None)),
    ],
)
def test_automatic_repayment_from_an_own_sale_is_attributed_to_it(
    sale: Intent, row: LedgerRow, record: ExchangeRecord, whose: tuple[MovementOrigin, int | None]
) -> None:
    (found,) = attribute_ledger_rows([replace(row, tran_id=8, amount=D(299))], [record], [sale], NOW)
    assert (found.origin, found.intent) == whose


@pytest.mark.parametrize(
    ("row", "sale"),
    [
        (replace(ROW, tran_id=8, amount=D(299), at=NOW + seconds(40)), replace(SALE, settled_at=NOW + seconds(3))),
        (replace(ROW, tran_id=8, amount=D(301)), SALE),
    ],
    ids=["long after it was confirmed", "more than it brought"],
)
def test_automatic_repayment_that_a_sale_cannot_have_made_is_not_attributed_to_it(row: LedgerRow, sale: Intent) -> None:
    record = replace(AUTOMATIC_RECORD, amount=row.amount, at=row.at)
    (found,) = attribute_ledger_rows([row], [record], [sale], NOW)
    assert (found.origin, found.intent) == ("exchange", None)
    # What is not final yet, or was settled by a person, may have brought another amount.
    for open_sale in (replace(SALE, state=IntentState.UNCERTAIN), replace(SALE, resolved_by="anna")):
        (found,) = attribute_ledger_rows([row], [record], [open_sale], NOW)
        assert found.intent == 5


@pytest.mark.parametrize(("after_s", "whose"), [(32, 5), (34, None)])
def test_repayment_from_a_sale_is_a_later_step(after_s: int, whose: int | None) -> None:
    row = replace(ROW, tran_id=8, amount=D(299), at=NOW + seconds(after_s))
    record = replace(AUTOMATIC_RECORD, at=row.at)
    (found,) = attribute_ledger_rows([row], [record], [replace(SALE, settled_at=NOW + seconds(3))], NOW)
    assert found.intent == whose


def test_sale_explains_repayments_up_to_the_amount_that_it_brought() -> None:
    parts = [(1, "8", 100), (2, "9", 200), (3, "10", 100)]
    rows = [
        replace(ROW, id=number, tran_id=int(ref), amount=D(amount), at=NOW + seconds(number))
        for number, ref, amount in parts
    ]
    records = [replace(AUTOMATIC_RECORD, ref=str(row.tran_id), amount=row.amount, at=row.at) for row in rows]
    found = attribute_ledger_rows(rows, records, [SALE], NOW)
    assert [movement.intent for movement in found] == [5, 5, None]


SENT_AGAIN = replace(ROW, id=10, tran_id=78, at=NOW + seconds(40))
RECORD_AGAIN = replace(MANUAL, ref="78", at=NOW + seconds(40))


@pytest.mark.parametrize(
    ("ours", "records"),
    [
        (REPAY_INTENT, (MANUAL, RECORD_AGAIN)),
        (replace(REPAY_INTENT, settled_at=NOW + seconds(3)), ()),
        (replace(REPAY_INTENT, ref=None), ()),
    ],
    ids=["another number", "after it was confirmed", "one row for one order"],
)
def test_equal_repayment_of_another_order_is_not_attributed_to_a_known_one(
    ours: Intent, records: tuple[ExchangeRecord, ...]
) -> None:
    found = attribute_ledger_rows([SENT_AGAIN, ROW], records, [ours], NOW)
    assert [(movement.key, movement.intent) for movement in found] == [("9", 3), ("10", None)]


def test_rows_of_one_number_belong_to_one_order() -> None:
    parts = [replace(ROW, amount=D(490)), replace(ROW, id=10, amount=D(10)), replace(ROW, id=11, tran_id=78)]
    found = attribute_ledger_rows(parts, [MANUAL, replace(MANUAL, ref="78")], [REPAY_INTENT], NOW)
    assert [(movement.origin, movement.intent) for movement in found] == [
        ("ours", 3),
        ("ours", 3),
        ("another hand", None),
    ]


def test_equal_transfer_of_another_order_is_not_attributed_to_a_known_one() -> None:
    again = replace(TRANSFER_ROW, tx_id=6, at=NOW + seconds(40))
    found = attribute_transfers([again, TRANSFER_ROW], [TRANSFER_INTENT], NOW)
    assert [(movement.key, movement.intent) for movement in found] == [("5 in", 4), ("6 in", None)]
    failed_before = replace(TRANSFER_ROW, tx_id=4, at=NOW + seconds(1), status="FAILED")
    found = attribute_transfers([failed_before, TRANSFER_ROW], [TRANSFER_INTENT], NOW)
    assert [(movement.key, movement.intent) for movement in found] == [("5 in", 4), ("4 in", None)]
    settled = replace(TRANSFER_INTENT, settled_at=NOW + seconds(3))
    assert [movement.intent for movement in attribute_transfers([again], [settled], NOW)] == [None]


@pytest.mark.parametrize(
    ("asked", "whose"), [(True, "another hand"), (False, "exchange"), (None, "another hand or exchange")]
)
def test_transfer_origin_depends_on_whether_it_was_requested(asked: bool | None, whose: str) -> None:
    (found,) = attribute_transfers(
        [replace(TRANSFER_ROW, amount=D(7), was_requested=asked)], [REPAY_INTENT, TRANSFER_INTENT], NOW
    )
    assert (found.origin, found.type, found.key) == (whose, "ROLL_IN", "5 in")


def test_own_transfer_from_cross_into_a_pair_is_recognised_at_both_ends() -> None:
    ends = [
        replace(TRANSFER_ROW, is_incoming=False),
        replace(TRANSFER_ROW, scope=Scope("BTCUSDT"), other="CROSS_MARGIN"),
    ]
    found = attribute_transfers(ends, [REPAY_INTENT, TRANSFER_INTENT], NOW)
    assert [(one.origin, one.intent, one.type) for one in found] == [("ours", 4, "ROLL_OUT"), ("ours", 4, "ROLL_IN")]


def test_pending_transfer_is_not_recorded_yet() -> None:
    assert attribute_transfers([replace(TRANSFER_ROW, status="PENDING")], [], NOW) == ()


def test_liquidation_order_is_recorded_by_scope_and_order_id() -> None:
    order = LiquidationOrder("BTCUSDT", "SELL", D(1), D(60_000), 9, True, NOW)
    (found,) = liquidation_movements([order], NOW)
    assert (found.scope, found.key, found.amount, found.origin) == (
        Scope("BTCUSDT"),
        "BTCUSDT 9",
        D(1),
        "liquidation",
    )


def test_only_repayments_need_the_repayment_history() -> None:
    assert needs_repayment_history([ROW])
    assert not needs_repayment_history([replace(ROW, kind="TRANSFER")])
