"""The market stream: last prices of the wanted symbols; those that arrive together are delivered together."""

import asyncio
import logging
import math
from collections.abc import Callable, Iterable, Sequence

from monitor.clock import Clock
from monitor.core.model.events import Event
from monitor.exchange.binance.streams.async_waits import (
    DualClockTimer,
    SubscriptionSet,
    run_until_first,
    sleep_or_event,
)
from monitor.exchange.binance.streams.frame_decoding import (
    EventFrame,
    ReplyFrame,
    ShutdownFrame,
    parse_stream_names,
    parse_ticker,
    read_frame,
)
from monitor.exchange.binance.streams.price_conflator import PriceConflator
from monitor.exchange.binance.streams.stream_requests import RequestDeclined, StreamRequests
from monitor.exchange.binance.streams.supervisor import LivenessReporter, StreamConnection
from monitor.exchange.binance.streams.websocket import ConnectionLost, WebSocket, WebSocketFactory
from monitor.exchange.binance.wire.numbers import ImplausibleValue

log = logging.getLogger(__name__)

REFERENCE_SYMBOL = "BTCUSDT"
"""Symbol whose price never rests."""

_MAX_STREAMS_IN_URL = 100
_MAX_STREAMS_IN_MESSAGE = 200
_MIN_MESSAGE_SPACING_S = 0.3


