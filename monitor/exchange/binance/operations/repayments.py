"""Repaying, and the traces that repayments leave."""

from datetime import datetime, timedelta

from monitor.core.model.order import Outcome, Record, Repay, Window
from monitor.core.numbers.amounts import plain
from monitor.exchange.binance.api.endpoint import Endpoint
from monitor.exchange.binance.api.pages import PAGE_SIZE, Page, records
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.rate_limits import Priority
from monitor.exchange.binance.translate import histories
from monitor.exchange.binance.wire.histories_text import LoanPage, TranId
from monitor.exchange.binance.wire.numbers import milliseconds

BORROW_REPAY = Endpoint("POST", "/sapi/v1/margin/borrow-repay", TranId, weight=1500, counted="uid")
RECORDS = Endpoint("GET", "/sapi/v1/margin/borrow-repay", LoanPage, weight=10, priority=Priority.FIRST)

_SPAN = timedelta(days=30)


async def repay(transport: Transport, order: Repay) -> Outcome:
    """Send one repayment, once."""
    return await transport.write(
        BORROW_REPAY,
        {
            "asset": order.asset,
            "isIsolated": "TRUE" if order.scope.symbol else "FALSE",
            "symbol": order.scope.symbol or None,
            "amount": plain(order.amount),
            "type": "REPAY",
        },
    )


async def find_repayments(transport: Transport, order: Repay, window: Window) -> tuple[Record, ...]:
    """Every repayment of the order's asset in its scope within the window, newest first, each once.

    Automatic ones are among them and marked.
    """

    async def read(start: datetime, end: datetime, number: int) -> Page[Record]:
        parameters = {
            "type": "REPAY",
            "asset": order.asset,
            "isolatedSymbol": order.scope.symbol or None,
            "startTime": milliseconds(start),
            "endTime": milliseconds(end),
            "current": number,
            "size": PAGE_SIZE,
        }
        return await transport.fetch(RECORDS, parameters, lambda page, _: _records(page, order))

    return await records(window, _SPAN, read)


def _records(page: LoanPage, order: Repay) -> Page[Record]:
    wanted = [
        histories.loan_record(row)
        for row in page.rows
        if row.asset == order.asset and (not row.isolated_symbol or row.isolated_symbol == order.scope.symbol)
    ]
    return Page(wanted, len(page.rows), page.total)
