"""Records of histories: interest charges, liquidation orders, repayments, transfers."""

from typing import Literal

from monitor.core.model.account import InterestCharge, LiquidationOrder, Scope
from monitor.core.model.order import ExchangeRecord
from monitor.exchange.binance.wire.loans import InterestRow, LiquidationFillRow, LoanRecordRow
from monitor.exchange.binance.wire.plain_values import to_datetime, to_decimal
from monitor.exchange.binance.wire.transfers import UniversalTransferRow


def parse_interest_charge(row: InterestRow, scope: Scope) -> InterestCharge:
    """Return one interest charge of `scope`."""
    return InterestCharge(
        scope=scope,
        asset=row.asset,
        raw_asset=row.raw_asset or row.asset,
        principal=to_decimal(row.principal),
        interest=to_decimal(row.interest),
        daily_rate=to_decimal(row.interest_rate),
        kind=row.type,
        tx_id=row.tx_id,
        charged_at=to_datetime(row.charged_at),
    )


def parse_liquidation(row: LiquidationFillRow) -> LiquidationOrder:
    """Return one order of a forced liquidation."""
    return LiquidationOrder(
        symbol=row.symbol,
        side=row.side,
        quantity=to_decimal(row.executed_qty),
        price=to_decimal(row.avg_price),
        order_id=row.order_id,
        isolated=row.is_isolated,
        at=to_datetime(row.updated_time),
    )


def parse_repayment(row: LoanRecordRow) -> ExchangeRecord:
    """Return one row of the repayment history. Only MANUAL rows can be the record of a request."""
    return ExchangeRecord(
        ref=str(row.tx_id),
        asset=row.asset,
        amount=to_decimal(row.amount),
        status=_parse_status(row.status),
        at=to_datetime(row.timestamp),
        is_automatic=row.type != "MANUAL",
    )


def parse_transfer_record(row: UniversalTransferRow) -> ExchangeRecord:
    """Return one row of the transfer history."""
    return ExchangeRecord(
        ref=str(row.tran_id),
        asset=row.asset,
        amount=to_decimal(row.amount),
        status=_parse_status(row.status),
        at=to_datetime(row.timestamp),
    )


def _parse_status(text: str) -> Literal["PENDING", "CONFIRMED", "FAILED"]:
    """Return the outcome that the exchange's status stands for."""
    match text:
        case "CONFIRMED":
            return "CONFIRMED"
        case "FAILED":
            return "FAILED"
        case _:
            # An undocumented status is no outcome: the record stays open until the exchange gives one of the two.
            return "PENDING"
