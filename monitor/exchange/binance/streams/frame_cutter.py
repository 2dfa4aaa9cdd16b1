"""A WebSocket connection that cuts text frames and delivers each in the loop turn in which its last byte arrives.

The library reads the handshake, control frames, fragments and everything unusual. Nearly every frame of an exchange
is a whole text instead, which needs no queue, no task and no second pass: it is cut out of the received bytes.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State

MAX_FRAME_BYTES = 16 * 2**20
"""Maximum bytes of a message; a larger one ends the connection."""

_WHOLE_TEXT_FRAME = 0x81
"""First byte of a whole text frame: no fragment, no extension."""

_HANDSHAKE_END = b"\r\n\r\n"


class FrameCuttingConnection(ClientConnection):
    """One connection. Messages that arrive before `deliver_to` wait for it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.last_frame_at = asyncio.get_running_loop().time()
        """Loop time at which the last frame of any kind arrived."""
        self.on_activity: Callable[[], None] | None = None
        """Called after received bytes that held a frame or more were delivered."""
        self._on_message: Callable[[bytes], None] | None = None
        self._on_batch_end: Callable[[], None] | None = None
        self._undelivered: list[bytes] = []
        self._handshake: bytes | None = b""
        self._partial_frame = b""
        """Beginning of a frame that the library has not seen yet."""
        self._fragments: list[bytes] = []
        self._frame_seen = False

    def deliver_to(self, on_message: Callable[[bytes], None], on_batch_end: Callable[[], None] | None = None) -> None:
        """Pass every message to `on_message`: waiting ones now, later ones on arrival. Neither callback may raise.

        `on_batch_end` is called after the last of the messages that arrived together.
        """
        waiting, self._undelivered = self._undelivered, []
        self._on_message, self._on_batch_end = on_message, on_batch_end
        for message in waiting:
            on_message(message)
        if on_batch_end is not None:
            on_batch_end()

    def data_received(self, data: bytes) -> None:
        if self._handshake is not None:
            data = self._read_handshake(self._handshake + data, len(data))
        # While the connection is open the library is always between two frames.
        if self.protocol.state is State.OPEN:
            self._cut_frames(self._partial_frame + data if self._partial_frame else data)
        elif data or self._partial_frame:
            rest, self._partial_frame = self._partial_frame, b""
            super().data_received(rest + data)
        if self._frame_seen:
            self._frame_seen = False
            self.last_frame_at = self.loop.time()
            if self._on_batch_end is not None:
                self._on_batch_end()
            if self.on_activity is not None:
                self.on_activity()

    def process_event(self, event: Any) -> None:
        if isinstance(event, Response):
            super().process_event(event)
            return
        self._frame_seen = True
        if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._fragments.append(bytes(event.data))
            if event.fin:
                whole, self._fragments = b"".join(self._fragments), []
                self._dispatch(whole)
            return
        super().process_event(event)

    def _read_handshake(self, opening: bytes, new: int) -> bytes:
        """Let the library read the response to the handshake and no byte more; return the bytes behind it."""
        end = opening.find(_HANDSHAKE_END)
        self._handshake = opening if end < 0 else None
        read = new if end < 0 else new - (len(opening) - end - len(_HANDSHAKE_END))
        super().data_received(opening[len(opening) - new :][:read])
        return opening[len(opening) - new :][read:]

    def _cut_frames(self, data: bytes) -> None:
        """Deliver every whole text frame, pass every other frame to the library, keep an incomplete rest."""
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
                # Masked, which no server may send, or too large: the library reports both.
                length = MAX_FRAME_BYTES + 1
            end = start + length
            if start > size:
                break
            if length > MAX_FRAME_BYTES:
                end = size
            elif end > size:
                break
            if head == _WHOLE_TEXT_FRAME and not self._fragments and length <= MAX_FRAME_BYTES:
                self._frame_seen = True
                self._dispatch(data[start:end])
            else:
                super().data_received(data[at:end])
                if self.protocol.state is not State.OPEN:
                    if end < size:
                        super().data_received(data[end:])
                    end = size
            at = end
        self._partial_frame = data[at:]

    def _dispatch(self, message: bytes) -> None:
        if self._on_message is None:
            self._undelivered.append(message)
        else:
            self._on_message(message)
