"""One Binance account behind the exchange port: reads, streams, money orders and their traces."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import ParamSpec, TypeVar, assert_never

import httpx

from monitor.clock import JUMP_S, Clock
from monitor.core.model.account import (
    Bars,
    CrossSnapshot,
    IsolatedSnapshot,
    KeyPermissions,
    Liquidation,
    Price,
    Tier,
    Wallet,
)
from monitor.core.model.events import Event
from monitor.core.model.ledger import LedgerRow
from monitor.core.model.order import (
    CancelOrders,
    Objection,
    Order,
    Outcome,
    Record,
    Reduce,
    Repay,
    Transfer,
    Window,
    Withheld,
)
from monitor.errors import PayloadRejected
from monitor.exchange.binance.api.endpoint import Endpoint, Security
from monitor.exchange.binance.api.function import Change, Read
from monitor.exchange.binance.api.response import Answer, NotSent, Sent
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
from monitor.exchange.binance.operations.activity import BinanceSurroundings
from monitor.exchange.binance.operations.interest import InterestReads
from monitor.exchange.binance.precheck import unsendable
from monitor.exchange.binance.rate_limits import Usage
from monitor.exchange.binance.signing import Parameters
from monitor.exchange.binance.streams.poll_crosscheck import Witness
from monitor.exchange.binance.streams.streams import BinanceStreams
from monitor.exchange.binance.streams.websocket import Sockets
from monitor.exchange.binance.translate.accounts import Listing
from monitor.exchange.binance.wire.decoding import Opaque

BETWEEN_ORDERS_S = 0.3
"""The venue works off one money request of an account after another; a second too soon is refused with -3007."""

_BEFORE_WINDOW = timedelta(seconds=5)
_ROWS_EXPECTED_FOR_S = 600.0
_ZERO = timedelta()
_TRIFLE = timedelta(seconds=JUMP_S)

P = ParamSpec("P")
T = TypeVar("T")
Snapshot = TypeVar("Snapshot", CrossSnapshot, IsolatedSnapshot)


@dataclass(frozen=True, slots=True)
class Hosts:
    """Base addresses. Reads fail over to the fallbacks; whatever moves money goes to `rest` alone."""

    rest: str
    ws_api: str
    market_stream: str
    risk_stream: str
    rest_fallbacks: tuple[str, ...] = ()


class BinanceAccount:
    """Implements `exchange.port.Exchange`."""

    def __init__(
        self,
        *,
        name: str,
        hosts: Hosts,
        cross: bool,
        reading: Transport,
        acting: Transport | None,
        http: httpx.AsyncClient,
        sockets: Sockets,
        clock: Clock,
        usage: Usage,
        key_mark: str,
    ) -> None:
        self.name = name
        self.key_mark = key_mark
        self._hosts = hosts
        self._cross = cross
        self._reading = reading
        self._acting = acting if acting is not None else reading
        self.acts_with_own_key = acting is not None
        self._http = http
        self._sockets = sockets
        self._witness = Witness(clock, sockets.guards.untold_s)
        self._clock = clock
        self._usage = usage
        self.interest = InterestReads(reading, clock)
        self._newest: dict[str, tuple[float, datetime]] = {}
        self._listing = Listing()
        self._listed_at: float | None = None
        self._one_order = asyncio.Lock()
        self._last_order_at: float | None = None
        self._surroundings = BinanceSurroundings(reading)

    async def read_cross(self) -> CrossSnapshot:
        """The cross account; never one older than the last, nor one that lost rows since."""
        asked_at = self._clock.elapsed_s()
        soon = self._listed_at is not None and asked_at - self._listed_at < _ROWS_EXPECTED_FOR_S
        snapshot, sent_s, listing = await accounts.read_cross(self._reading, self._listing if soon else Listing())
        newer = self._not_older(accounts.CROSS.name, snapshot, sent_s)
        self._listing, self._listed_at = listing, asked_at
        self._witness.saw_cross(newer, asked_at)
        return newer

    async def read_isolated(self) -> IsolatedSnapshot:
        """Every isolated pair that was created; never older than the last that was returned."""
        asked_at = self._clock.elapsed_s()
        newer = self._not_older(accounts.ISOLATED.name, *await accounts.read_isolated(self._reading))
        self._witness.saw_isolated(newer, asked_at)
        return newer

    async def read_bars(self) -> Bars:
        return await accounts.read_bars(self._reading)

    async def read_tiers(self, symbol: str) -> tuple[Tier, ...]:
        return await accounts.read_tiers(self._reading, symbol)

    async def read_liquidations(
        self, symbols: Iterable[str], since: datetime, until: datetime
    ) -> tuple[Liquidation, ...]:
        """Forced liquidation orders in the window, oldest first."""
        return await liquidations.read_liquidations(self._reading, symbols, since, until)

    async def read_prices(self, symbols: Iterable[str]) -> Mapping[str, Price]:
        return await prices.read_prices(self._reading, symbols)

    async def read_spot(self) -> Wallet:
        return await wallets.read_spot(self._reading)

    async def read_funding(self) -> Wallet:
        return await wallets.read_funding(self._reading)

    async def read_key(self) -> KeyPermissions:
        return await key_permissions.read_permissions(self._reading)

    async def read_acting_key(self) -> KeyPermissions:
        return await key_permissions.read_permissions(self._acting)

    def take_oddities(self) -> tuple[str, ...]:
        return self._reading.oddities.take()

    async def read_identity(self) -> int:
        return await key_permissions.read_identity(self._reading)

    async def read_acting_identity(self) -> int:
        return await key_permissions.read_identity(self._acting)

    async def call(
        self, method: str, path: str, parameters: Parameters | None = None, security: Security = Security.SIGNED
    ) -> Answer:
        """The venue's answer to any request that changes nothing, as received. Raises ExchangeError."""
        return await self._reading.call(Endpoint(method, path, Opaque, security), parameters)

    @property
    def surroundings(self) -> BinanceSurroundings:
        """What moved, which orders are open, on which terms the venue lends."""
        return self._surroundings

    @property
    def reading(self) -> Transport:
        """What the typed functions are called with: `await get_bnb_burn(account.reading)`. For reads alone."""
        return self._reading

    async def ask(self, function: Read[P, T], given: Parameters) -> Answer:
        """The venue's answer to a reading function, as received. Raises ExchangeError."""
        asked = function.asked(given)
        return await self._reading.call(function.priced(asked), asked)

    async def send(self, function: Change[P, T], given: Parameters, objection: Objection = lambda: None) -> Sent[T]:
        """What became of a changing function: at most one request, never retried, one after another.

        Raises NotSent where there is an objection, asked right before its bytes leave.
        """
        asked = function.asked(given)
        async with self._one_order:
            await self._keep_distance()
            try:
                return await self._acting.guarded(objection).send(function.priced(asked), asked)
            finally:
                self._last_order_at = self._clock.elapsed_s()

    async def sync_clock(self) -> timedelta:
        return await self._reading.sync_clock()

    @property
    def weight_used(self) -> Decimal:
        return self._usage.share(self.name, self._clock.now())

    @property
    def banned_until(self) -> datetime | None:
        """Until when the venue wants nothing from this address, as far as is known; it may have passed."""
        until_s = self._usage.banned_until_s
        return None if until_s is None else self._clock.moment_of(until_s)

    def streams(self, deliver: Callable[[Event], None]) -> BinanceStreams:
        """The live streams of the account, not yet running."""
        return BinanceStreams(
            account=self.name,
            cross=self._cross,
            ws_api_url=self._hosts.ws_api,
            market_url=self._hosts.market_stream,
            risk_url=self._hosts.risk_stream,
            sockets=self._sockets,
            transport=self._reading,
            clock=self._clock,
            witness=self._witness,
            deliver=deliver,
        )

    async def execute(self, order: Order, objection: Objection = lambda: None) -> Outcome | Withheld:
        """Send one money order: at most one request, never retried, one after another; none if there is an objection.

        That is asked for before there is a request, and again when the next thing is to write it to its connection.
        """
        if (refusal := unsendable(order)) is not None:
            return refusal
        async with self._one_order:
            await self._keep_distance()
            if (withheld := objection()) is not None:
                return withheld
            acting = self._acting.guarded(objection)
            try:
                match order:
                    case Repay():
                        return await repayments.repay(acting, order)
                    case Transfer():
                        return await transfers.transfer(acting, order)
                    case Reduce():
                        return await market_orders.reduce(acting, order)
                    case CancelOrders():
                        return await market_orders.cancel(acting, order)
                    case _:
                        assert_never(order)
            except NotSent as kept:
                return kept.withheld
            finally:
                self._last_order_at = self._clock.elapsed_s()

    async def find_records(self, order: Order, window: Window) -> tuple[Record, ...]:
        """Rows of the venue's history that fit the order's kind, scope and asset, newest first.

        Those of the five seconds before the window are among them, since two clocks never agree.
        """
        wider = self._wider(window)
        if wider is None:
            return ()
        match order:
            case Repay():
                return await repayments.find_repayments(self._reading, order, wider)
            case Transfer():
                return await transfers.find_transfers(self._reading, order, wider)
            case Reduce():
                return await market_orders.find_order(self._reading, order)
            case CancelOrders():
                return await market_orders.find_open(self._reading, order)
            case _:
                assert_never(order)

    async def find_flow(self, order: Order, window: Window) -> tuple[LedgerRow, ...]:
        """Every ledger row of the order's asset in its scope, oldest first: a third witness, and a dear one."""
        wider = self._wider(window)
        if wider is None:
            return ()
        return await self._surroundings.ledger(order.scope, wider.since, wider.until, order.asset)

    async def aclose(self) -> None:
        await self._http.aclose()

    def _wider(self, window: Window) -> Window | None:
        """The window begun a little earlier; None when it lies in the future."""
        since = window.since - _BEFORE_WINDOW
        until = min(window.until, self._clock.now())
        return Window(since=since, until=until) if since < until else None

    def _not_older(self, read: str, snapshot: Snapshot, sent_s: float) -> Snapshot:
        """The snapshot, which says so too when the clock was corrected by a trifle since the one before.

        Raises PayloadRejected when it was asked for before one that has come already.
        """
        newest_s, as_of = self._newest.get(read, (sent_s, snapshot.as_of))
        if sent_s < newest_s:
            raise PayloadRejected(f"{read}: older than the last snapshot")
        if _ZERO < as_of - snapshot.as_of < _TRIFLE * self._clock.speed:
            snapshot = replace(snapshot, as_of=as_of)
        self._newest[read] = (sent_s, snapshot.as_of)
        return snapshot

    async def _keep_distance(self) -> None:
        if self._last_order_at is None:
            return
        since_s = self._clock.elapsed_s() - self._last_order_at
        if since_s < BETWEEN_ORDERS_S:
            await self._clock.sleep(BETWEEN_ORDERS_S - since_s)
