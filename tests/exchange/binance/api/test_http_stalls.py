"""Recovery of the HTTP client after a stall in which its requests were cancelled."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import httpx

from monitor.exchange.binance.api.http import http_client
from tests.support.daemon import eventually

AT_ONCE, BURSTS = 20, 60


@contextlib.asynccontextmanager
async def slow_server() -> AsyncIterator[str]:
    """Yield a server that answers every request after a while."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
            while await reader.readuntil(b"\r\n\r\n"):
                await asyncio.sleep(0.02)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()


async def test_requests_cancelled_in_a_stall_release_their_connections() -> None:
    async with slow_server() as url, http_client(timeout_s=0.1, keepalive_s=60) as client:

        async def answers(within_s: float = 1.0) -> bool:
            with contextlib.suppress(httpx.TransportError, TimeoutError):
                async with asyncio.timeout(within_s):
                    return (await client.get(url)).status_code == 200
            return False

        for number in range(BURSTS):
            bounds = ((number * place) % 8 * 0.01 + 0.01 for place in range(AT_ONCE))
            asked = asyncio.gather(*(answers(bound) for bound in bounds))
            await asyncio.sleep(0.01 * (number % 4))
            time.sleep(0.05)  # noqa: ASYNC251  the process gets no processor
            await asked
        await eventually(answers, 10)
