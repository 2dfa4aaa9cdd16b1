"""The market stream: last prices of the wanted symbols, the newest of each handed on once a turn of the loop."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import timedelta

from monitor.clock import Clock
from monitor.core.account import CROSS, Price
from monitor.core.events import Event, PricesRead
from monitor.exchange.binance.streams.decode import Delivery, Reply, Shutdown, read_frame, rejected_event, ticker
from monitor.exchange.binance.streams.session import Line, Pulse
from monitor.exchange.binance.streams.sockets import Link, Sockets
from monitor.exchange.binance.streams.waiting import Wanted, first_end, sleep_or
from monitor.exchange.binance.wire.numbers import Implausible

log = logging.getLogger(__name__)

MOST_STREAMS = 1024
"""What one connection carries."""

_IN_URL = 100
_IN_MESSAGE = 200
_BETWEEN_MESSAGES_S = 0.3


class Newest:
    """The newest price of each symbol, older ones refused, handed on together."""

    def __init__(self, deliver: Callable[[Event], None]) -> None:
        self._deliver = deliver
        self._last: dict[str, Price] = {}
        self._waiting: dict[str, Price] = {}

    def take(self, symbol: str, price: Price) -> None:
        """Note a price; whatever else arrives in this turn of the loop goes out with it."""
        last = self._last.get(symbol)
        if last is not None and price.at < last.at:
            return
        self._last[symbol] = price
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting[symbol] = price

    def _flush(self) -> None:
        prices, self._waiting = self._waiting, {}
        self._deliver(PricesRead(prices))


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
        super().__init__()
        self._account = account
        self._symbols = symbols
        self._url = url.rstrip("/")
        self._sockets = sockets
        self._clock = clock
        self._newest = newest
        self._deliver = deliver
        self._pulse = Pulse("market", clock, deliver)
        self._carried: frozenset[str] = frozenset()
        self._next_id = 0

    @property
    def subscriptions(self) -> tuple[str, ...]:
        return tuple(sorted(self._carried))

    @property
    def missing(self) -> str:
        return ""

    async def run(self) -> None:
        change = self._symbols.next_change()
        if not self._symbols.now:
            self.ready.set()
            await change.wait()
            return
        first = sorted(self._wanted())[:_IN_URL]
        url = f"{self._url}/stream?streams={'/'.join(_streams(first))}"
        async with self._sockets.open(url, self._pulse.beat) as link:
            self._carried = frozenset(first)
            await first_end(link.read(self._take), self._tend(link))

    def _wanted(self) -> frozenset[str]:
        wanted = self._symbols.now
        if len(wanted) > MOST_STREAMS:
            log.warning("stream.too_many_symbols account=%s wanted=%d", self._account, len(wanted))
            wanted = frozenset(sorted(wanted)[:MOST_STREAMS])
        return wanted

    async def _tend(self, link: Link) -> None:
        ends_at = self._clock.now() + timedelta(seconds=self._sockets.lifetime_s)
        while True:
            change = self._symbols.next_change()
            wanted, before = self._wanted(), self._carried
            await self._send(link, "UNSUBSCRIBE", before - wanted)
            await self._send(link, "SUBSCRIBE", wanted - before)
            self._carried = wanted
            if not self.ready.is_set():
                self.ready.set()
            elif before != wanted and self.changed is not None:
                self.changed()
            now = self._clock.now()
            if now >= ends_at:
                self.retire.set()
                ends_at = now + timedelta(seconds=self._sockets.lifetime_s)
            await sleep_or(self._clock, (ends_at - now).total_seconds(), change)

    async def _send(self, link: Link, method: str, symbols: Iterable[str]) -> None:
        names = _streams(sorted(symbols))
        for start in range(0, len(names), _IN_MESSAGE):
            self._next_id += 1
            await link.send({"method": method, "params": names[start : start + _IN_MESSAGE], "id": self._next_id})
            # More than five messages a second cost the connection; a wall pause is never too short.
            await asyncio.sleep(_BETWEEN_MESSAGES_S)

    def _take(self, raw: bytes) -> None:
        try:
            told = ticker(raw)
        except Implausible as why:
            self._reject(raw, str(why))
            return
        if told is not None:
            self._newest.take(*told)
            return
        match read_frame(raw):
            case Reply(code=None):
                pass
            case Reply(code=code):
                log.warning("stream.not_subscribed account=%s stream=market code=%s", self._account, code)
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
    return [f"{symbol.lower()}@miniTicker" for symbol in symbols]
