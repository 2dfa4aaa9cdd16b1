"""Reads of account activity: open orders, movements, the liquidation loan."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.core.model.account import Scope
from monitor.core.model.ledger import SAME_EVENT_TOLERANCE, LedgerRow, MarginTransfer
from monitor.core.model.order import ExchangeRecord, TransferSource
from monitor.core.model.reads import LiquidationLoanRead, OpenOrdersRead
from monitor.core.numbers.amounts import ZERO
from monitor.errors import ExchangeRefused
from monitor.exchange.binance.api.history import HistoryReader
from monitor.exchange.binance.api.loans import get_margin_liquidation_loan
from monitor.exchange.binance.api.order_mapping import TRANSFER_TYPES
from monitor.exchange.binance.api.orders import get_open_margin_orders
from monitor.exchange.binance.api.response import ApiResponse
from monitor.exchange.binance.api.transfers import (
    get_margin_capital_flow,
    get_margin_transfer_history,
    query_universal_transfer_history,
)
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.operations.repayments import read_repayment_records
from monitor.exchange.binance.operations.transfers import NO_SUCH_ROUTE_CODES
from monitor.exchange.binance.rate_limits import Priority
from monitor.exchange.binance.translate import activity
from monitor.exchange.binance.translate.histories import parse_repayment
from monitor.exchange.binance.wire.orders import OrderStateRow
from monitor.exchange.binance.wire.plain_values import to_datetime
from monitor.exchange.binance.wire.transfers import UniversalTransferRow

NO_LOAN_CODE = -21004
"""Code of the answer where no liquidation loan is owed."""


class BinanceActivitySource:
    """Implementation of `exchange.port.ActivitySource`; `transport` signs with the reading key."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def read_open_orders(self, scope: Scope) -> OpenOrdersRead:
        """Return all open orders of the scope."""

        def translated(orders: Iterable[OrderStateRow], answer: ApiResponse) -> OpenOrdersRead:
            rows = [order for order in orders if order.is_isolated == bool(scope.symbol)]
            numbers = frozenset(order.order_id for order in rows)
            return OpenOrdersRead(scope, numbers, answer.as_of, tuple(activity.parse_open_order(row) for row in rows))

        return (
            await get_open_margin_orders.with_answer(list[OrderStateRow])
            .with_priority(Priority.LAST)
            .fetch(self._transport, translated, symbol=scope.symbol or None, is_isolated=bool(scope.symbol))
        )

    async def read_ledger(
        self, scope: Scope, since: datetime, until: datetime, asset: str | None = None
    ) -> tuple[LedgerRow, ...]:
        """Return every row of the margin ledger in the window, oldest first, each once."""
        given = {"symbol": scope.symbol or None, "asset": asset}
        walk = HistoryReader(self._transport, get_margin_capital_flow, given, since, until)
        return tuple([activity.parse_ledger_row(row, scope) async for row in walk])

    async def read_repayments(self, scope: Scope, since: datetime, until: datetime) -> tuple[ExchangeRecord, ...]:
        """Return every repayment of the scope in the window, manual or automatic."""
        walk = HistoryReader(
            self._transport, read_repayment_records, {"isolatedSymbol": scope.symbol or None}, since, until
        )
        return tuple([parse_repayment(row) async for row in walk])

    async def read_transfers(self, scope: Scope, since: datetime, until: datetime) -> tuple[MarginTransfer, ...]:
        """Return every transfer into and out of the scope in the window, oldest first, and whether it was requested."""
        given = {"isolatedSymbol": scope.symbol or None}
        walk = HistoryReader(self._transport, get_margin_transfer_history, given, since, until)
        seen = [activity.parse_transfer(row, scope) async for row in walk]
        requested: dict[str, Sequence[UniversalTransferRow] | None] = {}
        for way in sorted({t.other for t in seen if t.is_incoming}):
            requested[way] = await self._requested_transfers(scope, way, since, until)
        return tuple(
            replace(t, was_requested=_matches_request(t, requested[t.other]))
            if t.is_incoming
            else replace(t, was_requested=True)
            for t in seen
        )

    async def read_liquidation_loan(self, now: datetime) -> LiquidationLoanRead:
        """Return the debt that a bankrupt liquidation left; zero where there is none."""
        try:
            loan = await get_margin_liquidation_loan(self._transport)
        except ExchangeRefused as refusal:
            if refusal.venue_code != NO_LOAN_CODE:
                raise
            return LiquidationLoanRead("USDC", ZERO, now)
        return LiquidationLoanRead(loan.asset or "USDC", activity.parse_remaining_loan(loan), now)

    async def _requested_transfers(
        self, scope: Scope, other: str, since: datetime, until: datetime
    ) -> Sequence[UniversalTransferRow] | None:
        """Return the requested transfers from `other`; None where the exchange gives no history of the route."""
        source = _TRANSFER_SOURCES.get(other)
        kind = TRANSFER_TYPES.get((source, bool(scope.symbol))) if source else None
        if kind is None:
            return None
        given = {"type": kind, "toSymbol": scope.symbol or None}
        # A transfer may be dated a moment apart in the two histories.
        walk = HistoryReader(
            self._transport, query_universal_transfer_history, given, since - SAME_EVENT_TOLERANCE, until
        )
        try:
            return [row async for row in walk]
        except ExchangeRefused as refusal:
            if refusal.venue_code in NO_SUCH_ROUTE_CODES:
                return None
            raise


_TRANSFER_SOURCES: Mapping[str, TransferSource] = {"SPOT": "spot", "FUNDING": "funding", "CROSS_MARGIN": "cross"}
"""Origins of transfers by the exchange's names in its history of margin transfers."""


def _matches_request(transfer: MarginTransfer, requested: Iterable[UniversalTransferRow] | None) -> bool | None:
    """Return whether a request matches the transfer: by number, or by asset, amount and time. None: unknown."""
    if requested is None:
        return None
    return any(
        row.tran_id == transfer.tx_id
        or (
            row.asset == transfer.asset
            and row.amount == transfer.amount
            and abs(to_datetime(row.timestamp) - transfer.at) <= SAME_EVENT_TOLERANCE + timedelta(seconds=1)
        )
        for row in requested
    )
