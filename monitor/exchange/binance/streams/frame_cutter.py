"""A WebSocket connection that hands each message on at once, in the turn of the loop in which its last byte arrived.

The library reads the opening, control frames, fragments and everything odd. Nearly all that an exchange sends is none
of these but a whole text in one frame, which needs no queue, no task and no second look: it is cut out where it lies.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State

LARGEST_FRAME = 16 * 2**20
"""A larger message ends the connection."""

_TEXT = 0x81
"""The first byte of a text that is whole: no fragment, no extension."""

_OPENED = b"\r\n\r\n"


class Connection(ClientConnection):
    """One connection. What comes before `hand_on` waits for it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.alive_at = asyncio.get_running_loop().time()
        """When the last frame of any kind arrived."""
        self.on_alive: Callable[[], None] | None = None
        """Called when something arrived that has a frame or more, after it was handed on."""
        self._handle: Callable[[bytes], None] | None = None
        self._done: Callable[[], None] | None = None
        self._waiting: list[bytes] = []
        self._opening: bytes | None = b""
        self._rest = b""
        """The beginning of a frame, of which the library has seen nothing yet."""
        self._fragments: list[bytes] = []
        self._heard = False

    def hand_on(self, handle: Callable[[bytes], None], done: Callable[[], None] | None = None) -> None:
        """Give `handle` every message: those that wait now, and each that comes when it comes. Neither may raise.

        `done` is called after the last of those that came together.
        """
        waiting, self._waiting = self._waiting, []
        self._handle, self._done = handle, done
        for message in waiting:
            handle(message)
        if done is not None:
            done()

    def data_received(self, data: bytes) -> None:
        if self._opening is not None:
            data = self._open(self._opening + data, len(data))
        # While the connection is open the library is always between two frames.
        if self.protocol.state is State.OPEN:
            self._cut(self._rest + data if self._rest else data)
        elif data or self._rest:
            rest, self._rest = self._rest, b""
            super().data_received(rest + data)
        if self._heard:
            self._heard = False
            self.alive_at = self.loop.time()
            if self._done is not None:
                self._done()
            if self.on_alive is not None:
                self.on_alive()

    def process_event(self, event: Any) -> None:
        if isinstance(event, Response):
            super().process_event(event)
            return
        self._heard = True
        if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._fragments.append(bytes(event.data))
            if event.fin:
                whole, self._fragments = b"".join(self._fragments), []
                self._take(whole)
            return
        super().process_event(event)

    def _open(self, opening: bytes, new: int) -> bytes:
        """Let the library read the answer to the opening, and no byte more; what came behind it."""
        end = opening.find(_OPENED)
        self._opening = opening if end < 0 else None
        read = new if end < 0 else new - (len(opening) - end - len(_OPENED))
        super().data_received(opening[len(opening) - new :][:read])
        return opening[len(opening) - new :][read:]

    def _cut(self, data: bytes) -> None:
        """Hand on every text that is whole, let the library read every other frame, keep what is not whole yet."""
        at, size = 0, len(data)
        while size - at >= 2:
            head, length = data[at], data[at + 1]
            start = at + 2
            if length == 126:
                start += 2
                length = int.from_bytes(data[at + 2 : start])
            elif length == 127:
                start += 8
                length = int.from_bytes(data[at + 2 : start])
            elif length > 127:
                # Masked, which no server may, like a frame too large: the library says so.
                length = LARGEST_FRAME + 1
            end = start + length
            if start > size:
                break
            if length > LARGEST_FRAME:
                end = size
            elif end > size:
                break
            if head == _TEXT and not self._fragments and length <= LARGEST_FRAME:
                self._heard = True
                self._take(data[start:end])
            else:
                super().data_received(data[at:end])
                if self.protocol.state is not State.OPEN:
                    if end < size:
                        super().data_received(data[end:])
                    end = size
            at = end
        self._rest = data[at:]

    def _take(self, message: bytes) -> None:
        if self._handle is None:
            self._waiting.append(message)
        else:
            self._handle(message)
