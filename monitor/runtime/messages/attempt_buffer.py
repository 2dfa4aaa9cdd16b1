"""What was sent is written down, and kept in memory until the store takes it: nobody is told the same twice."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from monitor.core.notifications.outbox import DeliveryAttempt, DeliveryState
from monitor.errors import StoreError
from monitor.store.store import Store

log = logging.getLogger(__name__)

WRITE_TIMEOUT_S = 3.0
"""Nobody waits longer for the store to take what was sent (machine seconds); it is written all the same."""


class AttemptBuffer:
    """Every attempt of every channel, and every delivery that was closed, on its way into the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._attempts: defaultdict[str, list[DeliveryAttempt]] = defaultdict(list)
        self._closed: defaultdict[str, dict[int, str]] = defaultdict(dict)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def add(self, channel: str, attempts: Sequence[DeliveryAttempt]) -> None:
        """Remembers attempts until they are written."""
        self._attempts[channel] += attempts

    def add_closed(self, channel: str, why: Mapping[int, str]) -> None:
        """Remembers that these are not told, until it is written."""
        self._closed[channel] |= why

    def has_pending(self, channel: str) -> bool:
        """Whether something of the channel is in memory alone."""
        return bool(self._attempts[channel] or self._closed[channel])

    async def flush(self, channel: str) -> None:
        """Writes what of a channel is still in memory, in one go; it stays there while the store fails."""
        if not self.has_pending(channel):
            return
        writing = self._tasks.get(channel)
        if writing is not None:
            # What was noted since is not in it.
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
                for number in closed:
                    self._closed[channel].pop(number, None)
        except StoreError as error:
            waiting = len(attempts) + len(closed)
            log.error("notification.unwritten channel=%s deliveries=%d cause=%s", channel, waiting, error)

    async def _write_attempts(self, attempts: Sequence[DeliveryAttempt]) -> None:
        """All in one go; when the store refuses that, one by one, so that no other waits for what it never takes."""
        try:
            await self._store.record_attempts(attempts)
        except StoreError as error:
            if self._store.is_failing:
                raise
            log.warning("notification.parted deliveries=%d cause=%s", len(attempts), error)
        else:
            return
        for attempt in attempts:
            if not await self._try_attempt(attempt) and not await self._try_attempt(
                replace(attempt, last_notified=None)
            ):
                log.error("notification.unwritable channel=%s delivery=%d", attempt.channel, attempt.delivery)

    async def _try_attempt(self, attempt: DeliveryAttempt) -> bool:
        try:
            await self._store.record_attempts([attempt])
        except StoreError:
            if self._store.is_failing:
                raise
            return False
        return True
