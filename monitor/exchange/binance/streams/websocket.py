"""WebSocket connections of the streams: watched for silence, no environment settings, quiet in logs."""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from monitor.clock import Clock
from monitor.exchange.binance.rate_limits import WeightBudget
from monitor.exchange.binance.streams.frame_cutter import MAX_FRAME_BYTES, FrameCuttingConnection
from monitor.exchange.binance.streams.happy_eyeballs import connect_fastest
from monitor.exchange.binance.streams.stream_limits import StreamLimits

log = logging.getLogger(__name__)

_OPEN_TIMEOUT_S = 10.0
_CLOSE_TIMEOUT_S = 2.0
_SEND_TIMEOUT_S = 10.0

# The library's own lines may quote URLs with keys and, at the debug level, whole frames.
_quiet = logging.getLogger("monitor.exchange.sockets")
_quiet.setLevel(logging.CRITICAL)


class ConnectionLost(Exception):
    """A connection that is gone or useless. The text is the reason, without any address or key."""


@dataclass(frozen=True, slots=True)
class ConnectionGate:
    """The wait before a connection that keeps the address below the exchange's limit of attempts."""

    budget: WeightBudget
    clock: Clock

    async def wait(self, *, is_account: bool) -> None:
        """Return once one more attempt may be made: within five minutes, unless more than the limit wait."""
        while (wait_s := self.budget.take_connection(self.clock.elapsed_s(), is_account=is_account)) is not None:
            log.warning("streams.held for_s=%.0f why='too many connections within five minutes'", wait_s)
            await self.clock.sleep(wait_s)


@dataclass(frozen=True, slots=True)
class WebSocketFactory:
    """Factory of connections with their limits."""

    proxy: str | None = None
    tls: ssl.SSLContext | None = None
    limits: StreamLimits = field(default_factory=StreamLimits)
    gate: ConnectionGate | None = None

    @asynccontextmanager
    async def open(
        self, url: str, on_activity: Callable[[], None], *, is_account: bool = True
    ) -> AsyncIterator["WebSocket"]:
        """Open a connection, closed at the end; frames that arrive until then are delivered like the rest.

        `on_activity` is called whenever frames or pings arrived. `is_account` False: it serves all accounts, and goes
        before theirs. Raises ConnectionLost.
        """
        if self.gate is not None:
            await self.gate.wait(is_account=is_account)
        try:
            sock = await self._connect(url)
            connection = await connect(
                url,
                sock=sock,
                proxy=self.proxy,
                ssl=self.tls if url.startswith("wss:") else None,
                compression=None,
                open_timeout=_OPEN_TIMEOUT_S,
                close_timeout=_CLOSE_TIMEOUT_S,
                # The exchange's pings are watched instead; our own ping is only a last check before giving up.
                ping_interval=None,
                max_size=MAX_FRAME_BYTES,
                logger=_quiet,
                user_agent_header="margin-monitor",
                create_connection=FrameCuttingConnection,
            )
        except (InvalidURI, ValueError):
            raise ConnectionLost("the address is not a WebSocket URL") from None
        except InvalidStatus as refused:
            raise ConnectionLost(f"no connection: HTTP {refused.response.status_code}") from None
        except (OSError, TimeoutError, InvalidHandshake, EOFError) as error:
            raise ConnectionLost(f"no connection: {type(error).__name__}") from None
        assert isinstance(connection, FrameCuttingConnection)
        connection.on_activity = on_activity
        websocket = WebSocket(connection, self.limits.silence_s)
        try:
            yield websocket
        finally:
            await websocket.close()

    async def _connect(self, url: str) -> socket.socket | None:
        """Return a connected socket; None behind a proxy. An attempt that reaches no server does not count."""
        if self.proxy is not None:
            return None
        try:
            async with asyncio.timeout(_OPEN_TIMEOUT_S):
                return await connect_fastest(url)
        except (OSError, TimeoutError):
            if self.gate is not None:
                self.gate.budget.return_connection()
            raise


