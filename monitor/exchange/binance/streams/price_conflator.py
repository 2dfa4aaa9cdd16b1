"""The newest price of each symbol; small moves wait for others within a fixed delay."""

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal

from monitor.core.model.account import Price
from monitor.core.model.events import Event, PricesRead

PAUSE_S = 0.0015
"""Seconds for which prices are left unread in a burst: together they cost one wake-up and one evaluation."""
CALM_PAUSE_S = 0.02
"""Seconds of that pause while all prices hardly move: the first one that moves more is delayed by as much."""
CALM_AFTER_S = 1.0
"""Seconds in which prices must have hardly moved before they count as calm."""
BURST_GAP_S = 0.0025
"""Maximum seconds between the prices of a burst; a price that comes alone delays nothing."""
MAX_BURST = 64
"""Prices read together after which there is no pause: at such a rate prices gather by themselves."""
URGENT_MOVE_DIVISOR = 1_000
"""A move below this part of the price hardly counts: a level moves about as much as its prices."""
MIN_DELAY_S = 0.05
MAX_DELAY_S = 0.5
"""Maximum seconds for which prices that hardly moved wait for others; then the next tick evaluates them."""


class PriceConflator:
    """Newest price of each symbol, older ones refused; prices that arrive together are delivered together.

    A price that hardly moved since the last one that did is not urgent: it waits for the next urgent one, or until
    MAX_DELAY_S after the last delivery. It is delivered as one that did not move; small moves add up to a large one.
    """

    def __init__(
        self, deliver: Callable[[Event], None], machine_time: Callable[[], float] = time.monotonic, speed: float = 1.0
    ) -> None:
        """`speed`: exchange seconds in a machine second; prices of a fast clock wait no longer by its time."""
        self._max_delay_s = max(MIN_DELAY_S, MAX_DELAY_S / speed)
        self._deliver = deliver
        self._machine_time = machine_time
        self._newest: dict[str, Price] = {}
        self._moved_to: dict[str, Decimal] = {}
        self._pending: dict[str, Price] = {}
        self._added_count = 0
        self._new_count = 0
        self._urgent: set[str] = set()
        self.conflated = 0
        """Number of prices that a newer one of the same symbol replaced before their delivery."""
        self._read_at = self._delivered_at = self._urgent_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self.pause_source: Callable[[float], None] | None = None
        """Callback that pauses the source of prices for some seconds."""

    def add(self, symbol: str, price: Price) -> None:
        """Add a price; the next `flush` with a reason to deliver sends it out."""
        last = self._newest.get(symbol)
        if last is not None and price.at < last.at:
            return
        self._newest[symbol] = self._pending[symbol] = price
        self._added_count += 1
        self._new_count += 1
        if symbol in self._urgent:
            return
        last_moved = self._moved_to.get(symbol)
        if last_moved is None or abs(price.value - last_moved) * URGENT_MOVE_DIVISOR >= last_moved:
            self._urgent.add(symbol)

    def flush(self) -> None:
        """Deliver the added prices, at once or when their delay has passed."""
        if not self._pending:
            return
        now = self._machine_time()
        fresh, self._new_count = self._new_count, 0
        is_rush = fresh > 1 or now - self._read_at < BURST_GAP_S
        self._read_at = now
        if self._urgent:
            self._urgent_at = now
        if self._urgent or now - self._delivered_at >= self._max_delay_s:
            self._deliver_pending(now)
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(
                self._delivered_at + self._max_delay_s - now, self._on_timer
            )
        if is_rush and fresh < MAX_BURST and self.pause_source is not None:
            self.pause_source(PAUSE_S if now - self._urgent_at < CALM_AFTER_S else CALM_PAUSE_S)

    def _on_timer(self) -> None:
        self._timer = None
        if self._pending:
            self._deliver_pending(self._machine_time())

    def _deliver_pending(self, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        prices, self._pending = self._pending, {}
        moved, self._urgent = frozenset(self._urgent), set()
        self.conflated += self._added_count - len(prices)
        self._added_count, self._delivered_at = 0, now
        for symbol in moved:
            self._moved_to[symbol] = prices[symbol].value
        self._deliver(PricesRead(prices, moved))
