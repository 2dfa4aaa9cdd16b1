"""What was sent is written down, and kept in memory until the store takes it: nobody is told the same twice."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from monitor.core.outbox import Attempt, Delivery, DeliveryState, retry_delay_s
from monitor.errors import StoreError
from monitor.notify.sinks import NotTold
from monitor.store.store import Store

log = logging.getLogger(__name__)

GIVE_UP_AFTER = timedelta(hours=24)
"""A message that no try could deliver for this long is no longer sent: what it said is history."""


class Ledger:
    """Every attempt of every channel, on its way into the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._unwritten: dict[int, Attempt] = {}
        self._one_at_a_time: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def note(self, attempts: Sequence[Attempt]) -> None:
        """Remembers the attempts of one message until they are written."""
        self._unwritten |= {attempt.delivery: attempt for attempt in attempts}

    async def write(self, channel: str) -> None:
        """Writes what of a channel is still in memory, in one go; it stays there while the store fails."""
        async with self._one_at_a_time[channel]:
            waiting = self.unwritten(channel)
            if not waiting:
                return
            try:
                await self._store.record_attempts(waiting)
            except StoreError as error:
                log.error("notification.unwritten channel=%s deliveries=%d cause=%s", channel, len(waiting), error)
                return
            for attempt in waiting:
                del self._unwritten[attempt.delivery]

    def unwritten(self, channel: str) -> tuple[Attempt, ...]:
        """The attempts of a channel that the store has not taken yet."""
        return tuple(attempt for attempt in self._unwritten.values() if attempt.channel == channel)

    def is_unwritten(self, delivery: int) -> bool:
        """Whether the store does not know yet what became of this delivery."""
        return delivery in self._unwritten


def failed(delivery: Delivery, result: NotTold, now: datetime, speed: float) -> Attempt:
    """An attempt that was not taken: the delivery is tried again later, or given up. `speed` is that of the clock."""
    if result.final or now - delivery.created_at >= GIVE_UP_AFTER:
        return Attempt(delivery.channel, delivery.id, now, False, result.answer, DeliveryState.FAILED)
    # What a service asks for, and our patience with it, is machine time.
    wait_s = retry_delay_s(delivery.attempts + 1, result.retry_after_s) * speed
    next_at = now + timedelta(seconds=wait_s)
    return Attempt(delivery.channel, delivery.id, now, False, result.answer, DeliveryState.QUEUED, next_at)
