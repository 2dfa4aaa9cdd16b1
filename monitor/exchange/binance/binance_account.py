"""One Binance account behind the exchange port: reads, streams, orders and their records."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import ParamSpec, TypeVar, assert_never

import httpx

from monitor.clock import JUMP_S, Clock
from monitor.core.model.account import (
    CrossSnapshot,
    IsolatedSnapshot,
    KeyPermissions,
    LeverageTier,
    LiquidationOrder,
    Price,
    Thresholds,
    WalletBalances,
)
from monitor.core.model.events import Event
from monitor.core.model.ledger import LedgerRow
from monitor.core.model.order import (
    CancelOrders,
    ExchangeRecord,
    Order,
    Outcome,
    PreSendCheck,
    Reduce,
    Repay,
    TimeWindow,
    Transfer,
    Withheld,
)
from monitor.errors import PayloadRejected
from monitor.exchange.binance.api.accounts import get_isolated_margin_account, get_margin_account
from monitor.exchange.binance.api.endpoint_function import ReadFunction, WriteFunction
from monitor.exchange.binance.api.market import get_klines
from monitor.exchange.binance.api.response import ApiResponse, RequestWithheld, WriteResult
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.operations import (
    accounts,
    key_permissions,
    liquidations,
    market_orders,
    prices,
    repayments,
    transfers,
    wallets,
)
from monitor.exchange.binance.operations.activity import BinanceActivitySource
from monitor.exchange.binance.operations.interest import BinanceInterestSource
from monitor.exchange.binance.operations.reference_data import BinanceReferenceDataSource
from monitor.exchange.binance.order_precheck import precheck_order
from monitor.exchange.binance.rate_limits import WeightBudget
from monitor.exchange.binance.shared_answers import SharedAnswers
from monitor.exchange.binance.signing import Parameters
from monitor.exchange.binance.streams.binance_streams import BinanceStreams
from monitor.exchange.binance.streams.market_feed import MarketFeed
from monitor.exchange.binance.streams.poll_crosscheck import PollCrossCheck
from monitor.exchange.binance.streams.websocket import WebSocketFactory
from monitor.exchange.binance.translate.accounts import ListedAssets

MIN_ORDER_SPACING_S = 0.3
"""The exchange handles an account's money requests one by one; a second sent too soon is refused with -3007."""

_WINDOW_MARGIN = timedelta(seconds=5)
_LISTING_VALID_S = 600.0
_ZERO = timedelta()
_SMALL_CORRECTION = timedelta(seconds=JUMP_S)

P = ParamSpec("P")
T = TypeVar("T")
Snapshot = TypeVar("Snapshot", CrossSnapshot, IsolatedSnapshot)


@dataclass(frozen=True, slots=True)
class BaseUrls:
    """Base addresses. Reads fail over to the fallbacks; requests that move money go to `rest` alone."""

    rest: str
    ws_api: str
    market_stream: str
    risk_stream: str
    rest_fallbacks: tuple[str, ...] = ()


