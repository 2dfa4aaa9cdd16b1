"""Delivery attempts in memory until the store has them, so that nobody is sent the same message twice."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from monitor.core.notifications.outbox import DeliveryAttempt, DeliveryKey, DeliveryState
from monitor.errors import StoreError, StoreRefused
from monitor.store.store import Store

log = logging.getLogger(__name__)

WRITE_TIMEOUT_S = 3.0
"""Machine seconds that a caller waits for the store to take attempts; the write goes on after that."""


class AttemptBuffer:
    """Attempts and closed deliveries of all channels on their way into the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._attempts: defaultdict[str, list[DeliveryAttempt]] = defaultdict(list)
        self._closed: defaultdict[str, dict[DeliveryKey, str]] = defaultdict(dict)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def add(self, channel: str, attempts: Sequence[DeliveryAttempt]) -> None:
        """Keep attempts until they are written."""
        self._attempts[channel] += attempts

    def add_closed(self, channel: str, why: Mapping[DeliveryKey, str]) -> None:
        """Keep the reasons of deliveries that are closed unsent until they are written."""
        self._closed[channel] |= why

    def has_pending(self, channel: str) -> bool:
        """Return whether attempts or closed deliveries of the channel are in memory alone."""
        return bool(self._attempts[channel] or self._closed[channel])

    async def flush(self, channel: str) -> None:
        """Write everything of a channel that is still in memory, at once; it stays there while the store fails."""
        if not self.has_pending(channel):
            return
        writing = self._tasks.get(channel)
        if writing is not None:
            # Attempts added since are not part of the running write.
            await asyncio.wait({writing}, timeout=WRITE_TIMEOUT_S)
            if not writing.done():
                return
        if self.has_pending(channel) and channel not in self._tasks:
            writing = asyncio.create_task(self._write(channel), name=f"ledger {channel}")
            self._tasks[channel] = writing
            writing.add_done_callback(lambda _: self._tasks.pop(channel, None))
            await asyncio.wait({writing}, timeout=WRITE_TIMEOUT_S)

    async def _write(self, channel: str) -> None:
        attempts, closed = list(self._attempts[channel]), dict(self._closed[channel])
        try:
            if attempts:
                await self._write_attempts(attempts)
                del self._attempts[channel][: len(attempts)]
            if closed:
                await self._store.close_unsent_deliveries(DeliveryState.EXPIRED, closed)
                for key in closed:
                    self._closed[channel].pop(key, None)
        except StoreError as error:
            waiting = len(attempts) + len(closed)
            log.error("notification.unwritten channel=%s deliveries=%d cause=%s", channel, waiting, error)

    async def _write_attempts(self, attempts: Sequence[DeliveryAttempt]) -> None:
        """Write all attempts at once; if the store refuses that, one by one, so that one bad row delays no other."""
        try:
            await self._store.record_attempts(attempts)
        except StoreRefused as error:
            log.warning("notification.parted deliveries=%d cause=%s", len(attempts), error)
        else:
            return
        for attempt in attempts:
            if not await self._try_attempt(attempt) and not await self._try_attempt(
                replace(attempt, last_notified=None)
            ):
                log.error("notification.unwritable channel=%s delivery=%d", attempt.channel, attempt.delivery.id)

    async def _try_attempt(self, attempt: DeliveryAttempt) -> bool:
        try:
            await self._store.record_attempts([attempt])
        except StoreRefused:
            return False
        return True
