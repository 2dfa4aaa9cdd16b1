"""`GET /api/v1/live`: server-sent events `status`, `alert` and `action`, with ids, resumable."""

import asyncio
from contextlib import suppress

from aiohttp import web

from monitor.web.api.live_feed import LiveFeed
from monitor.web.context import WebContext
from monitor.web.security.refusal import RequestRefused

PATH = "/api/v1/live"

MAX_READERS = 64
WRITE_TIMEOUT_S = 5.0
"""Machine seconds within which a reader has to take what is sent; else the connection is cut."""

PING_S = 15.0
"""Machine seconds without an event after which a comment is sent, so that both ends notice a dead connection."""

RETRY_MS = 2_000
"""Milliseconds after which a browser connects again."""


def add_routes(app: web.Application, context: WebContext) -> None:
    """Add the live events; they end with the server."""
    feed = LiveFeed(context.documents, context.workers)

    async def end(_: web.Application) -> None:
        feed.close()

    async def send(request: web.Request) -> web.StreamResponse:
        if feed.readers >= MAX_READERS:
            raise RequestRefused(
                503, "too_many_readers", f"{MAX_READERS} readers follow the live events already", mend="try again later"
            )
        return await _send_events(request, feed, context)

    app.on_shutdown.append(end)
    app.router.add_get(PATH, send, allow_head=False)


async def _send_events(request: web.Request, feed: LiveFeed, context: WebContext) -> web.StreamResponse:
    last_id = request.headers.get("Last-Event-ID", "")
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    # A proxy that buffers would hold the events back.
    response.headers["X-Accel-Buffering"] = "no"
    transport = request.transport
    context.connections.begin_stream(request.protocol)
    try:
        epoch = await feed.join()
        context.statistics.live_readers = feed.readers
        await response.prepare(request)
        await _write(response, f"retry: {RETRY_MS}\n\n".encode())
        position = feed.position_of(last_id)
        while feed.is_current(epoch):
            chunk, position = feed.since(position)
            if chunk:
                await _write(response, chunk)
            elif await feed.wait(PING_S):
                await feed.take_turn()
            else:
                await _write(response, b": \n\n")
    except (TimeoutError, ConnectionError):
        # A reader that is gone, or too slow: it comes back with the id of its last event.
        if transport is not None:
            transport.abort()
    finally:
        feed.leave()
        context.statistics.live_readers = feed.readers
    with suppress(ConnectionError):
        await response.write_eof()
    return response


async def _write(response: web.StreamResponse, chunk: bytes) -> None:
    async with asyncio.timeout(WRITE_TIMEOUT_S):
        await response.write(chunk)
