"""Messages cut out of received bytes: the same ones in the same order, wherever the bytes are split."""

import asyncio
import base64
import hashlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from monitor.exchange.binance.streams import frame_cutter as module
from monitor.exchange.binance.streams.frame_cutter import FrameCuttingConnection
from monitor.exchange.binance.streams.websocket import ConnectionLost, WebSocketFactory
from tests.support.timeouts import SOON_S

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PING = bytes((0x89, 2)) + b"hi"


def frame(payload: bytes, head: int = 0x81) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((head, size)) + payload
    if size < 65_536:
        return bytes((head, 126)) + size.to_bytes(2, "big") + payload
    return bytes((head, 127)) + size.to_bytes(8, "big") + payload


def in_two(payload: bytes) -> bytes:
    """Build the message as two fragments, with a ping between them."""
    return frame(payload[:3], 0x01) + PING + frame(payload[3:], 0x80)


MESSAGES = (
    b"",
    b"a",
    b"short",
    b"x" * 125,
    b"y" * 126,
    b"z" * 700,
    b"in fragments",
    b"w" * 70_000,
    b"\xffbinary",
    b"end",
)
STREAM = b"".join(
    (
        *(frame(message) for message in MESSAGES[:6]),
        in_two(MESSAGES[6]),
        frame(MESSAGES[7]),
        PING,
        frame(MESSAGES[8], 0x82),
        frame(MESSAGES[9]),
    )
)


@asynccontextmanager
async def server(behind: bytes = b"") -> AsyncIterator[str]:
    """Yield the address of a server that sends `behind` right after its handshake, and closes after a reply."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        key = next(
            line.split(b": ")[1] for line in asked.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")
        )
        accept = base64.b64encode(hashlib.sha1(key + MAGIC).digest())
        head = (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        )
        writer.write(head + accept + b"\r\n\r\n" + behind)
        await reader.read(1)
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()


@asynccontextmanager
async def open_connection(url: str) -> AsyncIterator[FrameCuttingConnection]:
    link = await connect(
        url, compression=None, close_timeout=0.1, ping_interval=None, create_connection=FrameCuttingConnection
    )
    assert isinstance(link, FrameCuttingConnection)
    try:
        yield link
    finally:
        link.transport.abort()
        await link.wait_closed()


def random_parts(whole: bytes, seed: int) -> list[bytes]:
    dice, cut = random.Random(seed), [0]
    while cut[-1] < len(whole):
        cut.append(min(len(whole), cut[-1] + dice.choice((1, 2, 3, 5, 40, 200, 5_000, 90_000))))
    return [whole[a:b] for a, b in pairwise(cut)]


@pytest.mark.parametrize("seed", range(25))
async def test_messages_do_not_depend_on_how_the_bytes_are_split(seed: int) -> None:
    found: list[bytes] = []
    turns: list[int] = []
    async with server() as url, open_connection(url) as link:
        link.deliver_to(found.append, lambda: turns.append(len(found)))
        for part in random_parts(STREAM, seed):
            link.data_received(part)
    assert found == list(MESSAGES)
    assert turns[-1] == len(MESSAGES)


async def test_frames_behind_the_handshake_response_are_delivered() -> None:
    last = asyncio.Event()
    found: list[bytes] = []

    def take(message: bytes) -> None:
        found.append(message)
        if message == b"end":
            last.set()

    async with server(STREAM) as url, open_connection(url) as link:
        link.deliver_to(take)
        await asyncio.wait_for(last.wait(), SOON_S)
    assert found == list(MESSAGES)


@pytest.mark.parametrize(
    "wrong", [frame(b"x", 0xC1), bytes((0x81, 0x81)) + b"maskx", frame(b"a", 0x01) + frame(b"b"), frame(b"a", 0x83)]
)
async def test_protocol_violation_ends_the_connection(wrong: bytes) -> None:
    found: list[bytes] = []
    async with server(frame(b"before") + wrong + frame(b"behind")) as url, open_connection(url) as link:
        link.deliver_to(found.append)
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(link.recv(), SOON_S)
    assert found == [b"before"]


async def test_a_message_too_large_ends_the_connection() -> None:
    huge = bytes((0x81, 127)) + (module.MAX_FRAME_BYTES + 1).to_bytes(8, "big")
    async with server(huge) as url, WebSocketFactory().open(url, lambda: None) as link:
        with pytest.raises(ConnectionLost, match="too large"):
            await asyncio.wait_for(link.read(lambda message: None), SOON_S)


async def test_reader_error_reaches_the_waiter_after_the_remaining_messages() -> None:
    found: list[bytes] = []

    def take(message: bytes) -> None:
        found.append(message)
        if message == b"one":
            raise ConnectionLost("enough")

    async with server(frame(b"one") + frame(b"two")) as url, WebSocketFactory().open(url, lambda: None) as link:
        with pytest.raises(ConnectionLost, match="enough"):
            await asyncio.wait_for(link.read(take), SOON_S)
    assert found == [b"one", b"two"]
