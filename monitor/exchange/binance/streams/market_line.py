"""One line of market prices: a connection for the symbols assigned to it, kept up and restarted."""

import logging
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Protocol

from monitor.clock import Clock
from monitor.core.model.events import Event
from monitor.exchange.binance.streams.async_waits import SubscriptionSet
from monitor.exchange.binance.streams.market_stream import REFERENCE_SYMBOL, MarketStream
from monitor.exchange.binance.streams.price_conflator import PriceConflator
from monitor.exchange.binance.streams.supervisor import STABLE_AFTER_S, StreamConnection, supervise
from monitor.exchange.binance.streams.websocket import WebSocketFactory

log = logging.getLogger(__name__)


class LineListener(Protocol):
    """Receiver of what a line brings and of its status. No method may block or raise."""

    def on_status(self, line: "MarketLine", *, is_new: bool) -> None: ...

    def on_alive(self, line: "MarketLine", event: Event) -> None: ...

    def on_prices(self, event: Event) -> None: ...

    def on_rejected(self, raw: bytes, reason: str) -> None: ...


class MarketLine:
    """A supervised market connection with its symbols and its conflator.

    Every line after the first carries the reference symbol, too, whose silence shows that the line is dead.
    """

    def __init__(
        self, url: str, websockets: WebSocketFactory, clock: Clock, listener: LineListener, *, is_first: bool
    ) -> None:
        self.clock = clock
        self.is_first = is_first
        self.assigned: frozenset[str] = frozenset()
        self.active: StreamConnection | None = None
        """The connection that serves now."""
        self.down_reason = ""
        """Why there is none; empty before the first was tried."""
        self._url = url
        self._websockets = websockets
        self._listener = listener
        self._symbols = SubscriptionSet()
        self._price_conflator = PriceConflator(listener.on_prices, speed=clock.speed)

    @property
    def conflated(self) -> int:
        """Number of prices that a newer one replaced before their delivery."""
        return self._price_conflator.conflated

    @property
    def room(self) -> int:
        """Number of symbols that can still be added."""
        return max(0, self._websockets.limits.max_streams - (not self.is_first) - len(self.assigned))

    def keep(self, symbols: AbstractSet[str]) -> frozenset[str]:
        """Drop the symbols that are not among `symbols`; return those that are left."""
        self._assign(self.assigned & symbols)
        return self.assigned

    def add(self, symbols: Iterable[str]) -> None:
        """Subscribe further symbols."""
        self._assign(self.assigned.union(symbols))

    async def run(self) -> None:
        """Keep the line up until cancelled; one that failed by a fault of ours is reported and begun anew."""
        failures = 0
        while True:
            started_at = self.clock.elapsed_s()
            try:
                await supervise(self._open_connection, self, self._websockets.limits)
            except Exception as error:
                failures = 1 if self.clock.elapsed_s() - started_at > STABLE_AFTER_S else failures + 1
                log.exception("market.failed failures=%d", failures)
                self.report_down(f"failed: {type(error).__name__}")
            await self.clock.sleep(self._websockets.limits.backoff_s(failures))

    def report_active(self, connection: StreamConnection) -> None:
        """Take note of the connection that serves now, or of its changed subscriptions."""
        is_new, self.active, self.down_reason = connection is not self.active, connection, ""
        self._listener.on_status(self, is_new=is_new)

    def report_down(self, reason: str) -> None:
        """Take note that no connection serves."""
        self.active, self.down_reason = None, reason
        self._listener.on_status(self, is_new=False)

    def _open_connection(self) -> MarketStream:
        return MarketStream(
            symbols=self._symbols,
            url=self._url,
            websockets=self._websockets,
            clock=self.clock,
            price_conflator=self._price_conflator,
            on_alive=lambda event: self._listener.on_alive(self, event),
            on_rejected=self._listener.on_rejected,
        )

    def _assign(self, symbols: frozenset[str]) -> None:
        self.assigned = symbols
        self._symbols.replace(symbols if self.is_first or not symbols else symbols | {REFERENCE_SYMBOL})
