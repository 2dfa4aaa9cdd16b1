"""The risk stream of cross: a listen key, its socket, and a sign of life every half hour. Never deleted."""

import logging
from collections.abc import Callable

from monitor.clock import Clock
from monitor.core.model.account import CROSS
from monitor.core.model.events import Event
from monitor.errors import ExchangeError, ExchangeRefused
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.operations.stream_keys import create_listen_key, extend_listen_key
from monitor.exchange.binance.streams.async_waits import first_end
from monitor.exchange.binance.streams.decode import (
    KEY_EXPIRED,
    Delivery,
    Reply,
    Shutdown,
    Unreadable,
    listen_key_of,
    read_frame,
    rejected_event,
    stream_event,
)
from monitor.exchange.binance.streams.supervisor import Line, Pulse
from monitor.exchange.binance.streams.websocket import Link, LinkLost, Sockets

log = logging.getLogger(__name__)


class RiskLine(Line):
    """One connection of the risk stream."""

    def __init__(
        self,
        *,
        account: str,
        url: str,
        sockets: Sockets,
        transport: Transport,
        clock: Clock,
        deliver: Callable[[Event], None],
    ) -> None:
        super().__init__(Pulse("risk", clock, deliver))
        self._account = account
        self._url = url.rstrip("/")
        self._sockets = sockets
        self._transport = transport
        self._clock = clock
        self._deliver = deliver
        self._key = ""

    @property
    def subscriptions(self) -> tuple[str, ...]:
        return (str(CROSS),) if self.ready.is_set() else ()

    @property
    def missing(self) -> str:
        return ""

    async def run(self) -> None:
        self._key = await create_listen_key(self._transport)
        async with self._sockets.open(f"{self._url}/ws/{self._key}", self.pulse.beat) as link:
            await first_end(link.read(self._take), self._extend(link))

    async def _extend(self, link: Link) -> None:
        """See that the other side is there, keep the key alive, and know when to retire."""
        # Nothing may happen for days, so an answer to a ping must do.
        guards = self._sockets.guards
        await link.prove(guards.answer_s)
        self.ready.set()
        start = self._clock.elapsed_s()
        ends_at, extend_at = start + guards.lifespan_s(), start + guards.extend_every_s
        failures = 0
        while True:
            await self._clock.sleep(min(extend_at, ends_at) - self._clock.elapsed_s())
            if self._clock.elapsed_s() >= ends_at:
                self.retire.set()
                ends_at += guards.lifespan_s()
            if self._clock.elapsed_s() < extend_at:
                continue
            try:
                await extend_listen_key(self._transport, self._key)
            except ExchangeError as error:
                if isinstance(error, ExchangeRefused) and guards.remakes_key:
                    raise LinkLost(f"the listen key is gone (code {error.venue_code})") from None
                failures += 1
                log.warning("stream.key_not_extended account=%s cause=%s", self._account, error.code)
                extend_at = self._clock.elapsed_s() + 30 * guards.rest_s(failures)
            else:
                failures = 0
                extend_at = self._clock.elapsed_s() + guards.extend_every_s

    def _take(self, raw: bytes) -> None:
        now = self._clock.now()
        match read_frame(raw):
            case Delivery(_, event):
                hide = listen_key_of(event) or self._key
                told = stream_event(self._account, "risk", CROSS, event, now, hide=hide)
                self._deliver(told)
                if told.type == KEY_EXPIRED and self._sockets.guards.remakes_key:
                    # The socket stays open and says nothing more.
                    raise LinkLost("the listen key expired")
            case Shutdown():
                self.retire.set()
            case Reply(code=code):
                log.warning("stream.stray_reply account=%s stream=risk code=%s", self._account, code)
            case Unreadable(reason):
                log.warning("stream.rejected account=%s stream=risk reason=%r", self._account, reason)
                self._deliver(rejected_event(self._account, "risk", CROSS, raw, reason, now, hide=self._key))
