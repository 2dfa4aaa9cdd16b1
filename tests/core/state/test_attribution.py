"""Whose doing a movement was: ours, another hand's, the exchange's own, or not to be told."""

from dataclasses import replace
from decimal import Decimal

import pytest

from monitor.core.model.account import CROSS, Liquidation, Scope
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.ledger import LedgerRow, MarginTransfer, Origin
from monitor.core.model.order import Record, Reduce, Repay, Transfer
from monitor.core.state.attribution import needs_repayments, of_ledger, of_liquidations, of_transfers
from tests.support.examples.actions import NOW, intent, seconds

D = Decimal
ROW = LedgerRow(CROSS, 9, 77, NOW + seconds(1), "USDT", "REPAY", D(500))
MANUAL = Record("77", "USDT", D(500), "CONFIRMED", NOW + seconds(1))
OURS = intent(3, IntentState.CONFIRMED, Repay(CROSS, "USDT", D(500)), submitted_at=NOW, ref="77")
BROUGHT = intent(4, IntentState.CONFIRMED, Transfer("cross", Scope("BTCUSDT"), "USDT", D(5)), submitted_at=NOW)
IN = MarginTransfer(CROSS, 5, NOW + seconds(2), "USDT", D(5), True, "SPOT", "CONFIRMED")


def origin(row: LedgerRow, *records: Record) -> Origin:
    (found,) = of_ledger([row], records, [OURS, BROUGHT], NOW)
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
        (replace(ROW, tran_id=8, amount=D(9)), (replace(MANUAL, ref="8", automatic=True),), "exchange"),
        (replace(ROW, tran_id=8, amount=D(9)), (replace(MANUAL, ref="x", amount=D(9), automatic=True),), "exchange"),
        (replace(ROW, kind="TRANSFER", tran_id=6, amount=D(5)), (), "ours"),
        (replace(ROW, kind="BUY_INCOME"), (), "trade"),
        (replace(ROW, kind="LIQUIDATION_FEE"), (), "liquidation"),
        (replace(ROW, kind="REPAY_LIQUIDATION"), (), "liquidation"),
        (replace(ROW, kind="COMMISSION_RETURN"), (), "exchange"),
        (replace(ROW, kind="SMALL_CONVERT"), (), "another hand"),
        (replace(ROW, kind="BORROW"), (), "another hand or exchange"),
    ],
)
def test_a_row_of_the_ledger_is_told_apart(row: LedgerRow, records: tuple[Record, ...], whose: str) -> None:
    assert origin(row, *records) == whose


def test_an_order_that_was_never_sent_explains_no_row() -> None:
    expired = replace(OURS, state=IntentState.EXPIRED, ref=None)
    (found,) = of_ledger([ROW], [MANUAL], [expired], NOW)
    assert (found.origin, found.intent) == ("another hand", None)


SALE = intent(
    5,
    IntentState.CONFIRMED,
    Reduce(CROSS, "USDT", D(300), "BTCUSDT", "SELL", D("0.005"), D(59_400), "BTC"),
    submitted_at=NOW,
)
BY_ITSELF = Record("8", "USDT", D(299), "CONFIRMED", NOW + seconds(1), automatic=True)


@pytest.mark.parametrize(
    ("sale", "row", "record", "whose"),
    [
        (SALE, ROW, BY_ITSELF, ("ours", 5)),
        (SALE, ROW, replace(BY_ITSELF, automatic=False), ("another hand", None)),
        (SALE, replace(ROW, asset="BTC"), replace(BY_ITSELF, asset="BTC"), ("exchange", None)),
        (SALE, replace(ROW, at=NOW - seconds(60)), replace(BY_ITSELF, at=NOW - seconds(60)), ("exchange", None)),
        (replace(SALE, state=IntentState.REFUSED), ROW, BY_ITSELF, ("exchange", None)),
    ],
)
def test_what_the_exchange_repaid_with_a_sale_of_ours_is_ours(
    sale: Intent, row: LedgerRow, record: Record, whose: tuple[Origin, int | None]
) -> None:
    (found,) = of_ledger([replace(row, tran_id=8, amount=D(299))], [record], [sale], NOW)
    assert (found.origin, found.intent) == whose


@pytest.mark.parametrize(
    ("asked", "whose"), [(True, "another hand"), (False, "exchange"), (None, "another hand or exchange")]
)
def test_a_transfer_is_told_apart_by_whether_somebody_asked_for_it(asked: bool | None, whose: str) -> None:
    (found,) = of_transfers([replace(IN, amount=D(7), was_asked_for=asked)], [OURS, BROUGHT], NOW)
    assert (found.origin, found.type, found.key) == (whose, "ROLL_IN", "5 in")


def test_the_way_out_of_cross_into_a_pair_is_ours_at_both_ends() -> None:
    ends = [replace(IN, is_incoming=False), replace(IN, scope=Scope("BTCUSDT"), other="CROSS_MARGIN")]
    found = of_transfers(ends, [OURS, BROUGHT], NOW)
    assert [(one.origin, one.intent, one.type) for one in found] == [("ours", 4, "ROLL_OUT"), ("ours", 4, "ROLL_IN")]


def test_a_transfer_that_is_not_settled_is_not_kept_yet() -> None:
    assert of_transfers([replace(IN, status="PENDING")], [], NOW) == ()


def test_a_forced_order_is_kept_by_its_scope_and_number() -> None:
    order = Liquidation("BTCUSDT", "SELL", D(1), D(60_000), 9, True, NOW)
    (found,) = of_liquidations([order], NOW)
    assert (found.scope, found.key, found.amount, found.origin) == (
        Scope("BTCUSDT"),
        "BTCUSDT 9",
        D(1),
        "liquidation",
    )


def test_only_repayments_need_their_history_to_be_told_apart() -> None:
    assert needs_repayments([ROW])
    assert not needs_repayments([replace(ROW, kind="TRANSFER")])