class BinanceAccount:
    """Implementation of `exchange.port.Exchange`."""

    def __init__(
        self,
        *,
        name: str,
        base_urls: BaseUrls,
        cross: bool,
        read_transport: Transport,
        action_transport: Transport | None,
        http: httpx.AsyncClient,
        websockets: WebSocketFactory,
        market_feed: MarketFeed,
        shared_answers: SharedAnswers,
        clock: Clock,
        weight_budget: WeightBudget,
        key_fingerprint: str,
    ) -> None:
        self.name = name
        self.key_fingerprint = key_fingerprint
        self._base_urls = base_urls
        self._cross = cross
        self._read_transport = read_transport
        self._action_transport = action_transport if action_transport is not None else read_transport
        self.acts_with_own_key = action_transport is not None
        self._http = http
        self._websockets = websockets
        self._market_feed = market_feed
        self._poll_crosscheck = PollCrossCheck(clock, websockets.limits.missing_event_s)
        self._clock = clock
        self._weight_budget = weight_budget
        self.interest = BinanceInterestSource(read_transport, clock)
        self._newest_reads: dict[str, tuple[float, datetime]] = {}
        self._listed_assets = ListedAssets()
        self._listed_at: float | None = None
        self._order_lock = asyncio.Lock()
        self._last_order_at: float | None = None
        self.activity = BinanceActivitySource(read_transport)
        self._shared_answers = shared_answers
        self.reference_data = BinanceReferenceDataSource(name, read_transport, shared_answers, clock)

    async def read_cross(self) -> CrossSnapshot:
        """Return the cross account; never one older than the last, nor one that lost rows since."""
        asked_at = self._clock.elapsed_s()
        soon = self._listed_at is not None and asked_at - self._listed_at < _LISTING_VALID_S
        snapshot, sent_s, listing = await accounts.read_cross(
            self._read_transport, self._listed_assets if soon else ListedAssets()
        )
        newer = self._reject_older(get_margin_account.endpoint.name, snapshot, sent_s)
        self._listed_assets, self._listed_at = listing, asked_at
        self._poll_crosscheck.observe_cross(newer, asked_at)
        return newer

    async def read_isolated(self) -> IsolatedSnapshot:
        """Return every isolated pair that was ever created; never older than the last that was returned."""
        asked_at = self._clock.elapsed_s()
        snapshot, sent_s = await accounts.read_isolated(self._read_transport)
        newer = self._reject_older(get_isolated_margin_account.endpoint.name, snapshot, sent_s)
        self._poll_crosscheck.observe_isolated(newer, asked_at)
        return newer

    async def read_thresholds(self) -> Thresholds:
        return await accounts.read_thresholds(self._read_transport)

    async def read_tiers(self, symbol: str) -> tuple[LeverageTier, ...]:
        return await accounts.read_tiers(self._read_transport, symbol)

    async def read_liquidations(
        self, symbols: Iterable[str], since: datetime, until: datetime
    ) -> tuple[LiquidationOrder, ...]:
        """Return forced liquidation orders in the window, oldest first."""
        return await liquidations.read_liquidations(self._read_transport, symbols, since, until)

    async def read_prices(self, symbols: Iterable[str]) -> Mapping[str, Price]:
        return await prices.read_prices(self._read_transport, symbols)

    async def read_spot_wallet(self) -> WalletBalances:
        return await wallets.read_spot_wallet(self._read_transport)

    async def read_funding_wallet(self) -> WalletBalances:
        return await wallets.read_funding_wallet(self._read_transport)

    async def read_key(self) -> KeyPermissions:
        return await key_permissions.read_permissions(self._read_transport)

    async def read_action_key(self) -> KeyPermissions:
        return await key_permissions.read_permissions(self._action_transport)

    def take_rejected_rows(self) -> tuple[str, ...]:
        return self._read_transport.rejected_rows.take(lambda read: read != get_klines.endpoint.name)

    async def read_user_id(self) -> int:
        return await key_permissions.read_user_id(self._read_transport)

    async def read_action_user_id(self) -> int:
        return await key_permissions.read_user_id(self._action_transport)

    @property
    def read_transport(self) -> Transport:
        """Transport of the typed read functions: `await get_bnb_burn(account.read_transport)`. For reads alone."""
        return self._read_transport

    async def call_function(self, function: ReadFunction[P, T], values: Parameters) -> ApiResponse:
        """Return the exchange's answer to a read function, as received. Raises ExchangeError."""
        params = function.request_params(values)
        return await self._read_transport.call(function.with_weight(params), params)

    async def send_function(
        self, function: WriteFunction[P, T], values: Parameters, objection: PreSendCheck = lambda: None
    ) -> WriteResult[T]:
        """Send a write function and return its result: at most one request, never retried, one after another.

        Raises RequestWithheld where `objection`, asked right before the bytes leave, has a reason against it.
        """
        params = function.request_params(values)
        async with self._order_lock:
            await self._wait_for_order_spacing()
            try:
                return await self._action_transport.with_objection(objection).send(function.with_weight(params), params)
            finally:
                self._last_order_at = self._clock.elapsed_s()

    async def sync_clock(self) -> timedelta:
        return await self._read_transport.sync_clock()

    @property
    def weight_used(self) -> Decimal:
        return self._weight_budget.used_share(self.name, self._clock.now())

    @property
    def banned_until(self) -> datetime | None:
        """End of the exchange's last known ban of this address, which may have passed."""
        until_s = self._weight_budget.banned_until_s
        return None if until_s is None else self._clock.moment_of(until_s)

    def create_streams(self, deliver: Callable[[Event], None]) -> BinanceStreams:
        """Create the live streams of the account, not yet running."""
        return BinanceStreams(
            account=self.name,
            cross=self._cross,
            ws_api_url=self._base_urls.ws_api,
            market_feed=self._market_feed,
            risk_url=self._base_urls.risk_stream,
            websockets=self._websockets,
            transport=self._read_transport,
            clock=self._clock,
            poll_crosscheck=self._poll_crosscheck,
            deliver=deliver,
        )

    async def execute(self, order: Order, objection: PreSendCheck = lambda: None) -> Outcome | Withheld:
        """Send one money order: at most one request, never retried, one after another; none if there is an objection.

        `objection` is asked before there is a request, and again right before the request is written to its connection.
        """
        if (refusal := precheck_order(order)) is not None:
            return refusal
        async with self._order_lock:
            await self._wait_for_order_spacing()
            if (withheld := objection()) is not None:
                return withheld
            acting = self._action_transport.with_objection(objection)
            try:
                match order:
                    case Repay():
                        return await repayments.send_repayment(acting, order)
                    case Transfer():
                        return await transfers.send_transfer(acting, order)
                    case Reduce():
                        return await market_orders.send_reduce_order(acting, order)
                    case CancelOrders():
                        return await market_orders.cancel_open_orders(acting, order)
                    case _:
                        assert_never(order)
            except RequestWithheld as kept:
                return kept.withheld
            finally:
                self._last_order_at = self._clock.elapsed_s()

    async def find_records(self, order: Order, window: TimeWindow) -> tuple[ExchangeRecord, ...]:
        """Return rows of the exchange's history that fit the order's kind, scope and asset, newest first.

        Rows of the five seconds before the window are included, since two clocks never agree.
        """
        wider = self._extend_window(window)
        if wider is None:
            return ()
        match order:
            case Repay():
                return await repayments.find_repayments(self._read_transport, order, wider)
            case Transfer():
                return await transfers.find_transfers(self._read_transport, order, wider)
            case Reduce():
                return await market_orders.find_order(self._read_transport, order)
            case CancelOrders():
                return await market_orders.find_open_orders(self._read_transport, order)
            case _:
                assert_never(order)

    async def find_ledger_rows(self, order: Order, window: TimeWindow) -> tuple[LedgerRow, ...]:
        """Return every ledger row of the order's asset in its scope, oldest first: a third proof, of high weight."""
        wider = self._extend_window(window)
        if wider is None:
            return ()
        return await self.activity.read_ledger(order.scope, wider.since, wider.until, order.asset)

    async def aclose(self) -> None:
        self._shared_answers.forget(self.name)
        await self._http.aclose()

    def _extend_window(self, window: TimeWindow) -> TimeWindow | None:
        """Return the window begun a little earlier; None when it lies in the future."""
        since = window.since - _WINDOW_MARGIN
        until = min(window.until, self._clock.now())
        return TimeWindow(since=since, until=until) if since < until else None

    def _reject_older(self, read: str, snapshot: Snapshot, sent_s: float) -> Snapshot:
        """Return the snapshot, with the previous `as_of` where a small clock correction made it seem older.

        Raises PayloadRejected when it was requested before a snapshot that has arrived already.
        """
        newest_s, as_of = self._newest_reads.get(read, (sent_s, snapshot.as_of))
        if sent_s < newest_s:
            raise PayloadRejected(f"{read}: older than the last snapshot")
        if _ZERO < as_of - snapshot.as_of < _SMALL_CORRECTION * self._clock.speed:
            snapshot = replace(snapshot, as_of=as_of)
        self._newest_reads[read] = (sent_s, snapshot.as_of)
        return snapshot

    async def _wait_for_order_spacing(self) -> None:
        if self._last_order_at is None:
            return
        since_s = self._clock.elapsed_s() - self._last_order_at
        if since_s < MIN_ORDER_SPACING_S:
            await self._clock.sleep(MIN_ORDER_SPACING_S - since_s)