class WebSocket:
    """One open connection."""

    def __init__(self, connection: FrameCuttingConnection, silence_s: float) -> None:
        self._connection = connection
        self._silence_s = silence_s
        self._on_frame: Callable[[bytes], None] | None = None
        self._failed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pause_timer: asyncio.TimerHandle | None = None

    def pause_reading(self, seconds: float) -> None:
        """Leave arriving data unread for `seconds`: what gathers costs one wake-up instead of one a frame."""
        if self._pause_timer is None and not self._connection.transport.is_closing():
            self._connection.transport.pause_reading()
            self._pause_timer = asyncio.get_running_loop().call_later(seconds, self._resume)

    async def ping(self, timeout_s: float) -> None:
        """Return once the other side has answered a ping. Raises ConnectionLost."""
        try:
            async with asyncio.timeout(timeout_s):
                await (await self._connection.ping())
        except (ConnectionClosed, TimeoutError):
            raise ConnectionLost("no answer to a ping") from None

    async def send(self, message: object) -> None:
        """Send one JSON message. Raises ConnectionLost."""
        try:
            async with asyncio.timeout(_SEND_TIMEOUT_S):
                await self._connection.send(msgspec.json.encode(message), text=True)
        except (ConnectionClosed, TimeoutError) as error:
            raise ConnectionLost(_loss_reason(error)) from None

    async def read(self, on_frame: Callable[[bytes], None], on_batch_end: Callable[[], None] | None = None) -> None:
        """Pass every frame to `on_frame` until the connection is lost.

        Raises ConnectionLost then, or what `on_frame` raised. `on_frame` must not block; `on_batch_end` is called after
        the last of the frames that arrived together.
        """
        self._on_frame = on_frame
        silence = asyncio.create_task(self._watch_silence())
        closed: asyncio.Future[Any] = asyncio.create_task(self._connection.recv(decode=False))
        try:
            self._connection.deliver_to(self._dispatch, on_batch_end)
            await asyncio.wait([closed, self._failed], return_when=asyncio.FIRST_COMPLETED)
            if self._failed.done():
                self._failed.result()
            await closed
        except ConnectionClosed as error:
            if silence.done():
                raise ConnectionLost(f"silent for {self._silence_s:g} s") from None
            raise ConnectionLost(_loss_reason(error)) from None
        finally:
            silence.cancel()
            closed.cancel()

    async def close(self) -> None:
        """Close the connection; every frame that arrives before the other side has closed too is delivered."""
        if self._pause_timer is not None:
            self._pause_timer.cancel()
            self._resume()
        await self._connection.close()

    def _dispatch(self, message: bytes) -> None:
        assert self._on_frame is not None
        try:
            self._on_frame(message)
        except Exception as error:  # noqa: BLE001  carried over to the waiting task; the frames behind it go on
            if not self._failed.done():
                self._failed.set_exception(error)

    def _resume(self) -> None:
        self._pause_timer = None
        if not self._connection.transport.is_closing():
            self._connection.transport.resume_reading()

    async def _watch_silence(self) -> None:
        loop = asyncio.get_running_loop()
        asked_at = 0.0
        while True:
            alive_at, now = self._connection.last_frame_at, loop.time()
            left = alive_at + self._silence_s - now
            if left <= 0:
                break
            if left > self._silence_s / 2:
                await asyncio.sleep(left - self._silence_s / 2)
            elif asked_at < alive_at:
                # A host whose pings are rarer than documented still answers ours.
                asked_at = now
                with suppress(ConnectionClosed, TimeoutError):
                    async with asyncio.timeout(left):
                        await self._connection.ping()
            else:
                await asyncio.sleep(left)
        # A half-open peer would not answer a closing handshake either.
        self._connection.transport.abort()


def _loss_reason(error: Exception) -> str:
    if isinstance(error, ConnectionClosed):
        if error.sent is not None and error.sent.code == 1009:
            return "a frame was too large"
        return f"closed by the exchange with {error.rcvd.code}" if error.rcvd is not None else "cut"
    return "not writable"
