"""What the daemon has to say of itself, to all channels: kept until the store has it, and sent like any notice."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from monitor.clock import Clock
from monitor.core.outbox import Delivery
from monitor.errors import StoreError
from monitor.store import outbox
from monitor.store.store import Store

log = logging.getLogger(__name__)

AGAIN_S = 1.0
"""Machine seconds after which a store that failed is tried again."""

Severity = Literal["info", "warning", "critical"]


class Announcements:
    """Notices that concern no account. Each is told once."""

    def __init__(
        self, store: Store, clock: Clock, channels: Sequence[str], wake: Callable[[Iterable[str]], None]
    ) -> None:
        """`wake` is told which channels have something new to send."""
        self._store = store
        self._clock = clock
        self._channels = channels
        self._wake = wake
        self._waiting: asyncio.Queue[tuple[str, Severity]] = asyncio.Queue()

    def add(self, text: str, severity: Severity) -> None:
        """Tell this to every channel that takes such news."""
        self._waiting.put_nowait((text, severity))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            text, severity = await self._waiting.get()
            while True:
                try:
                    await self._queue(text, severity)
                    break
                except StoreError as error:
                    log.error("announcement.put_off cause=%s", error)
                    await asyncio.sleep(AGAIN_S)

    async def _queue(self, text: str, severity: Severity) -> None:
        now = self._clock.now()
        notices = [Delivery(0, name, None, "notice", severity, now, now, text=text) for name in self._channels]
        await self._store.order(outbox.queue_all, notices)
        self._wake(self._channels)
