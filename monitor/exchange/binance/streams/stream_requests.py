"""Requests on one WebSocket connection, and the replies that they wait for."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from monitor.exchange.binance.streams.frame_decoding import ReplyFrame
from monitor.exchange.binance.streams.websocket import ConnectionLost, WebSocket

log = logging.getLogger(__name__)

REPLY_TIMEOUT_S = 10.0
"""Wall seconds after which a connection without a reply is given up."""


class RequestDeclined(Exception):
    """A request on the socket that the exchange refused."""

    def __init__(self, code: int) -> None:
        super().__init__(f"refused with {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class _Pending:
    reply: "asyncio.Future[bytes]"
    on_granted: Callable[[bytes], None] | None


class StreamRequests:
    """Pending requests of one connection. `name` is for the log."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._pending: dict[int, _Pending] = {}
        self._last_id = 0

    @property
    def is_subscribing(self) -> bool:
        """True if a request is under way whose reply changes what later frames mean."""
        return any(asked.on_granted is not None for asked in self._pending.values())

    async def send(
        self, link: WebSocket, method: str, params: object = None, on_granted: Callable[[bytes], None] | None = None
    ) -> bytes:
        """Send a request and return its result. Raises RequestDeclined, or ConnectionLost when no reply comes.

        `on_granted` gets the result at once, before the next frame is read, which may already depend on it.
        """
        self._last_id += 1
        number = self._last_id
        pending = _Pending(asyncio.get_running_loop().create_future(), on_granted)
        self._pending[number] = pending
        try:
            await link.send({"id": number, "method": method, **({} if params is None else {"params": params})})
            async with asyncio.timeout(REPLY_TIMEOUT_S):
                return await pending.reply
        except TimeoutError:
            raise ConnectionLost("no reply") from None
        finally:
            self._pending.pop(number, None)

    def handle_reply(self, reply: ReplyFrame) -> None:
        """Pass a reply to the request that waits for it."""
        pending = self._pending.get(reply.id) if isinstance(reply.id, int) else None
        if pending is None or pending.reply.done():
            log.warning("stream.stray_reply stream=%s code=%s", self._name, reply.code)
        elif reply.code is not None:
            pending.reply.set_exception(RequestDeclined(reply.code))
        else:
            if pending.on_granted is not None:
                pending.on_granted(reply.result)
            pending.reply.set_result(reply.result)
