"""Writes the steps of intents down, in one transaction with what people are to hear of them."""

from collections.abc import Callable, Iterable

from monitor.clock import Clock
from monitor.core.intents import Intent
from monitor.core.journal import Entry
from monitor.core.notices import notices_of, stopped_notice
from monitor.core.progress import Moved
from monitor.store.store import Store


class Recorder:
    """What is recorded is told, whatever happens to this process in between."""

    def __init__(
        self, store: Store, clock: Clock, channels: tuple[str, ...], wake_channels: Callable[[Iterable[str]], None]
    ) -> None:
        self._store = store
        self._clock = clock
        self._channels = channels
        self._wake_channels = wake_channels

    async def record(self, moved: Moved) -> bool:
        """Whether the intent took the step; False: it stood elsewhere. Raises StoreError."""
        now = self._clock.now()
        notices = notices_of([moved.intent], self._channels, now)
        if moved.worse is not None:
            notices += stopped_notice(moved.intent, moved.worse, self._channels, now)
        taken = await self._store.record(moved.intent, moved.step, notices, moved.worse)
        if taken and notices:
            self._wake_channels(self._channels)
        return taken

    async def amend(self, intent: Intent) -> None:
        """The intent stays in its state, but more is known of it now. Raises StoreError."""
        now = self._clock.now()
        notices = notices_of([intent], self._channels, now)
        await self._store.commit(Entry(intent.account, now, intents=(intent,), notices=notices))
        self._wake_channels(self._channels)
