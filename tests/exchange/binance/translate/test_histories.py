"""Translation of history rows: whole ids, causes, statuses, pages that lack their rows."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from monitor.core.model.account import CROSS, Scope
from monitor.core.model.order import ExchangeRecord
from monitor.exchange.binance.translate import histories
from monitor.exchange.binance.wire.decoding import decode
from monitor.exchange.binance.wire.field_types import HistoryPage, SparseHistoryPage
from monitor.exchange.binance.wire.loans import InterestRow, LiquidationOrderRow, LoanRow
from monitor.exchange.binance.wire.numbers import ImplausibleValue
from monitor.exchange.binance.wire.transfers import UniversalTransferRow
from tests.support.examples.payloads import example_answer

D = Decimal

INTEREST = HistoryPage[InterestRow]
LOANS = HistoryPage[LoanRow]
TRANSFERS = SparseHistoryPage[UniversalTransferRow]


def test_interest_charge_keeps_its_nineteen_digits() -> None:
    body = (
        b'{"rows":[{"txId":1352286576452864727,"interestAccuredTime":1672160400000,"asset":"USDT","rawAsset":"USDT",'
        b'"principal":"45.3313","interest":"0.00024995","interestRate":"0.00013233","type":"ON_BORROW",'
        b'"isolatedSymbol":"BNBUSDT"}],"total":1}'
    )
    charge = histories.parse_interest_charge(decode(body, INTEREST).rows[0], Scope("BNBUSDT"))
    assert charge.tx_id == 1352286576452864727
    assert charge.charged_at == datetime(2022, 12, 27, 17, 0, tzinfo=UTC)
    assert (charge.interest, charge.daily_rate, charge.kind) == (D("0.00024995"), D("0.00013233"), "ON_BORROW")


def test_interest_paid_in_another_asset_names_both() -> None:
    body = (
        b'{"rows":[{"txId":1,"interestAccuredTime":1672160400000,"asset":"BNB","rawAsset":"USDT","principal":"1",'
        b'"interest":"1","interestRate":"0.01","type":"PERIODIC_CONVERTED"}],"total":1}'
    )
    charge = histories.parse_interest_charge(decode(body, INTEREST).rows[0], CROSS)
    assert (charge.asset, charge.raw_asset) == ("BNB", "USDT")


def test_loan_record_is_automatic_unless_manual() -> None:
    page = decode(example_answer("GET /sapi/v1/margin/borrow-repay"), LOANS)
    assert histories.parse_repayment(page.rows[0]) == ExchangeRecord(
        ref="240000000016",
        asset="ETH",
        amount=D(18),
        status="CONFIRMED",
        at=datetime(2026, 8, 1, 12, tzinfo=UTC),
        is_automatic=True,
    )
    assert not histories.parse_repayment(msgspec.structs.replace(page.rows[0], type="MANUAL")).is_automatic


def test_status_never_documented_stays_open() -> None:
    page = decode(
        b'{"rows":[{"asset":"USDT","amount":"1","type":"MAIN_MARGIN","status":"PROCESSING","tranId":1,'
        b'"timestamp":1544433328000}],"total":1}',
        TRANSFERS,
    )
    assert histories.parse_transfer_record(page.rows[0]).status == "PENDING"


def test_transfer_history_without_rows_is_empty() -> None:
    assert decode(b"{}", TRANSFERS).rows == ()


@pytest.mark.parametrize("kind", [INTEREST, LOANS, HistoryPage[LiquidationOrderRow]])
def test_history_of_money_without_rows_is_no_empty_history(kind: Any) -> None:
    with pytest.raises(ImplausibleValue, match="rows"):
        decode(b"{}", kind)


@pytest.mark.parametrize("amount", ["-1", "NaN", ""])
def test_record_without_a_plausible_amount_is_rejected_with_its_page(amount: str) -> None:
    page = example_answer("GET /sapi/v1/margin/borrow-repay").replace(b"18.00000000", amount.encode())
    with pytest.raises(ImplausibleValue, match=r"rows.*amount"):
        decode(page, LOANS)
