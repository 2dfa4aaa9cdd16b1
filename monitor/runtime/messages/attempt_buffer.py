"""What was sent is written down, and kept in memory until the store takes it: nobody is told the same twice."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from monitor.core.notifications.outbox import Attempt, DeliveryState
from monitor.errors import StoreError
from monitor.store.store import Store

log = logging.getLogger(__name__)

WRITE_WITHIN_S = 3.0
"""Nobody waits longer for the store to take what was sent (machine seconds); it is written all the same."""


class Ledger:
    """Every attempt of every channel, and every delivery that was closed, on its way into the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._attempts: defaultdict[str, list[Attempt]] = defaultdict(list)
        self._closed: defaultdict[str, dict[int, str]] = defaultdict(dict)
        self._writing: dict[str, asyncio.Task[None]] = {}

    def note(self, channel: str, attempts: Sequence[Attempt]) -> None:
        """Remembers attempts until they are written."""
        self._attempts[channel] += attempts

    def close(self, channel: str, why: Mapping[int, str]) -> None:
        """Remembers that these are not told, until it is written."""
        self._closed[channel] |= why

    def has(self, channel: str) -> bool:
        """Whether something of the channel is in memory alone."""
        return bool(self._attempts[channel] or self._closed[channel])

    async def write(self, channel: str) -> None:
        """Writes what of a channel is still in memory, in one go; it stays there while the store fails."""
        if not self.has(channel):
            return
        writing = self._writing.get(channel)
        if writing is not None:
            # What was noted since is not in it.
            await asyncio.wait({writing}, timeout=WRITE_WITHIN_S)
            if not writing.done():
                return
        if self.has(channel) and channel not in self._writing:
            writing = asyncio.create_task(self._write(channel), name=f"ledger {channel}")
            self._writing[channel] = writing
            writing.add_done_callback(lambda _: self._writing.pop(channel, None))
            await asyncio.wait({writing}, timeout=WRITE_WITHIN_S)

    async def _write(self, channel: str) -> None:
        attempts, closed = list(self._attempts[channel]), dict(self._closed[channel])
        try:
            if attempts:
                await self._record(attempts)
                del self._attempts[channel][: len(attempts)]
            if closed:
                await self._store.close_deliveries(DeliveryState.EXPIRED, closed)
                for number in closed:
                    self._closed[channel].pop(number, None)
        except StoreError as error:
            waiting = len(attempts) + len(closed)
            log.error("notification.unwritten channel=%s deliveries=%d cause=%s", channel, waiting, error)

    async def _record(self, attempts: Sequence[Attempt]) -> None:
        """All in one go; when the store refuses that, one by one, so that no other waits for what it never takes."""
        try:
            await self._store.record_attempts(attempts)
        except StoreError as error:
            if self._store.failing:
                raise
            log.warning("notification.parted deliveries=%d cause=%s", len(attempts), error)
        else:
            return
        for attempt in attempts:
            if not await self._is_taken(attempt) and not await self._is_taken(replace(attempt, told=None)):
                log.error("notification.unwritable channel=%s delivery=%d", attempt.channel, attempt.delivery)

    async def _is_taken(self, attempt: Attempt) -> bool:
        try:
            await self._store.record_attempts([attempt])
        except StoreError:
            if self._store.failing:
                raise
            return False
        return True
