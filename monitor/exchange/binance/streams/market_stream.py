"""The market stream: last prices of the wanted symbols, those that came together handed on together."""

import asyncio
import logging
import math
from collections.abc import Callable, Iterable, Sequence

from monitor.clock import Clock
from monitor.core.model.account import CROSS
from monitor.core.model.events import Event
from monitor.exchange.binance.streams.async_waits import Span, Wanted, first_end, sleep_or
from monitor.exchange.binance.streams.decode import (
    Delivery,
    Reply,
    Shutdown,
    read_frame,
    rejected_event,
    stream_names,
    ticker,
)
from monitor.exchange.binance.streams.price_conflator import Newest
from monitor.exchange.binance.streams.requests import Declined, Requests
from monitor.exchange.binance.streams.supervisor import Line, Pulse
from monitor.exchange.binance.streams.websocket import Link, LinkLost, Sockets
from monitor.exchange.binance.wire.numbers import Implausible

log = logging.getLogger(__name__)

MOST_STREAMS = 1024
"""What one connection carries."""

BUSIEST = "BTCUSDT"
"""The symbol that never rests."""

_IN_URL = 100
_IN_MESSAGE = 200
_BETWEEN_MESSAGES_S = 0.3


class MarketLine(Line):
    """One connection of the market stream."""

    def __init__(
        self,
        *,
        account: str,
        symbols: Wanted,
        url: str,
        sockets: Sockets,
        clock: Clock,
        newest: Newest,
        deliver: Callable[[Event], None],
    ) -> None:
        super().__init__(Pulse("market", clock, deliver))
        self._account = account
        self._symbols = symbols
        self._url = url.rstrip("/")
        self._sockets = sockets
        self._clock = clock
        self._newest = newest
        self._deliver = deliver
        self._requests = Requests(f"market of {account}")
        self._carried: frozenset[str] = frozenset()
        self._trouble = ""
        self._failures = 0
        self._sent_at = float("-inf")
        self._busiest = Span(clock)
        self._has_prices = False
        self._priced = asyncio.Event()

    @property
    def subscriptions(self) -> tuple[str, ...]:
        return tuple(sorted(self._carried))

    @property
    def missing(self) -> str:
        return self._trouble

    async def run(self) -> None:
        change = self._symbols.next_change()
        if not self._symbols.now:
            await self.idle(change)
            return
        first = sorted(self._wanted())[:_IN_URL]
        url = f"{self._url}/stream?streams={'/'.join(_streams(first))}"
        async with self._sockets.open(url, self._live) as link:
            self._carried = frozenset(first)
            self._busiest = Span(self._clock)
            self._newest.rest = link.rest
            await first_end(link.read(self._take, self._flush), self._tend(link), self._listen())

    def _wanted(self) -> frozenset[str]:
        wanted = self._symbols.now
        if len(wanted) > MOST_STREAMS:
            log.warning("stream.too_many_symbols account=%s wanted=%d", self._account, len(wanted))
            wanted = frozenset(sorted(wanted)[:MOST_STREAMS])
        return wanted

    async def _tend(self, link: Link) -> None:
        """Carry what is wanted, ask now and then whether it still is, and know when to retire."""
        guards = self._sockets.guards
        now = self._clock.elapsed_s()
        ends_at, probe_at = now + guards.lifespan_s(), now + guards.probe_every_s
        while True:
            change = self._symbols.next_change()
            before = (self._carried, self._trouble)
            retry_at = await self._arrange(link)
            if not self.ready.is_set():
                await self._first_word(link)
                self.ready.set()
            elif before != (self._carried, self._trouble):
                self._tell()
            now = self._clock.elapsed_s()
            if now >= probe_at:
                probe_at = now + guards.probe_every_s
                if await self._probe(link):
                    continue
            if now >= ends_at:
                self.retire.set()
                ends_at = now + guards.lifespan_s()
            due = min(retry_at, probe_at, ends_at)
            await sleep_or(self._clock, due - now, change)

    async def _first_word(self, link: Link) -> None:
        """Return once it brings something: a socket that opens and stays silent is no stream."""
        if BUSIEST in self._carried:
            # `_listen` gives up waiting.
            await self._priced.wait()
        else:
            await link.prove(self._sockets.guards.answer_s)

    def _live(self) -> None:
        """Frames or pings came. Where a symbol never rests they are no sign of life without prices."""
        if BUSIEST not in self._carried:
            self.pulse.beat()

    async def _listen(self) -> None:
        """Raises LinkLost when the symbol that never rests has rested: a quiet one proves nothing."""
        limit = self._sockets.guards.price_silence_s
        while True:
            await asyncio.sleep(min(1.0, limit / 4))
            if BUSIEST not in self._carried:
                self._busiest = Span(self._clock)
            elif self._busiest.is_over(limit):
                raise LinkLost(f"no price of {BUSIEST} for {limit:g} s")

    async def _arrange(self, link: Link) -> float:
        """Make what is carried what is wanted. When to try again, if it is not (seconds of the clock)."""
        wanted = self._wanted()
        try:
            for symbols in _parts(self._carried - wanted):
                await self._ask(link, "UNSUBSCRIBE", _streams(symbols))
                self._carried -= frozenset(symbols)
            for symbols in _parts(wanted - self._carried):
                await self._ask(link, "SUBSCRIBE", _streams(symbols))
                self._carried |= frozenset(symbols)
        except Declined as refusal:
            self._failures += 1
            self._trouble = f"{len(wanted - self._carried)} symbols not subscribed: {refusal}"
            log.warning("stream.not_subscribed account=%s stream=market code=%s", self._account, refusal.code)
            return self._clock.elapsed_s() + self._sockets.guards.rest_s(self._failures)
        self._failures, self._trouble = 0, ""
        return math.inf

    async def _probe(self, link: Link) -> bool:
        """Whether the exchange has forgotten something: a lost subscription is silent."""
        try:
            held = stream_names(await self._ask(link, "LIST_SUBSCRIPTIONS"))
        except (Declined, Implausible):
            log.warning("stream.not_probed account=%s stream=market", self._account)
            return False
        gone = frozenset(symbol for symbol in self._carried if _stream(symbol) not in held)
        if gone:
            self._carried -= gone
            self._trouble = f"{len(gone)} symbols gone without notice"
            self._tell()
        return bool(gone)

    async def _ask(self, link: Link, method: str, names: Sequence[str] | None = None) -> bytes:
        # More than five messages a second cost the connection, pongs among them; a wall pause is never too short.
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._sent_at + _BETWEEN_MESSAGES_S - loop.time()))
        self._sent_at = loop.time()
        return await self._requests.ask(link, method, names)

    def _flush(self) -> None:
        if self._has_prices:
            self._has_prices = False
            self._priced.set()
            self.pulse.beat()
        self._newest.flush()

    def _tell(self) -> None:
        if self.changed is not None:
            self.changed()

    def _take(self, raw: bytes) -> None:
        try:
            told = ticker(raw)
        except Implausible as why:
            self._reject(raw, str(why))
            return
        if told is not None:
            if told[0] == BUSIEST:
                self._busiest = Span(self._clock)
            self._has_prices = True
            self._newest.take(*told)
            return
        match read_frame(raw):
            case Reply() as reply:
                self._requests.take(reply)
            case Shutdown():
                self.retire.set()
            case Delivery():
                self._reject(raw, "not a price")
            case unreadable:
                self._reject(raw, unreadable.reason)

    def _reject(self, raw: bytes, reason: str) -> None:
        log.warning("stream.rejected account=%s stream=market reason=%r bytes=%d", self._account, reason, len(raw))
        self._deliver(rejected_event(self._account, "market", CROSS, raw, reason, self._clock.now()))


def _streams(symbols: Iterable[str]) -> list[str]:
    return [_stream(symbol) for symbol in symbols]


def _stream(symbol: str) -> str:
    return f"{symbol.lower()}@miniTicker"


def _parts(symbols: Iterable[str]) -> list[list[str]]:
    """The symbols in parts, a request each."""
    ordered = sorted(symbols)
    return [ordered[start : start + _IN_MESSAGE] for start in range(0, len(ordered), _IN_MESSAGE)]
