"""An account's surroundings: ledger, transfers, schedules, collateral, from typed answers to core."""

from decimal import Decimal

from monitor.core.model.account import Scope
from monitor.core.model.ledger import LedgerRow, MarginTransfer
from monitor.core.model.order import Record
from monitor.core.model.symbols import Resting
from monitor.exchange.binance.translate.histories import status_of
from monitor.exchange.binance.translate.plain_values import exact, moment
from monitor.exchange.binance.wire.ledger import CapitalFlow
from monitor.exchange.binance.wire.loans import LiquidationLoan, Loan
from monitor.exchange.binance.wire.orders import Order
from monitor.exchange.binance.wire.transfers import MarginTransfer as TransferAnswer

NOTHING = Decimal(0)


def ledger_row(row: CapitalFlow, scope: Scope) -> LedgerRow:
    """One row of the margin ledger. The sign of its amount is not documented, and the direction is in its type."""
    return LedgerRow(
        scope=scope,
        id=row.id,
        tran_id=row.tran_id,
        at=moment(row.timestamp),
        asset=row.asset,
        kind=row.type,
        amount=abs(exact(row.amount)),
        note=row.note or "",
    )


def repayment(row: Loan) -> Record:
    """One repayment, made by hand or not."""
    return Record(
        ref=str(row.tx_id),
        asset=row.asset,
        amount=exact(row.amount),
        status=status_of(row.status),
        at=moment(row.timestamp),
        automatic=row.type != "MANUAL",
    )


def transfer(row: TransferAnswer, scope: Scope) -> MarginTransfer:
    """One transfer as the margin scope saw it."""
    is_incoming = row.type == "ROLL_IN"
    return MarginTransfer(
        scope=scope,
        tx_id=row.tx_id,
        at=moment(row.timestamp),
        asset=row.asset,
        amount=exact(row.amount),
        is_incoming=is_incoming,
        other=(row.trans_from if is_incoming else row.trans_to) or "",
        status=row.status,
    )


def resting(order: Order) -> Resting:
    """An open order, as far as it locks something."""
    return Resting(order.order_id, order.symbol, "SELL" if order.side == "SELL" else "BUY")


def remaining(loan: LiquidationLoan) -> Decimal:
    """What is still owed of the loan."""
    return exact(loan.remaining_amount or NOTHING)
