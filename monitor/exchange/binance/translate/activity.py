"""An account's surroundings: ledger, transfers, schedules, collateral, from typed answers to core."""

from decimal import Decimal

from monitor.core.model.account import Scope
from monitor.core.model.ledger import LedgerRow, MarginTransfer
from monitor.core.model.order import VenueRecord
from monitor.core.model.symbols import OpenOrder
from monitor.exchange.binance.translate.histories import parse_status
from monitor.exchange.binance.translate.plain_values import to_datetime, to_decimal
from monitor.exchange.binance.wire.ledger import CapitalFlowRow
from monitor.exchange.binance.wire.loans import LiquidationLoanPayload, LoanRow
from monitor.exchange.binance.wire.orders import OrderRow
from monitor.exchange.binance.wire.transfers import MarginTransferRow as TransferAnswer

NO_AMOUNT = Decimal(0)


def parse_ledger_row(row: CapitalFlowRow, scope: Scope) -> LedgerRow:
    """One row of the margin ledger. The sign of its amount is not documented, and the direction is in its type."""
    return LedgerRow(
        scope=scope,
        id=row.id,
        tran_id=row.tran_id,
        at=to_datetime(row.timestamp),
        asset=row.asset,
        kind=row.type,
        amount=abs(to_decimal(row.amount)),
        note=row.note or "",
    )


def parse_repayment(row: LoanRow) -> VenueRecord:
    """One repayment, made by hand or not."""
    return VenueRecord(
        ref=str(row.tx_id),
        asset=row.asset,
        amount=to_decimal(row.amount),
        status=parse_status(row.status),
        at=to_datetime(row.timestamp),
        is_automatic=row.type != "MANUAL",
    )


def parse_transfer(row: TransferAnswer, scope: Scope) -> MarginTransfer:
    """One transfer as the margin scope saw it."""
    is_incoming = row.type == "ROLL_IN"
    return MarginTransfer(
        scope=scope,
        tx_id=row.tx_id,
        at=to_datetime(row.timestamp),
        asset=row.asset,
        amount=to_decimal(row.amount),
        is_incoming=is_incoming,
        other=(row.trans_from if is_incoming else row.trans_to) or "",
        status=row.status,
    )


def parse_open_order(order: OrderRow) -> OpenOrder:
    """An open order, as far as it locks something."""
    return OpenOrder(order.order_id, order.symbol, "SELL" if order.side == "SELL" else "BUY")


def parse_remaining_loan(loan: LiquidationLoanPayload) -> Decimal:
    """What is still owed of the loan."""
    return to_decimal(loan.remaining_amount or NO_AMOUNT)
