"""WebSocket connections as the streams want them: watched for silence, deaf to the environment, quiet in logs."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.http11 import Response

SILENCE_S = 60.0
"""Wall seconds without a frame or ping after which a connection counts as dead; the venue pings every 20 s."""

LIFETIME_S = 23 * 3600.0
"""Exchange seconds after which a connection is replaced; the venue cuts it at 24 h."""

LARGEST_FRAME = 16 * 2**20
"""A larger frame ends the connection."""

_OPEN_TIMEOUT_S = 10.0
_CLOSE_TIMEOUT_S = 2.0
_SEND_TIMEOUT_S = 10.0

# The library's own lines may quote URLs with keys and, at the debug level, whole frames.
_quiet = logging.getLogger("monitor.exchange.sockets")
_quiet.setLevel(logging.CRITICAL)


class LinkLost(Exception):
    """The connection is gone or useless. The text is the reason, without any address or key."""


@dataclass(frozen=True, slots=True)
class Sockets:
    """How connections are made, and when they count as dead (wall seconds) or old (exchange seconds)."""

    proxy: str | None = None
    tls: ssl.SSLContext | None = None
    silence_s: float = SILENCE_S
    lifetime_s: float = LIFETIME_S

    @asynccontextmanager
    async def open(self, url: str, on_alive: Callable[[], None]) -> AsyncIterator["Link"]:
        """A connection, closed at the end. `on_alive` hears of every frame and ping. Raises LinkLost."""
        try:
            connection = await connect(
                url,
                proxy=self.proxy,
                ssl=self.tls if url.startswith("wss:") else None,
                compression=None,
                open_timeout=_OPEN_TIMEOUT_S,
                close_timeout=_CLOSE_TIMEOUT_S,
                # Our own pings would count against the venue's five messages a second; its pings are watched instead.
                ping_interval=None,
                max_size=LARGEST_FRAME,
                max_queue=256,
                logger=_quiet,
                user_agent_header="margin-monitor",
                create_connection=_Watched,
            )
        except InvalidURI:
            raise LinkLost("the address is not a WebSocket URL") from None
        except InvalidStatus as refused:
            raise LinkLost(f"no connection: HTTP {refused.response.status_code}") from None
        except (OSError, TimeoutError, InvalidHandshake, EOFError) as error:
            raise LinkLost(f"no connection: {type(error).__name__}") from None
        assert isinstance(connection, _Watched)
        connection.on_alive = on_alive
        try:
            yield Link(connection, self.silence_s)
        finally:
            await connection.close()


class Link:
    """One open connection."""

    def __init__(self, connection: "_Watched", silence_s: float) -> None:
        self._connection = connection
        self._silence_s = silence_s

    async def send(self, message: object) -> None:
        """Send one JSON message. Raises LinkLost."""
        try:
            async with asyncio.timeout(_SEND_TIMEOUT_S):
                await self._connection.send(msgspec.json.encode(message), text=True)
        except (ConnectionClosed, TimeoutError) as error:
            raise LinkLost(_reason(error)) from None

    async def read(self, handle: Callable[[bytes], None]) -> None:
        """Hand every frame to `handle`, which must not block, until the connection is lost: then raise LinkLost."""
        receive = self._connection.recv
        silence = asyncio.create_task(self._watch())
        try:
            while True:
                handle(await receive(decode=False))
        except ConnectionClosed as closed:
            if silence.done():
                raise LinkLost(f"silent for {self._silence_s:g} s") from None
            raise LinkLost(_reason(closed)) from None
        finally:
            silence.cancel()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            left = self._connection.alive_at + self._silence_s - loop.time()
            if left <= 0:
                break
            await asyncio.sleep(left)
        # A half-open peer would not answer a closing handshake either.
        self._connection.transport.abort()


class _Watched(ClientConnection):
    """Notes when the last frame of any kind arrived."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.alive_at = asyncio.get_running_loop().time()
        self.on_alive: Callable[[], None] | None = None

    def process_event(self, event: Any) -> None:
        super().process_event(event)
        self.alive_at = self.loop.time()
        if self.on_alive is not None and not isinstance(event, Response):
            self.on_alive()


def _reason(error: Exception) -> str:
    if isinstance(error, ConnectionClosed):
        if error.sent is not None and error.sent.code == 1009:
            return "a frame was too large"
        return f"closed by the exchange with {error.rcvd.code}" if error.rcvd is not None else "cut"
    return "not writable"
