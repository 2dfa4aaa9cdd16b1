"""The one door into an account: events in order, one at a time, prices and snapshots conflated."""

import asyncio
from collections import deque
from datetime import datetime

from monitor.core.account import Price
from monitor.core.events import (
    CrossRead,
    Event,
    HealthRead,
    IsolatedRead,
    OperatorRead,
    PricesRead,
    StreamAlive,
    Tick,
)

_REPLACEABLE = (CrossRead, IsolatedRead, HealthRead, OperatorRead, Tick)


class Inbox:
    """Unbounded for what must not be lost (stream events, settled actions), one place for what only ages.

    `put` never blocks and never fails, so a stream handler may call it; all calls come from one event loop.
    """

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._prices: dict[str, Price] = {}
        self._alive: dict[str, StreamAlive] = {}
        self._latest: dict[type[Event], Event] = {}
        self._arrived = asyncio.Event()
        self.conflated = 0

    def put(self, event: Event) -> None:
        match event:
            case PricesRead(prices):
                for symbol, price in prices.items():
                    self._put_price(symbol, price, price.at)
            case StreamAlive(stream):
                self._alive[stream] = event
            case _ if isinstance(event, _REPLACEABLE):
                self.conflated += type(event) in self._latest
                self._latest[type(event)] = event
            case _:
                self._events.append(event)
        self._arrived.set()

    async def take(self) -> list[Event]:
        """Everything that waits, oldest first; prices and what replaces itself come last, once each."""
        await self._arrived.wait()
        self._arrived.clear()
        taken = list(self._events)
        self._events.clear()
        taken += self._alive.values()
        self._alive = {}
        if self._prices:
            taken.append(PricesRead(self._prices))
            self._prices = {}
        # Prices before snapshots: a snapshot is compared with the newest prices known when it came.
        taken += sorted(self._latest.values(), key=lambda event: isinstance(event, Tick))
        self._latest = {}
        return taken

    def _put_price(self, symbol: str, price: Price, at: datetime) -> None:
        waiting = self._prices.get(symbol)
        if waiting is None or at >= waiting.at:
            self.conflated += waiting is not None
            self._prices[symbol] = price
