"""What was sent is written down, and kept in memory until the store takes it: nobody is told the same twice."""

import logging
from collections.abc import Sequence

from monitor.core.outbox import Attempt
from monitor.errors import StoreError
from monitor.store.store import Store

log = logging.getLogger(__name__)


class Ledger:
    """Every attempt of every channel, on its way into the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._unwritten: dict[int, Attempt] = {}

    async def record(self, attempts: Sequence[Attempt]) -> None:
        """Remembers the attempts of one message, in one go."""
        self._unwritten |= {attempt.delivery: attempt for attempt in attempts}
        if attempts:
            await self.write(attempts[0].channel)

    async def write(self, channel: str) -> None:
        """Writes what of a channel is still in memory; it stays there while the store fails."""
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
