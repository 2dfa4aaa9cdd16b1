"""Repayments: sending one, finding its records."""

from datetime import datetime, timedelta

from monitor.core.model.order import ExchangeRecord, Outcome, Repay, TimeWindow
from monitor.core.numbers.amounts import format_decimal
from monitor.exchange.binance.api.endpoint import Endpoint
from monitor.exchange.binance.api.pages import PAGE_SIZE, Page, read_records
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.rate_limits import Priority
from monitor.exchange.binance.translate import histories
from monitor.exchange.binance.wire.histories_text import TextLoanPage, TextTransactionId
from monitor.exchange.binance.wire.numbers import to_milliseconds

BORROW_REPAY = Endpoint("POST", "/sapi/v1/margin/borrow-repay", TextTransactionId, weight=1500, counted="uid")
REPAYMENT_RECORDS = Endpoint("GET", "/sapi/v1/margin/borrow-repay", TextLoanPage, weight=10, priority=Priority.FIRST)

_MAX_WINDOW = timedelta(days=30)


async def send_repayment(transport: Transport, order: Repay) -> Outcome:
    """Send one repayment, once."""
    return await transport.write(
        BORROW_REPAY,
        {
            "asset": order.asset,
            "isIsolated": "TRUE" if order.scope.symbol else "FALSE",
            "symbol": order.scope.symbol or None,
            "amount": format_decimal(order.amount),
            "type": "REPAY",
        },
    )


async def find_repayments(transport: Transport, order: Repay, window: TimeWindow) -> tuple[ExchangeRecord, ...]:
    """Return every repayment of the order's asset in its scope within the window, newest first, each once.

    Automatic ones are included and marked.
    """

    async def read(start: datetime, end: datetime, number: int) -> Page[ExchangeRecord]:
        parameters = {
            "type": "REPAY",
            "asset": order.asset,
            "isolatedSymbol": order.scope.symbol or None,
            "startTime": to_milliseconds(start),
            "endTime": to_milliseconds(end),
            "current": number,
            "size": PAGE_SIZE,
        }
        return await transport.fetch(REPAYMENT_RECORDS, parameters, lambda page, _: _parse_records(page, order))

    return await read_records(window, _MAX_WINDOW, read)


def _parse_records(page: TextLoanPage, order: Repay) -> Page[ExchangeRecord]:
    wanted = [
        histories.parse_loan_record(row)
        for row in page.rows
        if row.asset == order.asset and (not row.isolated_symbol or row.isolated_symbol == order.scope.symbol)
    ]
    return Page(wanted, len(page.rows), page.total)
