"""The stream server: all connections, tokens, price publishing, and stream faults."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec
from aiohttp import web

from monitor.sandbox.api.errors import SimApiError
from monitor.sandbox.api.weights import Weight, WeightMeter
from monitor.sandbox.exchange_loop import ExchangeLoop
from monitor.sandbox.faults import Fault
from monitor.sandbox.streams.account import AccountConnection
from monitor.sandbox.streams.connection import LIFETIME_MS, PING_INTERVAL_S, PONG_TIMEOUT_S, ClientConnection
from monitor.sandbox.streams.market import MarketConnection, TickerStatistics
from monitor.sandbox.streams.risk import RiskConnection
from monitor.sandbox.streams.tokens import SimListenKey, TokenIssuer
from monitor.sandbox.venue import Venue

MIN_INTERVAL_S = 0.005
MAX_INTERVAL_S = 0.05


class StreamServer:
    """Opens, feeds, ends and distorts stream connections."""

    def __init__(
        self,
        venue: Venue,
        simulation_loop: ExchangeLoop,
        meter: WeightMeter,
        *,
        ping_every_s: float = PING_INTERVAL_S,
        pong_within_s: float = PONG_TIMEOUT_S,
    ) -> None:
        self._venue = venue
        self._simulation_loop = simulation_loop
        self._meter = meter
        self._ping_every_s = ping_every_s
        self._pong_within_s = pong_within_s
        self._ticker_statistics = TickerStatistics(venue)
        self._refused_streams: set[str] = set()
        self._muted_streams: set[str] = set()
        self.tokens = TokenIssuer(venue, self._send_key_expired)
        self.connections: list[ClientConnection] = []

    def add_routes(self, app: web.Application) -> None:
        """Add the routes: one for the WebSocket API, two each for market and risk."""
        app.router.add_get("/ws-api/v3", self._serve_account)
        for base, opener in (("/market", self._serve_market), ("/risk", self._serve_risk)):
            app.router.add_get(f"{base}/stream", opener)
            app.router.add_get(f"{base}/ws", opener)
            app.router.add_get(f"{base}/ws/{{names:.*}}", opener)

    async def run(self) -> None:
        """Run the simulation and publish prices, until cancelled."""
        pause = min(MAX_INTERVAL_S, max(MIN_INTERVAL_S, 0.5 / self._venue.timeline.speed))
        while True:
            self._simulation_loop.catch_up()
            self.publish_prices()
            await asyncio.sleep(pause)

    def publish_prices(self) -> None:
        """Send prices that are due, and end connections that are a day old."""
        now = self._venue.now_ms()
        for connection in list(self.connections):
            if now - connection.opened_ms >= LIFETIME_MS:
                connection.abort()
            elif isinstance(connection, MarketConnection):
                connection.publish_prices()

    async def close(self) -> None:
        """End every connection."""
        for connection in list(self.connections):
            await connection.close()

    def apply_fault(self, fault: Fault) -> None:
        """Apply a stream fault: now, or `at` seconds after the start."""
        if fault.at is None:
            self._trigger(fault)
            return
        start_ms = int(self._venue.scenario.start.timestamp() * 1000)
        self._venue.schedule_at(start_ms + int(fault.at * 1000), lambda: self._trigger(fault))

    def clear_faults(self) -> None:
        """End every stream fault in force. Cut connections stay cut."""
        self._refused_streams.clear()
        self._muted_streams.clear()
        self.tokens.reject_next(0)
        for connection in self.connections:
            connection.silent = False
            connection.delay_s = 0.0
            connection.distort = ""

    def _trigger(self, fault: Fault) -> None:
        """Apply the fault to the connections of its stream, and end it when its time is over."""
        hit = [connection for connection in self.connections if connection.stream == fault.stream]
        acts: dict[str, Callable[[], None]] = {
            "drop": lambda: self._for_each(hit, lambda connection: connection.abort()),
            "refuse": lambda: self._refuse_connections(fault),
            "half_open": lambda: self._make_half_open(hit, fault),
            "delay": lambda: self._for_each(hit, lambda connection: setattr(connection, "delay_s", fault.seconds)),
            "flood": lambda: self._flood(fault),
            "forget": lambda: self._for_each(hit, lambda connection: connection.drop_subscriptions()),
            "spurn": lambda: self.tokens.reject_next(fault.count),
            "terminate": lambda: self._for_each(hit, _end_subscriptions),
            "feign": lambda: self._for_each(hit, _fake_terminations),
            "silent": lambda: self._mute(fault, hit),
            "expire": lambda: self._expire(fault.stream, hit),
            "shutdown": lambda: self._shut_down(hit),
        }
        act = acts.get(fault.what)
        if act is not None:
            act()
        else:
            for connection in hit:
                connection.distort = fault.what
                connection.form = fault.form
                # A fault with a duration lasts that long, whatever frames pass meanwhile.
                connection.distort_left = 0 if fault.seconds else fault.count
            self._end_after(fault, lambda: self._for_each(hit, lambda connection: setattr(connection, "distort", "")))

    @staticmethod
    def _for_each(connections: Sequence[ClientConnection], act: Callable[[ClientConnection], object]) -> None:
        for connection in connections:
            act(connection)

    def _refuse_connections(self, fault: Fault) -> None:
        self._refused_streams.add(fault.stream)
        self._end_after(fault, lambda: self._refused_streams.discard(fault.stream))

    def _mute(self, fault: Fault, connections: Sequence[ClientConnection]) -> None:
        self._muted_streams.add(fault.stream)
        self._for_each(connections, lambda connection: setattr(connection, "distort", "mute"))
        self._end_after(fault, lambda: self._unmute(fault.stream))

    def _unmute(self, stream: str) -> None:
        self._muted_streams.discard(stream)
        self._for_each(
            [connection for connection in self.connections if connection.stream == stream],
            lambda connection: setattr(connection, "distort", ""),
        )

    def _make_half_open(self, connections: Sequence[ClientConnection], fault: Fault) -> None:
        for connection in connections:
            connection.silent = True
        self._end_after(
            fault, lambda: self._for_each(connections, lambda connection: setattr(connection, "silent", False))
        )

    def _end_after(self, fault: Fault, end: Callable[[], None]) -> None:
        if fault.seconds:
            self._venue.schedule_at(self._venue.now_ms() + int(fault.seconds * 1000), end)

    def _flood(self, fault: Fault) -> None:
        for account in self._venue.accounts.values():
            if fault.account in ("", account.name):
                for _ in range(fault.count):
                    self._venue.emit_position(account.cross, ["USDT"])

    def _expire(self, stream: str, connections: Sequence[ClientConnection]) -> None:
        if stream == "risk":
            self.tokens.expire_keys()
            return
        self.tokens.expire_tokens()
        self._for_each(connections, _end_subscriptions)

    def _shut_down(self, connections: Sequence[ClientConnection]) -> None:
        notice = {"e": "serverShutdown", "E": self._venue.now_ms()}
        for connection in connections:
            if isinstance(connection, AccountConnection):
                shown: object = {"event": notice}
            elif isinstance(connection, MarketConnection | RiskConnection) and connection.combined:
                shown = {"stream": "!serverShutdown", "data": notice}
            else:
                shown = notice
            connection.send(msgspec.json.encode(shown).decode())
            connection.abort_when_empty()

    def _send_key_expired(self, key: SimListenKey) -> None:
        for connection in self.connections:
            if isinstance(connection, RiskConnection) and connection.key == key.text:
                connection.send_key_expired(key)

    async def _serve_account(self, request: web.Request) -> web.StreamResponse:
        address = request.remote or ""
        try:
            self._meter.check_ban(address, self._venue.now_ms())
            self._meter.charge("/api", Weight(2), address, "", self._venue.now_ms())
        except SimApiError as refusal:
            return web.Response(status=refusal.status, headers=refusal.headers)
        connection = AccountConnection(self._venue, self.tokens, self._meter, address, request.query_string)
        return await self._serve(request, connection)

    async def _serve_market(self, request: web.Request) -> web.StreamResponse:
        names, combined = _stream_names(request)
        connection = MarketConnection(
            self._venue, self._ticker_statistics, request.remote or "", names, combined=combined
        )
        return await self._serve(request, connection)

    async def _serve_risk(self, request: web.Request) -> web.StreamResponse:
        names, combined = _stream_names(request)
        key = names[0] if names else ""
        connection = RiskConnection(self._venue, self.tokens, request.remote or "", key, combined=combined)
        return await self._serve(request, connection)

    async def _serve(self, request: web.Request, connection: ClientConnection) -> web.StreamResponse:
        self._simulation_loop.catch_up()
        if connection.stream in self._refused_streams:
            return web.Response(status=503)
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(status=400)
        if connection.stream in self._muted_streams:
            connection.distort = "mute"
        self.connections.append(connection)
        listener = connection if isinstance(connection, AccountConnection | RiskConnection) else None
        if listener is not None:
            self._venue.feed.subscribe(listener)
        try:
            return await connection.run(request, ping_every_s=self._ping_every_s, pong_within_s=self._pong_within_s)
        finally:
            self.connections.remove(connection)
            if listener is not None:
                self._venue.feed.unsubscribe(listener)


def _stream_names(request: web.Request) -> tuple[list[str], bool]:
    raw = request.match_info.get("names")
    if raw is not None:
        return [name for name in raw.split("/") if name], False
    combined = request.path.endswith("/stream")
    return [name for name in request.query.get("streams", "").split("/") if name], combined


def _end_subscriptions(connection: ClientConnection) -> None:
    if isinstance(connection, AccountConnection):
        connection.terminate_all()


def _fake_terminations(connection: ClientConnection) -> None:
    if isinstance(connection, AccountConnection):
        connection.fake_terminations()
