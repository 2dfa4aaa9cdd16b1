"""Histories: interest, forced liquidations, and the traces of orders."""

from typing import Literal

from monitor.core.model.account import InterestCharge, Liquidation, Scope
from monitor.core.model.order import Record
from monitor.exchange.binance.wire.histories_text import InterestRow, LiquidationRow, LoanRow, TransferRow
from monitor.exchange.binance.wire.numbers import amount, moment


def interest_charge(row: InterestRow, scope: Scope) -> InterestCharge:
    """One interest charge of `scope`."""
    return InterestCharge(
        scope=scope,
        asset=row.asset,
        raw_asset=row.raw_asset or row.asset,
        principal=amount(row.principal, "principal"),
        interest=amount(row.interest, "interest"),
        daily_rate=amount(row.interest_rate, "interestRate"),
        kind=row.type,
        tx_id=row.tx_id,
        charged_at=moment(row.charged, "interestAccuredTime"),
    )


def liquidation(row: LiquidationRow) -> Liquidation:
    """One order of a forced liquidation."""
    return Liquidation(
        symbol=row.symbol,
        side=row.side,
        quantity=amount(row.executed_qty, "executedQty"),
        price=amount(row.avg_price, "avgPrice"),
        order_id=row.order_id,
        isolated=row.is_isolated,
        at=moment(row.updated_time, "updatedTime"),
    )


def loan_record(row: LoanRow) -> Record:
    """One row of the repayment history. Only MANUAL rows can be the trace of a request."""
    return Record(
        ref=str(row.tx_id),
        asset=row.asset,
        amount=amount(row.amount, "amount"),
        status=status_of(row.status),
        at=moment(row.timestamp, "timestamp"),
        automatic=row.type != "MANUAL",
    )


def transfer_record(row: TransferRow) -> Record:
    """One row of the transfer history."""
    return Record(
        ref=str(row.tran_id),
        asset=row.asset,
        amount=amount(row.amount, "amount"),
        status=status_of(row.status),
        at=moment(row.timestamp, "timestamp"),
    )


def status_of(text: str) -> Literal["PENDING", "CONFIRMED", "FAILED"]:
    """What the venue's word says of an outcome."""
    match text:
        case "CONFIRMED":
            return "CONFIRMED"
        case "FAILED":
            return "FAILED"
        case _:
            # A status never documented is no outcome: it stays open until the venue says one of the two.
            return "PENDING"
