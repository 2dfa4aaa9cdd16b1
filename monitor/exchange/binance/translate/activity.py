"""Account activity: ledger rows, transfers, open orders, the liquidation loan."""

from decimal import Decimal

from monitor.core.model.account import Scope
from monitor.core.model.ledger import LedgerRow, MarginTransfer
from monitor.core.model.symbols import OpenOrder
from monitor.core.numbers.amounts import ZERO
from monitor.exchange.binance.wire.ledger import CapitalFlowRow
from monitor.exchange.binance.wire.loans import LiquidationLoanPayload
from monitor.exchange.binance.wire.orders import OrderStateRow
from monitor.exchange.binance.wire.plain_values import to_datetime, to_decimal
from monitor.exchange.binance.wire.transfers import MarginTransferRow as TransferAnswer


def parse_ledger_row(row: CapitalFlowRow, scope: Scope) -> LedgerRow:
    """Return one row of the margin ledger. The sign of its amount is not documented; its type gives the direction."""
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


def parse_transfer(row: TransferAnswer, scope: Scope) -> MarginTransfer:
    """Return one transfer from the margin scope's side."""
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


def parse_open_order(order: OrderStateRow) -> OpenOrder:
    """Return an open order, reduced to the fields that say which asset it locks."""
    return OpenOrder(order.order_id, order.symbol, "SELL" if order.side == "SELL" else "BUY")


def parse_remaining_loan(loan: LiquidationLoanPayload) -> Decimal:
    """Return the amount still owed of the liquidation loan."""
    return to_decimal(loan.remaining_amount or ZERO)
