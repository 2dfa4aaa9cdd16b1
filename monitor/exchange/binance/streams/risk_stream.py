"""The risk stream of cross: a listen key, extended every half hour and never deleted, and its socket."""

import logging
from collections.abc import Callable

from monitor.clock import Clock
from monitor.core.model.account import CROSS
from monitor.core.model.events import Event
from monitor.errors import ExchangeError, ExchangeRefused
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.operations.stream_keys import create_listen_key, extend_listen_key
from monitor.exchange.binance.streams.async_waits import run_until_first
from monitor.exchange.binance.streams.frame_decoding import (
    KEY_EXPIRED,
    EventFrame,
    ReplyFrame,
    ShutdownFrame,
    UnreadableFrame,
    build_rejected_event,
    parse_expired_listen_key,
    parse_stream_event,
    read_frame,
)
from monitor.exchange.binance.streams.supervisor import LivenessReporter, StreamConnection
from monitor.exchange.binance.streams.websocket import ConnectionLost, WebSocket, WebSocketFactory

log = logging.getLogger(__name__)


class RiskStream(StreamConnection):
    """One connection of the risk stream."""

    def __init__(
        self,
        *,
        account: str,
        url: str,
        websockets: WebSocketFactory,
        transport: Transport,
        clock: Clock,
        deliver: Callable[[Event], None],
    ) -> None:
        super().__init__(LivenessReporter("risk", clock, deliver))
        self._account = account
        self._url = url.rstrip("/")
        self._websockets = websockets
        self._transport = transport
        self._clock = clock
        self._deliver = deliver
        self._listen_key = ""

    @property
    def subscriptions(self) -> tuple[str, ...]:
        return (str(CROSS),) if self.ready.is_set() else ()

    @property
    def missing(self) -> str:
        return ""

    async def run(self) -> None:
        self._listen_key = await create_listen_key(self._transport)
        async with self._websockets.open(f"{self._url}/ws/{self._listen_key}", self.liveness.touch) as link:
            await run_until_first(link.read(self._handle_frame), self._maintain(link))

    async def _maintain(self, link: WebSocket) -> None:
        """Check that the exchange answers, keep the key alive, and request a replacement in time."""
        # No event may come for days, so an answer to a ping is enough.
        guards = self._websockets.limits
        await link.ping(guards.answer_s)
        self.ready.set()
        start = self._clock.elapsed_s()
        ends_at, extend_at = start + guards.random_lifetime_s(), start + guards.extend_every_s
        failures = 0
        while True:
            await self._clock.sleep(min(extend_at, ends_at) - self._clock.elapsed_s())
            if self._clock.elapsed_s() >= ends_at:
                self.replace_soon.set()
                ends_at += guards.random_lifetime_s()
            if self._clock.elapsed_s() < extend_at:
                continue
            try:
                await extend_listen_key(self._transport, self._listen_key)
            except ExchangeError as error:
                if isinstance(error, ExchangeRefused) and guards.renews_lost_key:
                    raise ConnectionLost(f"the listen key is gone (code {error.venue_code})") from None
                failures += 1
                log.warning("stream.key_not_extended account=%s cause=%s", self._account, error.code)
                extend_at = self._clock.elapsed_s() + 30 * guards.backoff_s(failures)
            else:
                failures = 0
                extend_at = self._clock.elapsed_s() + guards.extend_every_s

    def _handle_frame(self, raw: bytes) -> None:
        now = self._clock.now()
        match read_frame(raw):
            case EventFrame(_, event):
                hide = parse_expired_listen_key(event) or self._listen_key
                event_record = parse_stream_event(self._account, "risk", CROSS, event, now, secret=hide)
                self._deliver(event_record)
                if event_record.type == KEY_EXPIRED and self._websockets.limits.renews_lost_key:
                    # The socket stays open and brings nothing more.
                    raise ConnectionLost("the listen key expired")
            case ShutdownFrame():
                self.replace_soon.set()
            case ReplyFrame(code=code):
                log.warning("stream.stray_reply account=%s stream=risk code=%s", self._account, code)
            case UnreadableFrame(reason):
                log.warning("stream.rejected account=%s stream=risk reason=%r", self._account, reason)
                self._deliver(
                    build_rejected_event(self._account, "risk", CROSS, raw, reason, now, secret=self._listen_key)
                )
