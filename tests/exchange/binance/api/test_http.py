"""The bound on bodies: an answer without end costs no memory and is never used."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from monitor.core.model.account import CROSS
from monitor.core.model.order import Repay, Unknown
from monitor.exchange.binance.api.http import MAX_BODY_BYTES, BodyTooLarge, http_client, read_body
from monitor.exchange.binance.factory import create_account
from tests.support.connected_sandbox import connected_sandbox, credentials_of, hosts_of

BOMB = gzip.compress(b"[" + bytes(MAX_BODY_BYTES))
"""A body that is small on the wire, and one byte too long once it is unpacked."""


@contextlib.asynccontextmanager
async def endless_answer_url() -> AsyncIterator[str]:
    """Yield the address of a server that answers every request with BOMB."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(BOMB)}\r\n\r\n"
                writer.write(head.encode() + BOMB)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_response_body_is_read_up_to_a_limit() -> None:
    async with endless_answer_url() as url, http_client(timeout_s=10, keepalive_s=1) as client:
        response = await client.send(client.build_request("GET", url), stream=True)
        with pytest.raises(BodyTooLarge):
            await read_body(response)
        await response.aclose()


async def test_order_with_an_endless_answer_is_unknown() -> None:
    async with connected_sandbox() as w, endless_answer_url() as url:
        account = create_account(
            name="main", base_urls=hosts_of(w.ready, rest=url), credentials=credentials_of(w.ready), clock=w.clock
        )
        outcome = await account.execute(Repay(CROSS, "USDT", Decimal(1)))
        await account.aclose()
    assert isinstance(outcome, Unknown)
