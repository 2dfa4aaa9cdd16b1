"""A bare server for market prices and one for webhooks, minimal so that only the client is measured."""

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

BUSIEST = b'"s":"BTCUSDT"'
SEND_INTERVAL_S = 2.0

_ONE_FRAME = 400
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def ticker_frame(symbol: str, price: str, at_ms: int) -> bytes:
    """A miniTicker in the wrapper of a combined stream, as the exchange sends it."""
    return (
        f'{{"stream":"{symbol.lower()}@miniTicker","data":{{"e":"24hrMiniTicker","E":{at_ms},"s":"{symbol}",'
        f'"c":"{price}","o":"{price}","h":"{price}","l":"{price}","v":"31.21000000","q":"40.66000000"}}}}'
    ).encode()


def server_frame(payload: bytes, opcode: int = 1) -> bytes:
    """One WebSocket frame from the server, unmasked."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    return bytes((0x80 | opcode, 126)) + size.to_bytes(2, "big") + payload


class PriceProtocol(asyncio.Protocol):
    """One connection of the market stream: every subscription is accepted, every price goes to all."""

    def __init__(self, house: "PriceServer") -> None:
        self._house = house
        self._buffer = b""
        self._open = False
        self._carried: set[str] = set()
        self.transport: asyncio.Transport | None = None
        self.client = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._house.clients.get(self.client) is self:
            del self._house.clients[self.client]

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._open:
            self._shake_hands()
        while self._open and (frame := self._frame()) is not None:
            opcode, payload = frame
            if opcode == 1:
                self._answer(json.loads(payload))
            elif opcode == 8:
                self._send(server_frame(payload, 8))
            elif opcode == 9:
                self._send(server_frame(payload, 10))

    def _send(self, frame: bytes) -> None:
        assert self.transport is not None
        self.transport.write(frame)

    def _shake_hands(self) -> None:
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        lines = head.decode().split("\r\n")
        path = lines[0].split(" ")[1]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        accept = base64.b64encode(hashlib.sha1(headers["sec-websocket-key"].encode() + _MAGIC).digest())
        self._send(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        self._buffer, self._open = rest, True
        self.client, _, query = path.lstrip("/").partition("/")
        _, _, streams = query.partition("?streams=")
        self._carried |= set(streams.split("/"))
        self._house.clients[self.client] = self
        self._house.arrived.set()

    def _frame(self) -> tuple[int, bytes] | None:
        """The next whole frame from the client."""
        buffer = self._buffer
        if len(buffer) < 6:
            return None
        size, start = buffer[1] & 0x7F, 2
        if size == 126:
            size, start = int.from_bytes(buffer[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < start + 4 + size:
            return None
        mask, body = buffer[start : start + 4], buffer[start + 4 : start + 4 + size]
        self._buffer = buffer[start + 4 + size :]
        return buffer[0] & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(body))

    def _answer(self, asked: dict[str, Any]) -> None:
        result: list[str] | None = None
        match asked["method"]:
            case "SUBSCRIBE":
                self._carried |= set(asked["params"])
            case "UNSUBSCRIBE":
                self._carried -= set(asked["params"])
            case "LIST_SUBSCRIPTIONS":
                result = sorted(self._carried)
        self._send(server_frame(json.dumps({"result": result, "id": asked["id"]}).encode()))


class PriceServer:
    """The market stream. Each client is identified by the first part of its path: `/NAME/stream?streams=…`."""

    def __init__(self) -> None:
        self.clients: dict[str, PriceProtocol] = {}
        self.arrived = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._busiest: dict[str, bytes] = {}
        self._beating: asyncio.Task[None] | None = None
        self.url = ""

    async def start(self) -> None:
        """Listen on a port of its own."""
        self._server = await asyncio.get_running_loop().create_server(lambda: PriceProtocol(self), "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._beating = asyncio.create_task(self._send_loop())

    async def until(self, client: str, within_s: float = 30.0) -> None:
        """Wait until the client is connected."""
        async with asyncio.timeout(within_s):
            while client not in self.clients:
                self.arrived.clear()
                await self.arrived.wait()

    def send(self, client: str, frames: bytes) -> None:
        """Send frames to one client, unchanged."""
        if len(frames) < _ONE_FRAME and BUSIEST in frames:
            self._busiest[client] = frames
        connection = self.clients.get(client)
        if connection is not None and connection.transport is not None:
            connection.transport.write(frames)

    async def drained(self, client: str) -> None:
        """Wait until the client's socket has taken nearly all."""
        while (connection := self.clients.get(client)) is not None:
            assert connection.transport is not None
            if connection.transport.get_write_buffer_size() < 65_536:
                return
            await asyncio.sleep(0)

    async def _send_loop(self) -> None:
        """Repeat the last price of one symbol, so that a client between its turns still receives frames."""
        while True:
            await asyncio.sleep(SEND_INTERVAL_S)
            for client, frame in list(self._busiest.items()):
                self.send(client, frame)

    async def stop(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
        for connection in list(self.clients.values()):
            if connection.transport is not None:
                connection.transport.abort()
        if self._server is not None:
            self._server.close()


@dataclass(slots=True)
class Post:
    """A received body: its time (time.perf_counter and time.time), path and content."""

    at: float
    wall: float
    path: str
    body: bytes

    def json(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.body)
        return told


@dataclass(slots=True)
class Webhooks:
    """A sink that answers 204 to everything and records each arrival. `stall_s`: delay of the answer."""

    posts: list[Post] = field(default_factory=list)
    heard: Callable[[Post], None] | None = None
    stall_s: float = 0.0
    url: str = ""
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on a port of its own."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Webhook(self), "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def take(self, path: str, body: bytes, at: float) -> None:
        post = Post(at, time.time(), path, body)
        self.posts.append(post)
        if self.heard is not None:
            self.heard(post)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()


class _Webhook(asyncio.Protocol):
    def __init__(self, house: Webhooks) -> None:
        self._house = house
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._buffer += data
        while True:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            lower = head.lower()
            start = lower.find(b"content-length:")
            size = int(lower[start + 15 :].split(b"\r\n", 1)[0]) if start >= 0 else 0
            if len(rest) < size:
                return
            self._buffer = rest[size:]
            self._house.take(head.split(b" ", 2)[1].decode(), rest[:size], now)
            asyncio.get_running_loop().call_later(self._house.stall_s, self._answer)

    def _answer(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
