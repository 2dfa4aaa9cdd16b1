"""The inbox of an account: events in order, one at a time; prices and snapshots conflated."""

import asyncio
from collections import deque
from collections.abc import Mapping

from monitor.core.model.account import Price
from monitor.core.model.events import (
    ClockSetBack,
    CommandsRead,
    CrossRead,
    Event,
    HealthRead,
    IsolatedRead,
    PricesRead,
    StreamAlive,
    Tick,
)
from monitor.core.model.reads import OwnerRead
from monitor.core.model.stream_payloads import StreamName

MAX_BATCH = 500
"""Most events in one batch, so that a flood is committed in parts and nothing else waits for all of it."""

_NONE_MOVED: frozenset[str] = frozenset()


class Inbox:
    """A queue without limit for events that must not be lost, and one place for each kind of which the newest counts.

    Stream events and settled actions are never lost. `put` never blocks and never fails, so a stream handler may call
    it; all calls come from one event loop.
    """

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._prices: dict[str, Price] = {}
        self._moved: frozenset[str] | None = _NONE_MOVED
        self._liveness: dict[StreamName, StreamAlive] = {}
        self._latest: dict[type[Event], Event] = {}
        self._arrived = asyncio.Event()
        self.conflated = 0

    def put(self, event: Event) -> None:
        """Add an event; one of a kind of which the newest counts replaces the waiting one, unless that is newer."""
        match event:
            case PricesRead(prices, moved):
                self._put_prices(prices)
                self._moved = None if self._moved is None or moved is None else self._moved | moved
            case StreamAlive(stream):
                self._liveness[stream] = event
            case CrossRead() | IsolatedRead():
                waiting = self._latest.get(type(event))
                if not isinstance(waiting, CrossRead | IsolatedRead) or event.snapshot.as_of >= waiting.snapshot.as_of:
                    self._latest[type(event)] = event
                self.conflated += waiting is not None
            case ClockSetBack():
                # The waiting snapshots were stamped before; they are read again.
                self._latest.pop(CrossRead, None)
                self._latest.pop(IsolatedRead, None)
                self._events.append(event)
            case HealthRead() | CommandsRead() | OwnerRead() | Tick():
                self.conflated += type(event) in self._latest
                self._latest[type(event)] = event
            case _:
                self._events.append(event)
        self._arrived.set()

    @property
    def is_empty(self) -> bool:
        """True if no event waits."""
        return not self._arrived.is_set()

    async def take(self) -> list[Event]:
        """Return waiting events, at least one, oldest first; prices and newest-only kinds come last, once each."""
        await self._arrived.wait()
        taken = [self._events.popleft() for _ in range(min(len(self._events), MAX_BATCH))]
        taken += self._liveness.values()
        self._liveness = {}
        if self._prices:
            taken.append(PricesRead(self._prices, self._moved))
            self._prices, self._moved = {}, _NONE_MOVED
        # Prices come before snapshots: a snapshot is compared with the newest prices known at its receipt. The owner
        # comes before the health that says the owner is known, and ticks come last.
        taken += sorted(self._latest.values(), key=_batch_order)
        self._latest = {}
        if not self._events:
            self._arrived.clear()
        return taken

    def _put_prices(self, prices: Mapping[str, Price]) -> None:
        for symbol, price in prices.items():
            waiting = self._prices.get(symbol)
            self.conflated += waiting is not None
            if waiting is None or price.at >= waiting.at:
                self._prices[symbol] = price


def _batch_order(event: Event) -> int:
    return 2 if isinstance(event, Tick) else 0 if isinstance(event, OwnerRead) else 1
