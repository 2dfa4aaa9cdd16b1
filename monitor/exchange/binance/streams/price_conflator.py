"""The newest price of each symbol; small moves wait for others within a fixed delay."""

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal

from monitor.core.model.account import Price
from monitor.core.model.events import Event, PricesRead

REST_S = 0.0015
"""How long prices are left unread in a rush: together they cost one wake-up and one look at the rules."""
CALM_REST_S = 0.02
"""The same while none of them moves by more than hardly: so late comes the first that does."""
CALM_S = 1.0
"""For how long no price may have moved by more than hardly before that is called calm."""
CLOSE_S = 0.0025
"""Prices that come together, or so soon after the ones before, are a rush; one that comes alone delays nothing."""
FLOOD = 64
"""Prices read together after which there is no rest: what comes so fast gathers by itself."""
HARDLY = 1_000
"""A price that moved by less than one part in so many hardly moved: a level moves about as much as its prices."""
TURN_S = 0.05
"""How long prices that hardly moved may wait for others."""


class Newest:
    """The newest price of each symbol, older ones refused; those that came together are handed on together.

    A price that hardly moved since it was last handed on is in no hurry: in a rush it waits for the next that is, or
    for its turn.
    """

    def __init__(self, deliver: Callable[[Event], None], machine_time: Callable[[], float] = time.monotonic) -> None:
        self._deliver = deliver
        self._machine_time = machine_time
        self._last: dict[str, Price] = {}
        self._handed: dict[str, Decimal] = {}
        self._waiting: dict[str, Price] = {}
        self._taken = 0
        self._fresh = 0
        self._hurries = False
        self.conflated = 0
        """How many prices a newer one of the same symbol replaced before they were handed on."""
        self._read_at = self._handed_at = self._hurried_at = float("-inf")
        self._turn: asyncio.TimerHandle | None = None
        self.rest: Callable[[float], None] | None = None
        """Leaves the source of prices alone for some seconds."""

    def take(self, symbol: str, price: Price) -> None:
        """Note a price; it goes out with the next `flush` that has a reason to."""
        last = self._last.get(symbol)
        if last is not None and price.at < last.at:
            return
        self._last[symbol] = self._waiting[symbol] = price
        self._taken += 1
        self._fresh += 1
        if not self._hurries:
            handed = self._handed.get(symbol)
            self._hurries = handed is None or abs(price.value - handed) * HARDLY >= handed

    def flush(self) -> None:
        """Hand on what was noted, at once or when its turn comes."""
        if not self._waiting:
            return
        now = self._machine_time()
        fresh, self._fresh = self._fresh, 0
        is_rush = fresh > 1 or now - self._read_at < CLOSE_S
        self._read_at = now
        if self._hurries:
            self._hurried_at = now
        if self._hurries or now - self._handed_at >= TURN_S:
            self._hand_on(now)
        elif self._turn is None:
            self._turn = asyncio.get_running_loop().call_later(self._handed_at + TURN_S - now, self._take_turn)
        if is_rush and fresh < FLOOD and self.rest is not None:
            self.rest(REST_S if now - self._hurried_at < CALM_S else CALM_REST_S)

    def _take_turn(self) -> None:
        self._turn = None
        if self._waiting:
            self._hand_on(self._machine_time())

    def _hand_on(self, now: float) -> None:
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        prices, self._waiting = self._waiting, {}
        self.conflated += self._taken - len(prices)
        self._taken, self._hurries, self._handed_at = 0, False, now
        for symbol, price in prices.items():
            self._handed[symbol] = price.value
        self._deliver(PricesRead(prices))
