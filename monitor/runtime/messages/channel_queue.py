"""Channels with their queues and their health."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from monitor.clock import Clock
from monitor.core.model.alert import NotificationReason
from monitor.core.notifications.outbox import Delivery
from monitor.core.notifications.throttling import ChannelLimits
from monitor.notify.sinks import Sink
from monitor.runtime.messages.outbox import ChannelOutbox

IDLE_POLL_S = 5.0
"""Machine seconds at most between two polls of a channel for due deliveries, woken or not."""

STUCK_AFTER_S = 60.0
"""Machine seconds without a heartbeat after which a channel hangs; its task sends one every few seconds."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to reach people. `fallback` names the channel that is sent deliveries when this one fails."""

    name: str
    sink: Sink
    severities: frozenset[str]
    send_resolved: bool = True
    fallback: str | None = None
    limits: ChannelLimits = field(default_factory=ChannelLimits)

    def accepts(self, severity: str, reason: NotificationReason) -> bool:
        """Return whether the channel takes notifications of this kind at all."""
        return severity in self.severities and (reason is not NotificationReason.RESOLVED or self.send_resolved)


@dataclass(slots=True)
class ChannelQueue:
    """The work of a channel's task.

    `known_connects`: the connections of the store made when the outbox was last compared with it.
    `pushed` deliveries need no poll; `last_polled_id` is the newest delivery that a poll of the store has shown.
    `poll_at` is the time of the next poll and `store_retry_at` the earliest time at which it includes the store
    (machine seconds). `idle`: the last poll found nothing to send. `arrived`: something was pushed.
    """

    outbox: ChannelOutbox
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    pushed: list[Delivery] = field(default_factory=list)
    last_polled_id: int = 0
    known_connects: int | None = None
    poll_at: float = float("-inf")
    store_retry_at: float = float("-inf")

    def push(self, delivery: Delivery) -> None:
        """Add a delivery that is sent before anything that has to be polled."""
        self.pushed.append(delivery)
        self.arrived.set()
        self.woken.set()

    def take_pushed(self) -> list[Delivery]:
        """Return the deliveries pushed since the last call."""
        fresh, self.pushed = self.pushed, []
        self.arrived.clear()
        return fresh

    def request_poll(self) -> None:
        """Request a poll as soon as possible."""
        self.poll_at = float("-inf")
        self.woken.set()

    @property
    def is_poll_requested(self) -> bool:
        """Whether a poll was requested since the last one began: it may find more."""
        return self.poll_at == float("-inf")


class ChannelHealth:
    """The result of each channel's last attempt, and its last heartbeat."""

    def __init__(self, channels: Iterable[str], machine_time: Callable[[], float] = time.monotonic) -> None:
        self._machine_time = machine_time
        self._heartbeat_at = dict.fromkeys(channels, machine_time())
        self._failing: dict[str, str] = {}

    def heartbeat(self, channel: str) -> None:
        """Record that the channel's task is running."""
        self._heartbeat_at[channel] = self._machine_time()

    def record(self, channel: str, failure: str | None) -> None:
        """Record an attempt; `failure` is the provider's answer where it was not delivered."""
        if failure is None:
            self._failing.pop(channel, None)
        else:
            self._failing[channel] = failure

    def problems(self) -> Mapping[str, str]:
        """Return the channels that do not work, and why."""
        now = self._machine_time()
        hanging = {name: "it hangs" for name, at in self._heartbeat_at.items() if now - at > STUCK_AFTER_S}
        return {**hanging, **self._failing}


def poll_pause_s(moments: Iterable[datetime], clock: Clock) -> float:
    """Return the machine seconds without need of a poll, given the times of later deliveries."""
    first = min(moments, default=None)
    if first is None:
        return IDLE_POLL_S
    return min(IDLE_POLL_S, max(0.01, (first - clock.now()).total_seconds() / clock.speed))