class MarketStream(StreamConnection):
    """One connection of the market stream."""

    def __init__(
        self,
        *,
        symbols: SubscriptionSet,
        url: str,
        websockets: WebSocketFactory,
        clock: Clock,
        price_conflator: PriceConflator,
        on_alive: Callable[[Event], None],
        on_rejected: Callable[[bytes, str], None],
    ) -> None:
        super().__init__(LivenessReporter("market", clock, on_alive))
        self._symbols = symbols
        self._url = url.rstrip("/")
        self._websockets = websockets
        self._clock = clock
        self._price_conflator = price_conflator
        self._on_rejected = on_rejected
        self._requests = StreamRequests("market")
        self._subscribed: frozenset[str] = frozenset()
        self._problem = ""
        self._failures = 0
        self._sent_at = float("-inf")
        self._reference_timer = DualClockTimer(clock)
        self._has_prices = False
        self._first_price = asyncio.Event()

    @property
    def subscriptions(self) -> tuple[str, ...]:
        return tuple(sorted(self._subscribed))

    @property
    def missing(self) -> str:
        """Why some wanted symbols are missing, to be read after their number."""
        return self._problem

    async def run(self) -> None:
        change = self._symbols.next_change()
        if not self._symbols.wanted:
            await self.idle(change)
            return
        first = sorted(self._symbols.wanted)[:_MAX_STREAMS_IN_URL]
        url = f"{self._url}/stream?streams={'/'.join(_names_of(first))}"
        async with self._websockets.open(url, self._on_activity, is_account=False) as link:
            self._subscribed = frozenset(first)
            self._reference_timer = DualClockTimer(self._clock)
            self._price_conflator.pause_source = link.pause_reading
            await run_until_first(
                link.read(self._handle_frame, self._flush), self._maintain(link), self._watch_reference()
            )

    async def _maintain(self, link: WebSocket) -> None:
        """Keep the wanted symbols subscribed, check this from time to time, and request a replacement in time."""
        guards = self._websockets.limits
        now = self._clock.elapsed_s()
        ends_at, probe_at = now + guards.random_lifetime_s(), now + guards.probe_every_s
        while True:
            change = self._symbols.next_change()
            before = (self._subscribed, self._problem)
            retry_at = await self._sync_subscriptions(link)
            if not self.ready.is_set():
                await self._wait_for_data(link)
                self.ready.set()
            elif before != (self._subscribed, self._problem):
                self._report_change()
            now = self._clock.elapsed_s()
            if now >= probe_at:
                probe_at = now + guards.probe_every_s
                if await self._check_subscriptions(link):
                    continue
            if now >= ends_at:
                self.replace_soon.set()
                ends_at = now + guards.random_lifetime_s()
            due = min(retry_at, probe_at, ends_at)
            await sleep_or_event(self._clock, due - now, change)

    async def _wait_for_data(self, link: WebSocket) -> None:
        """Wait until the connection brings data: a socket that opens and stays silent is no stream."""
        if REFERENCE_SYMBOL in self._subscribed:
            # `_watch_reference` ends the wait where no price comes.
            await self._first_price.wait()
        else:
            await link.ping(self._websockets.limits.answer_s)

    def _on_activity(self) -> None:
        """Note frames or pings. Where the reference symbol is subscribed they are no sign of life without prices."""
        if REFERENCE_SYMBOL not in self._subscribed:
            self.liveness.touch()

    async def _watch_reference(self) -> None:
        """Raise ConnectionLost after a silence of the reference symbol: that of others proves nothing."""
        limit = self._websockets.limits.price_silence_s
        while True:
            await asyncio.sleep(min(1.0, limit / 4))
            if REFERENCE_SYMBOL not in self._subscribed:
                self._reference_timer = DualClockTimer(self._clock)
            elif self._reference_timer.has_passed(limit):
                raise ConnectionLost(f"no price of {REFERENCE_SYMBOL} for {limit:g} s")

    async def _sync_subscriptions(self, link: WebSocket) -> float:
        """Subscribe as wanted, and unsubscribe. Return when to try again if that failed (seconds of the clock)."""
        wanted = self._symbols.wanted
        try:
            for symbols in _batches(self._subscribed - wanted):
                await self._request(link, "UNSUBSCRIBE", _names_of(symbols))
                self._subscribed -= frozenset(symbols)
            for symbols in _batches(wanted - self._subscribed):
                await self._request(link, "SUBSCRIBE", _names_of(symbols))
                self._subscribed |= frozenset(symbols)
        except RequestDeclined as refusal:
            self._failures += 1
            self._problem = f"not subscribed: {refusal}"
            log.warning("stream.not_subscribed stream=market code=%s", refusal.code)
            return self._clock.elapsed_s() + self._websockets.limits.backoff_s(self._failures)
        self._failures, self._problem = 0, ""
        return math.inf

    async def _check_subscriptions(self, link: WebSocket) -> bool:
        """Return whether the exchange has lost a subscription: it is lost without notice."""
        try:
            held = parse_stream_names(await self._request(link, "LIST_SUBSCRIPTIONS"))
        except (RequestDeclined, ImplausibleValue):
            log.warning("stream.not_probed stream=market")
            return False
        gone = frozenset(symbol for symbol in self._subscribed if _stream_name(symbol) not in held)
        if gone:
            self._subscribed -= gone
            self._problem = "gone without notice"
            self._report_change()
        return bool(gone)

    async def _request(self, link: WebSocket, method: str, names: Sequence[str] | None = None) -> bytes:
        # More than five messages a second, pongs included, cost the connection; a wall pause is never too short.
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._sent_at + _MIN_MESSAGE_SPACING_S - loop.time()))
        self._sent_at = loop.time()
        return await self._requests.send(link, method, names)

    def _flush(self) -> None:
        if self._has_prices:
            self._has_prices = False
            self._first_price.set()
            self.liveness.touch()
        self._price_conflator.flush()

    def _report_change(self) -> None:
        if self.on_change is not None:
            self.on_change()

    def _handle_frame(self, raw: bytes) -> None:
        try:
            price = parse_ticker(raw)
        except ImplausibleValue as why:
            self._reject(raw, str(why))
            return
        if price is not None:
            if price[0] == REFERENCE_SYMBOL:
                self._reference_timer = DualClockTimer(self._clock)
            self._has_prices = True
            self._price_conflator.add(*price)
            return
        match read_frame(raw):
            case ReplyFrame() as reply:
                self._requests.handle_reply(reply)
            case ShutdownFrame():
                self.replace_soon.set()
            case EventFrame():
                self._reject(raw, "not a price")
            case unreadable:
                self._reject(raw, unreadable.reason)

    def _reject(self, raw: bytes, reason: str) -> None:
        log.warning("stream.rejected stream=market reason=%r bytes=%d", reason, len(raw))
        self._on_rejected(raw, reason)


def _names_of(symbols: Iterable[str]) -> list[str]:
    return [_stream_name(symbol) for symbol in symbols]


def _stream_name(symbol: str) -> str:
    return f"{symbol.lower()}@miniTicker"


def _batches(symbols: Iterable[str]) -> list[list[str]]:
    """Return the symbols in parts, a request each."""
    ordered = sorted(symbols)
    return [
        ordered[start : start + _MAX_STREAMS_IN_MESSAGE] for start in range(0, len(ordered), _MAX_STREAMS_IN_MESSAGE)
    ]
