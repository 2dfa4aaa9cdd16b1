"""Bare stream programs: a price in, the level in memory, an alert out when it falls below a threshold. No rules, no
state.

`python -m benchmarks.prototypes.streaming CLIENT SENDER URL SINK BAR [DATABASE]`. CLIENT is websockets, picows, or one
that only decodes and waits for BTC to fall below the price BAR: loop (websockets again) or python-binance. SENDER is
httpx or raw. With a DATABASE the alert is a durable row before it is sent.
"""

import asyncio
import json
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from urllib.parse import urlsplit

import httpx
import msgspec
import picows
import uvloop
import websockets

from benchmarks.account import BALANCES, PRICES

Send = Callable[[bytes], Awaitable[None]]


class PriceReport(msgspec.Struct):
    """The fields of a miniTicker in use."""

    s: str
    c: str


class Frame(msgspec.Struct):
    """A miniTicker in its wrapper."""

    data: PriceReport


class LevelWatch:
    """The level of the account, updated by each price; reports when it falls below the threshold."""

    def __init__(self, bar: Decimal, alert: Callable[[str], None]) -> None:
        self._bar = bar
        self._alert = alert
        self._below = False
        self._prices = dict(PRICES)
        self._rows = {f"{asset}USDT": (row.held, row.owed) for asset, row in BALANCES.items()}
        one = Decimal(1)
        self._assets = sum((row.held * PRICES.get(f"{a}USDT", one) for a, row in BALANCES.items()), Decimal(0))
        self._owed = sum((row.owed * PRICES.get(f"{a}USDT", one) for a, row in BALANCES.items()), Decimal(0))

    def take(self, symbol: str, text: str) -> None:
        """Apply one price."""
        price = Decimal(text)
        delta = price - self._prices[symbol]
        self._prices[symbol] = price
        held, owed = self._rows[symbol]
        self._assets += held * delta
        self._owed += owed * delta
        below = self._assets / self._owed < self._bar
        if below and not self._below:
            self._alert(text)
        self._below = below


class EndMarkWatch:
    """Receives each price and waits for the one that marks the end."""

    def __init__(self, bar: Decimal, alert: Callable[[str], None]) -> None:
        self._bar = bar
        self._alert = alert

    def take(self, symbol: str, text: str) -> None:
        """Receive one price."""
        if symbol == "BTCUSDT" and Decimal(text) < self._bar:
            self._alert(text)


async def main(client: str, sender: str, url: str, sink: str, bar: str, database: str = "") -> None:
    """Run until killed."""
    send = await _sender(sender, sink)
    tasks: set[asyncio.Task[None]] = set()
    record = _recorder(database) if database else None
    pool = ThreadPoolExecutor(1)

    async def tell(price: str) -> None:
        body = json.dumps({"price": price, "text": "margin level is below the bar"}).encode()
        if record is not None:
            await asyncio.get_running_loop().run_in_executor(pool, record, body)
        await send(body)

    def alert(price: str) -> None:
        task = asyncio.create_task(tell(price))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    match client:
        case "websockets":
            await _websockets(url, LevelWatch(Decimal(bar), alert))
        case "picows":
            await _picows(url, LevelWatch(Decimal(bar), alert))
        case "loop":
            await _websockets(url, EndMarkWatch(Decimal(bar), alert))
        case _:
            await _python_binance(url, EndMarkWatch(Decimal(bar), alert))


async def _websockets(url: str, watch: LevelWatch | EndMarkWatch) -> None:
    decode = msgspec.json.Decoder(Frame).decode
    async with websockets.connect(url, compression=None) as connection:
        while True:
            told = decode(await connection.recv(decode=False)).data
            watch.take(told.s, told.c)


async def _picows(url: str, watch: LevelWatch) -> None:
    decode = msgspec.json.Decoder(Frame).decode

    class Listener(picows.WSListener):
        def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
            if frame.msg_type == picows.WSMsgType.TEXT:
                told = decode(frame.get_payload_as_memoryview()).data
                watch.take(told.s, told.c)

    transport, _ = await picows.ws_connect(Listener, url)
    await transport.wait_disconnected()


async def _python_binance(url: str, watch: EndMarkWatch) -> None:
    from binance.ws.reconnecting_websocket import ReconnectingWebsocket

    parts = urlsplit(url)
    host, path = f"{parts.scheme}://{parts.netloc}", f"{parts.path}?{parts.query}"
    # With its own limit of 100 waiting events it would fail at a burst.
    socket = ReconnectingWebsocket(host, path=path, prefix="", max_queue_size=10**9, compression=None)
    async with socket as stream:
        while True:
            told = (await stream.recv())["data"]
            watch.take(told["s"], told["c"])


async def _sender(kind: str, sink: str) -> Send:
    if kind == "httpx":
        client = httpx.AsyncClient(trust_env=False, limits=httpx.Limits(keepalive_expiry=300))

        async def post(body: bytes) -> None:
            await client.post(sink, content=body, headers={"Content-Type": "application/json"})

        return post
    parts = urlsplit(sink)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    answers = asyncio.create_task(_discard(reader))

    async def write(body: bytes) -> None:
        head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        assert not answers.done()

    return write


async def _discard(reader: asyncio.StreamReader) -> None:
    while await reader.read(65_536):
        pass


def _recorder(database: str) -> Callable[[bytes], None]:
    connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE alerts (id INTEGER PRIMARY KEY, body BLOB)")

    def record(body: bytes) -> None:
        connection.execute("INSERT INTO alerts (body) VALUES (?)", (body,))

    return record


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
