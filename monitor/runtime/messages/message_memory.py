"""What a process knows of its messages: it serves while the store does not answer, and outlives a reload."""

import itertools

from monitor.runtime.messages.attempt_buffer import AttemptBuffer
from monitor.runtime.messages.outbox import ChannelOutbox
from monitor.store.store import Store


class MessageMemory:
    """The outboxes of all channels, and the results of attempts on their way into the store."""

    def __init__(self, store: Store, speed: float) -> None:
        """`speed` is that of the clock."""
        self.attempts = AttemptBuffer(store)
        self._speed = speed
        self._numbers = itertools.count()
        self._outboxes: dict[str, ChannelOutbox] = {}

    def outbox(self, channel: str) -> ChannelOutbox:
        """Return the outbox of the channel, empty the first time."""
        if channel not in self._outboxes:
            self._outboxes[channel] = ChannelOutbox(self._numbers, self._speed)
        return self._outboxes[channel]
