"""A WebSocket connection: frames out in order by a task of its own, pings, and faults."""

import asyncio
import itertools
import time
from collections import deque
from dataclasses import dataclass

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web
from aiohttp.client_exceptions import ClientConnectionResetError

from monitor.sandbox.event_feed import EventDelivery

PING_INTERVAL_S = 20.0
PONG_TIMEOUT_S = 60.0
LIFETIME_MS = 24 * 3600 * 1000
# Prices beyond this backlog are dropped (the newest will follow); events never are.
MAX_PRICE_BACKLOG = 200
LARGE_PADDING = 2 * 2**20
OVERSIZED_PADDING = 17 * 2**20
NESTING_DEPTH = 400_000

_numbers = itertools.count(1)


@dataclass(slots=True)
class _Frame:
    text: str | bytes
    delivery: EventDelivery | None
    not_before: float


class ClientConnection:
    """The shared part of all stream connections. Subclasses define the meaning of texts."""

    stream = ""

    def __init__(self, address: str, opened_ms: int) -> None:
        self.number = next(_numbers)
        self.address = address
        self.opened_ms = opened_ms
        self.socket = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=1 << 20)
        # Effects of faults: nothing leaves; every frame waits; frames with events are corrupted.
        self.silent = False
        self.delay_s = 0.0
        self.distort = ""
        self.distort_left = 0
        self.form = "truncated"
        self._held_frame: _Frame | None = None
        self._aborts_when_empty = False
        self._frames: deque[_Frame] = deque()
        self._wake = asyncio.Event()
        self.last_pong = time.monotonic()
        # Time of the last frame, and of the last frame that was no answer (seconds of the machine).
        self.wrote_at = 0.0
        self.unsolicited_at = 0.0
        # When the client closed it; a close frame is answered, even on a half-open connection.
        self.ended_at = 0.0
        self._transport: asyncio.Transport | None = None

    async def run(
        self, request: web.Request, *, ping_every_s: float = PING_INTERVAL_S, pong_within_s: float = PONG_TIMEOUT_S
    ) -> web.StreamResponse:
        """Serve the connection until either side ends it."""
        try:
            await self.socket.prepare(request)
        except (ClientConnectionResetError, ConnectionError):
            # Gone before the handshake: an answer without a receiver, not a half-open socket.
            return web.Response(status=400)
        self.wrote_at = time.monotonic()
        self._transport = request.transport
        tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._ping(ping_every_s, pong_within_s))]
        try:
            self.on_open()
            async for message in self.socket:
                await self._receive(message)
            self.ended_at = time.monotonic()
        except (ClientConnectionResetError, ConnectionError):
            pass
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._drop_frames()
            self.on_close()
        return self.socket

    def send(self, text: str, delivery: EventDelivery | None = None) -> None:
        """Queue a frame. On a half-open connection it goes nowhere."""
        if self.silent:
            if delivery is not None:
                delivery.fate = "swallowed"
            return
        frame = _Frame(text, delivery, time.monotonic() + self.delay_s)
        if self.distort:
            self._frames.extend(self._apply_distortion(frame))
        else:
            kept, self._held_frame = self._held_frame, None
            self._frames.extend((frame,) if kept is None else (frame, kept))
        self._wake.set()

    def abort_when_empty(self) -> None:
        """Cut the connection once everything queued has been written."""
        self._aborts_when_empty = True
        self._wake.set()

    @property
    def backlog(self) -> int:
        """The number of frames that wait to be written."""
        return len(self._frames)

    def abort(self) -> None:
        """Cut the connection without a close frame; unwritten frames are lost."""
        self._drop_frames()
        if self._transport is not None:
            self._transport.abort()

    async def close(self, code: int = WSCloseCode.GOING_AWAY) -> None:
        """End the connection with a close frame."""
        await self.socket.close(code=code)

    def drop_subscriptions(self) -> None:
        """Drop every subscription without a notice."""

    def on_open(self) -> None:
        """Called when the socket is open."""

    def on_close(self) -> None:
        """Called when the socket is closed."""

    async def on_text(self, text: str) -> None:
        """Called for every text frame."""

    async def on_control(self) -> None:
        """Called for every ping or pong of the client."""

    async def _receive(self, message: WSMessage) -> None:
        if message.type is WSMsgType.TEXT:
            if not self.silent:
                await self.on_text(message.data)
        elif message.type is WSMsgType.PING:
            await self.on_control()
            if not self.silent:
                await self.socket.pong(message.data)
                self.wrote_at = time.monotonic()
        elif message.type is WSMsgType.PONG:
            self.last_pong = time.monotonic()
            await self.on_control()

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._frames:
                wait = self._frames[0].not_before - time.monotonic()
                if wait > 0:
                    await asyncio.sleep(wait)
                    continue
                frame = self._frames.popleft()
                try:
                    if isinstance(frame.text, str):
                        await self.socket.send_str(frame.text)
                    else:
                        await self.socket.send_bytes(frame.text)
                except (ClientConnectionResetError, ConnectionError):
                    if frame.delivery is not None:
                        frame.delivery.fate = "cut"
                    return
                self.wrote_at = time.monotonic()
                if '"result"' not in str(frame.text):
                    self.unsolicited_at = self.wrote_at
                if frame.delivery is not None and frame.delivery.fate == "queued":
                    frame.delivery.fate = "written"
            if self._aborts_when_empty:
                self.abort()
                return

    async def _ping(self, every_s: float, pong_within_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            if self.silent:
                continue
            if time.monotonic() - self.last_pong > pong_within_s + every_s:
                self.abort()
                return
            await self.socket.ping(str(int(time.time() * 1000)).encode())
            self.wrote_at = time.monotonic()

    def _apply_distortion(self, frame: _Frame) -> tuple[_Frame, ...]:
        """The frames sent instead of a frame while a fault distorts it: answers to requests stay whole."""
        if frame.delivery is None and (self.stream != "market" or '"result"' in str(frame.text)):
            return (frame,)
        if self.distort_left:
            self.distort_left -= 1
            if not self.distort_left:
                distort, self.distort = self.distort, ""
                return self._distort_frame(frame, distort)
        return self._distort_frame(frame, self.distort)

    def _distort_frame(self, frame: _Frame, distort: str) -> tuple[_Frame, ...]:
        match distort:
            case "malform":
                if frame.delivery is not None:
                    frame.delivery.fate = "swallowed"
                return (_Frame(_malform(str(frame.text), self.form), None, frame.not_before),)
            case "mute":
                if frame.delivery is not None:
                    frame.delivery.fate = "swallowed"
                return ()
            case "duplicate":
                return (frame, _Frame(frame.text, None, frame.not_before))
            case "reorder":
                kept, self._held_frame = self._held_frame, None
                if kept is not None:
                    return (frame, kept)
                if self.distort:
                    self._held_frame = frame
                    return ()
        return (frame,)

    def _drop_frames(self) -> None:
        if self._held_frame is not None:
            self._frames.append(self._held_frame)
            self._held_frame = None
        for frame in self._frames:
            if frame.delivery is not None:
                frame.delivery.fate = "cut"
        self._frames.clear()


def _malform(text: str, form: str) -> str | bytes:
    """The text or bytes sent instead of a frame's text."""
    match form:
        case "binary":
            return b"\x00\xff\xfe" + text.encode()[::-1]
        case "large" | "oversized":
            size = LARGE_PADDING if form == "large" else OVERSIZED_PADDING
            return text[:-1] + ',"padding":"' + "x" * size + '"}'
        case "deep":
            return '{"depth":' + "[" * NESTING_DEPTH + "]" * NESTING_DEPTH + "," + text[1:]
        case "wrapped":
            return '{"envelope":[' + text + "]}"
        case _:
            return text[: len(text) // 2]
