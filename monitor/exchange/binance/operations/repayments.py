"""Repayments: sending one, finding its records."""

from monitor.core.model.order import ExchangeRecord, Outcome, Repay, TimeWindow
from monitor.exchange.binance.api.history import HistoryReader
from monitor.exchange.binance.api.loans import get_margin_repay_details, repay_margin_loan
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.rate_limits import Priority
from monitor.exchange.binance.translate.histories import parse_repayment
from monitor.exchange.binance.wire.field_types import HistoryPage
from monitor.exchange.binance.wire.loans import LoanRecordRow

read_repayment_records = get_margin_repay_details.with_answer(HistoryPage[LoanRecordRow])
"""The history of repayments without their parts, which prove nothing."""


async def send_repayment(transport: Transport, order: Repay) -> Outcome:
    """Send one repayment, once."""
    symbol = order.scope.symbol
    sent = await repay_margin_loan(
        transport, asset=order.asset, amount=order.amount, is_isolated=bool(symbol), symbol=symbol or None
    )
    return sent.outcome


async def find_repayments(transport: Transport, order: Repay, window: TimeWindow) -> tuple[ExchangeRecord, ...]:
    """Return every repayment of the order's asset in its scope within the window, newest first, each once.

    Automatic ones are included and marked.
    """
    symbol = order.scope.symbol
    walk = HistoryReader(
        transport,
        read_repayment_records.with_priority(Priority.FIRST),
        {"asset": order.asset, "isolatedSymbol": symbol or None},
        window.since,
        window.until,
    )
    found = [
        parse_repayment(row)
        async for row in walk
        if row.asset == order.asset and (not row.isolated_symbol or row.isolated_symbol == symbol)
    ]
    return tuple(reversed(found))
