"""All stream connections: doors, tokens, the price pump, and the faults that befall streams."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec
from aiohttp import web

from monitor.sandbox.api.errors import Refusal
from monitor.sandbox.api.weights import Meter, Weight
from monitor.sandbox.faults import Fault
from monitor.sandbox.simulation_loop import Clockwork
from monitor.sandbox.streams.account import AccountConnection
from monitor.sandbox.streams.connection import LIFETIME_MS, PING_EVERY_S, PONG_WITHIN_S, Connection
from monitor.sandbox.streams.market import MarketConnection, Tape
from monitor.sandbox.streams.risk import RiskConnection
from monitor.sandbox.streams.tokens import ListenKey, Tokens
from monitor.sandbox.venue import Venue

SHORTEST_BEAT_S = 0.005
LONGEST_BEAT_S = 0.05


class StreamHouse:
    """Opens, feeds, ends and spoils stream connections."""

    def __init__(
        self,
        venue: Venue,
        clockwork: Clockwork,
        meter: Meter,
        *,
        ping_every_s: float = PING_EVERY_S,
        pong_within_s: float = PONG_WITHIN_S,
    ) -> None:
        self._venue = venue
        self._clockwork = clockwork
        self._meter = meter
        self._ping_every_s = ping_every_s
        self._pong_within_s = pong_within_s
        self._tape = Tape(venue)
        self._refusing: set[str] = set()
        self._muted: set[str] = set()
        self.tokens = Tokens(venue, self._key_expired)
        self.connections: list[Connection] = []

    def add_routes(self, app: web.Application) -> None:
        """The doors: one for the WebSocket API, two each for market and risk."""
        app.router.add_get("/ws-api/v3", self._open_account)
        for base, opener in (("/market", self._open_market), ("/risk", self._open_risk)):
            app.router.add_get(f"{base}/stream", opener)
            app.router.add_get(f"{base}/ws", opener)
            app.router.add_get(f"{base}/ws/{{names:.*}}", opener)

    async def beat(self) -> None:
        """Keep the exchange living and the prices flowing, until cancelled."""
        pause = min(LONGEST_BEAT_S, max(SHORTEST_BEAT_S, 0.5 / self._venue.timeline.speed))
        while True:
            self._clockwork.catch_up()
            self.pump()
            await asyncio.sleep(pause)

    def pump(self) -> None:
        """Send prices that are due, and end connections that are a day old."""
        now = self._venue.now_ms()
        for connection in list(self.connections):
            if now - connection.opened_ms >= LIFETIME_MS:
                connection.cut()
            elif isinstance(connection, MarketConnection):
                connection.pump()

    async def close(self) -> None:
        """End every connection."""
        for connection in list(self.connections):
            await connection.close()

    def befall(self, fault: Fault) -> None:
        """Let a stream fault happen: now, or `at` seconds after the start."""
        if fault.at is None:
            self._strike(fault)
            return
        start_ms = int(self._venue.scenario.start.timestamp() * 1000)
        self._venue.at(start_ms + int(fault.at * 1000), lambda: self._strike(fault))

    def mend(self) -> None:
        """End every stream fault in force. Lines that were cut stay cut."""
        self._refusing.clear()
        self._muted.clear()
        self.tokens.spurn(0)
        for connection in self.connections:
            connection.silent = False
            connection.delay_s = 0.0
            connection.distort = ""

    def _strike(self, fault: Fault) -> None:
        """Let it happen to the connections of its stream, and end it when its time is over."""
        hit = [one for one in self.connections if one.stream == fault.stream]
        acts: dict[str, Callable[[], None]] = {
            "drop": lambda: self._each(hit, lambda one: one.cut()),
            "refuse": lambda: self._refuse(fault),
            "half_open": lambda: self._silence(hit, fault),
            "delay": lambda: self._each(hit, lambda one: setattr(one, "delay_s", fault.seconds)),
            "flood": lambda: self._flood(fault),
            "forget": lambda: self._each(hit, lambda one: one.forget()),
            "spurn": lambda: self.tokens.spurn(fault.count),
            "terminate": lambda: self._each(hit, _end_subscriptions),
            "feign": lambda: self._each(hit, _feign_ends),
            "silent": lambda: self._mute(fault, hit),
            "expire": lambda: self._expire(fault.stream, hit),
            "shutdown": lambda: self._shut_down(hit),
        }
        act = acts.get(fault.what)
        if act is not None:
            act()
        else:
            for one in hit:
                one.distort = fault.what
                one.form = fault.form
                # What has a time lasts that long, whatever passes meanwhile.
                one.distort_left = 0 if fault.seconds else fault.count
            self._until(fault, lambda: self._each(hit, lambda one: setattr(one, "distort", "")))

    @staticmethod
    def _each(connections: Sequence[Connection], act: Callable[[Connection], object]) -> None:
        for connection in connections:
            act(connection)

    def _refuse(self, fault: Fault) -> None:
        self._refusing.add(fault.stream)
        self._until(fault, lambda: self._refusing.discard(fault.stream))

    def _mute(self, fault: Fault, connections: Sequence[Connection]) -> None:
        self._muted.add(fault.stream)
        self._each(connections, lambda one: setattr(one, "distort", "mute"))
        self._until(fault, lambda: self._unmute(fault.stream))

    def _unmute(self, stream: str) -> None:
        self._muted.discard(stream)
        self._each([one for one in self.connections if one.stream == stream], lambda one: setattr(one, "distort", ""))

    def _silence(self, connections: Sequence[Connection], fault: Fault) -> None:
        for connection in connections:
            connection.silent = True
        self._until(fault, lambda: self._each(connections, lambda one: setattr(one, "silent", False)))

    def _until(self, fault: Fault, end: Callable[[], None]) -> None:
        if fault.seconds:
            self._venue.at(self._venue.now_ms() + int(fault.seconds * 1000), end)

    def _flood(self, fault: Fault) -> None:
        for account in self._venue.accounts.values():
            if fault.account in ("", account.name):
                for _ in range(fault.count):
                    self._venue.tell_position(account.cross, ["USDT"])

    def _expire(self, stream: str, connections: Sequence[Connection]) -> None:
        if stream == "risk":
            self.tokens.expire_keys()
            return
        self.tokens.expire_tokens()
        self._each(connections, _end_subscriptions)

    def _shut_down(self, connections: Sequence[Connection]) -> None:
        notice = {"e": "serverShutdown", "E": self._venue.now_ms()}
        for connection in connections:
            if isinstance(connection, AccountConnection):
                shown: object = {"event": notice}
            elif isinstance(connection, MarketConnection | RiskConnection) and connection.combined:
                shown = {"stream": "!serverShutdown", "data": notice}
            else:
                shown = notice
            connection.send(msgspec.json.encode(shown).decode())
            connection.cut_when_empty()

    def _key_expired(self, key: ListenKey) -> None:
        for connection in self.connections:
            if isinstance(connection, RiskConnection) and connection.key == key.text:
                connection.expired(key)

    async def _open_account(self, request: web.Request) -> web.StreamResponse:
        address = request.remote or ""
        try:
            self._meter.check_ban(address, self._venue.now_ms())
            self._meter.charge("/api", Weight(2), address, "", self._venue.now_ms())
        except Refusal as refusal:
            return web.Response(status=refusal.status, headers=refusal.headers)
        connection = AccountConnection(self._venue, self.tokens, self._meter, address, request.query_string)
        return await self._serve(request, connection)

    async def _open_market(self, request: web.Request) -> web.StreamResponse:
        names, combined = _names(request)
        connection = MarketConnection(self._venue, self._tape, request.remote or "", names, combined=combined)
        return await self._serve(request, connection)

    async def _open_risk(self, request: web.Request) -> web.StreamResponse:
        names, combined = _names(request)
        key = names[0] if names else ""
        connection = RiskConnection(self._venue, self.tokens, request.remote or "", key, combined=combined)
        return await self._serve(request, connection)

    async def _serve(self, request: web.Request, connection: Connection) -> web.StreamResponse:
        self._clockwork.catch_up()
        if connection.stream in self._refusing:
            return web.Response(status=503)
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(status=400)
        if connection.stream in self._muted:
            connection.distort = "mute"
        self.connections.append(connection)
        listener = connection if isinstance(connection, AccountConnection | RiskConnection) else None
        if listener is not None:
            self._venue.feed.join(listener)
        try:
            return await connection.run(request, ping_every_s=self._ping_every_s, pong_within_s=self._pong_within_s)
        finally:
            self.connections.remove(connection)
            if listener is not None:
                self._venue.feed.leave(listener)


def _names(request: web.Request) -> tuple[list[str], bool]:
    raw = request.match_info.get("names")
    if raw is not None:
        return [name for name in raw.split("/") if name], False
    combined = request.path.endswith("/stream")
    return [name for name in request.query.get("streams", "").split("/") if name], combined


def _end_subscriptions(connection: Connection) -> None:
    if isinstance(connection, AccountConnection):
        connection.end_all()


def _feign_ends(connection: Connection) -> None:
    if isinstance(connection, AccountConnection):
        connection.feign_ends()
