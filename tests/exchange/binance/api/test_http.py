"""An answer that never ends costs no memory, and is never believed."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from monitor.core.model.account import CROSS
from monitor.core.model.order import Repay, Unknown
from monitor.exchange.binance.api.http import LONGEST_BODY, TooLong, body_of, http_client
from monitor.exchange.binance.factory import connect
from tests.support.connected_sandbox import credentials_of, hosts_of, world

BOMB = gzip.compress(b"[" + bytes(LONGEST_BODY))
"""Small on the wire, one byte too long once it is unpacked."""


@contextlib.asynccontextmanager
async def endless() -> AsyncIterator[str]:
    """A server that answers everything with the bomb."""

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


async def test_a_body_is_read_no_further_than_any_answer_goes() -> None:
    async with endless() as url, http_client(timeout_s=10, keepalive_s=1) as client:
        response = await client.send(client.build_request("GET", url), stream=True)
        with pytest.raises(TooLong):
            await body_of(response)
        await response.aclose()


async def test_an_order_that_is_answered_so_is_unknown() -> None:
    async with world() as w, endless() as url:
        account = connect(
            name="main", hosts=hosts_of(w.ready, rest=url), credentials=credentials_of(w.ready), clock=w.clock
        )
        outcome = await account.execute(Repay(CROSS, "USDT", Decimal(1)))
        await account.aclose()
    assert isinstance(outcome, Unknown)
