"""Histories: interest, forced liquidations, and the traces of orders."""

from typing import Literal

from monitor.core.account import InterestCharge, Liquidation, Scope
from monitor.core.intents import Record
from monitor.exchange.binance.wire.history import CapitalFlowRow, InterestRow, LiquidationRow, LoanRow, TransferRow
from monitor.exchange.binance.wire.numbers import amount, moment, signed


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
        status=_status(row.status),
        at=moment(row.timestamp, "timestamp"),
        automatic=row.type != "MANUAL",
    )


def transfer_record(row: TransferRow) -> Record:
    """One row of the transfer history."""
    return Record(
        ref=str(row.tran_id),
        asset=row.asset,
        amount=amount(row.amount, "amount"),
        status=_status(row.status),
        at=moment(row.timestamp, "timestamp"),
    )


def _status(text: str) -> Literal["PENDING", "CONFIRMED", "FAILED"]:
    match text:
        case "CONFIRMED":
            return "CONFIRMED"
        case "FAILED":
            return "FAILED"
        case _:
            # A status never documented is no outcome: it stays open until the venue says one of the two.
            return "PENDING"


def flow_record(row: CapitalFlowRow) -> Record:
    """One row of the margin ledger as the trace of an order: what is in the ledger has happened."""
    return Record(
        ref=str(row.tran_id),
        asset=row.asset,
        # The sign is undocumented, and the direction is in the type.
        amount=abs(signed(row.amount, "amount")),
        status="CONFIRMED",
        at=moment(row.timestamp, "timestamp"),
    )
