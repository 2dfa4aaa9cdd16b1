"""Reads of an account's surroundings: what moved, which orders are open, and on which terms the venue lends."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.model.account import CollateralTier, Price, Scope
from monitor.core.model.ledger import SAME_MOMENT, LedgerRow, MarginTransfer
from monitor.core.model.lending_terms import Delisting, Restricted
from monitor.core.model.order import Record
from monitor.core.model.reads import LiquidationLoanRead, OrdersRead
from monitor.core.model.symbols import Market
from monitor.errors import ExchangeRefused
from monitor.exchange.binance.api.history import Walk
from monitor.exchange.binance.api.loans import get_margin_liquidation_loan, get_margin_repay_details
from monitor.exchange.binance.api.market import (
    get_cross_margin_collateral_ratio,
    get_margin_all_assets,
    get_margin_delist_schedule,
    get_margin_price_index,
    get_margin_restricted_assets,
    get_spot_asset_tags,
)
from monitor.exchange.binance.api.orders import get_open_margin_orders
from monitor.exchange.binance.api.transfers import (
    get_margin_capital_flow,
    get_margin_transfer_history,
    query_universal_transfer_history,
)
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.operations.symbol_rules import read_markets
from monitor.exchange.binance.operations.transfers import NO_SUCH_WAY
from monitor.exchange.binance.rate_limits import Priority
from monitor.exchange.binance.translate import activity
from monitor.exchange.binance.translate.plain_values import exact, moment
from monitor.exchange.binance.translate.reference_data import collateral, delisting, min_repay, restricted, tags
from monitor.exchange.binance.wire.transfers import UniversalTransfer

NO_LOAN = -21004
"""The code of the answer where no liquidation loan is owed."""


class BinanceSurroundings:
    """Implements `exchange.port.Surroundings`; `transport` signs with the reading key."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def open_orders(self, scope: Scope) -> OrdersRead:
        """All open orders of the scope."""
        asked = get_open_margin_orders.asked(
            {"symbol": scope.symbol, "isIsolated": "TRUE"} if scope.symbol else {"isIsolated": "FALSE"}
        )
        endpoint = replace(get_open_margin_orders.priced(asked), priority=Priority.LAST)
        reading = await self._transport.read(endpoint, asked)
        rows = [order for order in reading.content if order.is_isolated == bool(scope.symbol)]
        numbers = frozenset(order.order_id for order in rows)
        return OrdersRead(scope, numbers, reading.answer.as_of, tuple(activity.resting(order) for order in rows))

    async def markets(
        self, assets: Iterable[str], isolated: Iterable[str], valuing: Iterable[str] = ()
    ) -> Mapping[str, Market]:
        """The symbols between `assets` that cross margin trades, the isolated pairs, and known ones that only value."""
        return await read_markets(self._transport, assets, isolated, valuing)

    async def ledger(
        self, scope: Scope, since: datetime, until: datetime, asset: str | None = None
    ) -> tuple[LedgerRow, ...]:
        """Every row of the margin ledger in the window, oldest first, each once."""
        given = {"symbol": scope.symbol or None, "asset": asset}
        walk = Walk(self._transport, get_margin_capital_flow, given, since, until)
        return tuple([activity.ledger_row(row, scope) async for row in walk])

    async def repayments(self, scope: Scope, since: datetime, until: datetime) -> tuple[Record, ...]:
        """Every repayment of the scope in the window, made by hand or not."""
        walk = Walk(self._transport, get_margin_repay_details, {"isolatedSymbol": scope.symbol or None}, since, until)
        return tuple([activity.repayment(row) async for row in walk])

    async def transfers(self, scope: Scope, since: datetime, until: datetime) -> tuple[MarginTransfer, ...]:
        """Every transfer into and out of the scope in the window, oldest first, and whether somebody asked for it."""
        given = {"isolatedSymbol": scope.symbol or None}
        walk = Walk(self._transport, get_margin_transfer_history, given, since, until)
        seen = [activity.transfer(row, scope) async for row in walk]
        asked: dict[str, Sequence[UniversalTransfer] | None] = {}
        for way in sorted({t.other for t in seen if t.is_incoming}):
            asked[way] = await self._asked_for(scope, way, since, until)
        return tuple(
            replace(t, was_asked_for=_is_among(t, asked[t.other])) if t.is_incoming else replace(t, was_asked_for=True)
            for t in seen
        )

    async def liquidation_loan(self, now: datetime) -> LiquidationLoanRead:
        """What a bankrupt liquidation left owing; zero where there is none."""
        try:
            loan = await get_margin_liquidation_loan(self._transport)
        except ExchangeRefused as refusal:
            if refusal.venue_code != NO_LOAN:
                raise
            return LiquidationLoanRead("USDC", activity.NOTHING, now)
        return LiquidationLoanRead(loan.asset or "USDC", activity.remaining(loan), now)

    async def delistings(self) -> tuple[Delisting, ...]:
        """What leaves margin trading, and when."""
        return tuple(delisting(row) for row in await get_margin_delist_schedule(self._transport))

    async def restricted(self) -> Restricted:
        """Assets that can't be bought on credit, or not be brought in as collateral."""
        return restricted(await get_margin_restricted_assets(self._transport))

    async def tags(self) -> Mapping[str, frozenset[str]]:
        """By asset its tags on the spot market; assets without any may be missing."""
        return tags(await get_spot_asset_tags(self._transport))

    async def collateral(self) -> Mapping[str, tuple[CollateralTier, ...]]:
        """By asset the share of its value that counts as collateral."""
        return collateral(await get_cross_margin_collateral_ratio(self._transport))

    async def min_repay(self) -> Mapping[str, Decimal]:
        """By asset the least that may be repaid of a debt; assets without one are missing."""
        return min_repay(await get_margin_all_assets(self._transport))

    async def index(self, symbol: str) -> Price:
        """The margin index price of one symbol."""
        told = await get_margin_price_index(self._transport, symbol=symbol)
        return Price(exact(told.price), told.calc_time)

    async def _asked_for(
        self, scope: Scope, other: str, since: datetime, until: datetime
    ) -> Sequence[UniversalTransfer] | None:
        """The transfers that somebody asked for on the way from `other`; None where the venue tells nothing of it."""
        kind = _WAYS.get((other, bool(scope.symbol)))
        if kind is None:
            return None
        given = {"type": kind, "toSymbol": scope.symbol or None}
        # A transfer may be dated a moment apart in the two histories.
        walk = Walk(self._transport, query_universal_transfer_history, given, since - SAME_MOMENT, until)
        try:
            return [row async for row in walk]
        except ExchangeRefused as refusal:
            if refusal.venue_code in NO_SUCH_WAY:
                return None
            raise


_WAYS: Mapping[tuple[str, bool], str] = {
    ("SPOT", False): "MAIN_MARGIN",
    ("FUNDING", False): "FUNDING_MARGIN",
    ("SPOT", True): "MAIN_ISOLATED_MARGIN",
    ("CROSS_MARGIN", True): "MARGIN_ISOLATEDMARGIN",
}
"""The venue's types of universal transfer, by where it comes from and whether it goes into an isolated pair."""


def _is_among(transfer: MarginTransfer, asked: Iterable[UniversalTransfer] | None) -> bool | None:
    """Whether the transfer is one of them: by number, or by what moved and when. None: not to be told."""
    if asked is None:
        return None
    return any(
        row.tran_id == transfer.tx_id
        or (
            row.asset == transfer.asset
            and row.amount == transfer.amount
            and abs(moment(row.timestamp) - transfer.at) <= SAME_MOMENT + timedelta(seconds=1)
        )
        for row in asked
    )
