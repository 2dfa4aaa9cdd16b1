"""Requests on one connection, and the replies that they wait for."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from monitor.exchange.binance.streams.decode import Reply
from monitor.exchange.binance.streams.websocket import Link, LinkLost

log = logging.getLogger(__name__)

REPLY_TIMEOUT_S = 10.0
"""Wall seconds; a connection on which a reply takes longer is given up."""


class Declined(Exception):
    """The exchange refused a request on the socket."""

    def __init__(self, code: int) -> None:
        super().__init__(f"refused with {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class _Asked:
    reply: "asyncio.Future[bytes]"
    granted: Callable[[bytes], None] | None


class Requests:
    """What was asked on one connection. `name` is for the log."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._asked: dict[int, _Asked] = {}
        self._last = 0

    @property
    def is_subscribing(self) -> bool:
        """Whether a request is under way whose reply changes what later frames mean."""
        return any(asked.granted is not None for asked in self._asked.values())

    async def ask(
        self, link: Link, method: str, params: object = None, granted: Callable[[bytes], None] | None = None
    ) -> bytes:
        """The result of a request. Raises Declined, or LinkLost when no reply comes.

        `granted` gets the result at once, before the next frame is read, which may already depend on it.
        """
        self._last += 1
        number = self._last
        asked = _Asked(asyncio.get_running_loop().create_future(), granted)
        self._asked[number] = asked
        try:
            await link.send({"id": number, "method": method, **({} if params is None else {"params": params})})
            async with asyncio.timeout(REPLY_TIMEOUT_S):
                return await asked.reply
        except TimeoutError:
            raise LinkLost("no reply") from None
        finally:
            self._asked.pop(number, None)

    def take(self, reply: Reply) -> None:
        """Hand a reply to who asked."""
        asked = self._asked.get(reply.id) if isinstance(reply.id, int) else None
        if asked is None or asked.reply.done():
            log.warning("stream.stray_reply stream=%s code=%s", self._name, reply.code)
        elif reply.code is not None:
            asked.reply.set_exception(Declined(reply.code))
        else:
            if asked.granted is not None:
                asked.granted(reply.result)
            asked.reply.set_result(reply.result)
