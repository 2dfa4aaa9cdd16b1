"""Records of histories: interest charges, liquidation orders, repayments, transfers."""

from typing import Literal

from monitor.core.model.account import InterestCharge, LiquidationOrder, Scope
from monitor.core.model.order import ExchangeRecord
from monitor.exchange.binance.wire.histories_text import (
    TextInterestRow,
    TextLiquidationRow,
    TextLoanRow,
    TextTransferRow,
)
from monitor.exchange.binance.wire.numbers import parse_amount, parse_time


def parse_interest_charge(row: TextInterestRow, scope: Scope) -> InterestCharge:
    """Return one interest charge of `scope`."""
    return InterestCharge(
        scope=scope,
        asset=row.asset,
        raw_asset=row.raw_asset or row.asset,
        principal=parse_amount(row.principal, "principal"),
        interest=parse_amount(row.interest, "interest"),
        daily_rate=parse_amount(row.interest_rate, "interestRate"),
        kind=row.type,
        tx_id=row.tx_id,
        charged_at=parse_time(row.charged_at, "interestAccuredTime"),
    )


def parse_liquidation(row: TextLiquidationRow) -> LiquidationOrder:
    """Return one order of a forced liquidation."""
    return LiquidationOrder(
        symbol=row.symbol,
        side=row.side,
        quantity=parse_amount(row.executed_qty, "executedQty"),
        price=parse_amount(row.avg_price, "avgPrice"),
        order_id=row.order_id,
        isolated=row.is_isolated,
        at=parse_time(row.updated_time, "updatedTime"),
    )


def parse_loan_record(row: TextLoanRow) -> ExchangeRecord:
    """Return one row of the repayment history. Only MANUAL rows can be the record of a request."""
    return ExchangeRecord(
        ref=str(row.tx_id),
        asset=row.asset,
        amount=parse_amount(row.amount, "amount"),
        status=parse_status(row.status),
        at=parse_time(row.timestamp, "timestamp"),
        is_automatic=row.type != "MANUAL",
    )


def parse_transfer_record(row: TextTransferRow) -> ExchangeRecord:
    """Return one row of the transfer history."""
    return ExchangeRecord(
        ref=str(row.tran_id),
        asset=row.asset,
        amount=parse_amount(row.amount, "amount"),
        status=parse_status(row.status),
        at=parse_time(row.timestamp, "timestamp"),
    )


def parse_status(text: str) -> Literal["PENDING", "CONFIRMED", "FAILED"]:
    """Return the outcome that the exchange's status stands for."""
    match text:
        case "CONFIRMED":
            return "CONFIRMED"
        case "FAILED":
            return "FAILED"
        case _:
            # An undocumented status is no outcome: the record stays open until the exchange gives one of the two.
            return "PENDING"
