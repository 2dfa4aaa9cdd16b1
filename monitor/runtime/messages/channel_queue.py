"""The channels as they are served: what each takes, and how each fares."""

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
"""A channel looks for due deliveries at least this often (machine seconds), whether woken or not."""

STUCK_AFTER_S = 60.0
"""A channel that was not looked after for this long (machine seconds) hangs; a look comes every few seconds."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to reach people. `fallback` names the channel that is told when this one fails."""

    name: str
    sink: Sink
    severities: frozenset[str]
    send_resolved: bool = True
    fallback: str | None = None
    limits: ChannelLimits = field(default_factory=ChannelLimits)

    def accepts(self, severity: str, reason: NotificationReason) -> bool:
        """Whether the channel takes news of this kind at all."""
        return severity in self.severities and (reason is not NotificationReason.RESOLVED or self.send_resolved)


@dataclass(slots=True)
class ChannelQueue:
    """What a channel's task is to do next.

    `fresh` was handed over and need not be looked up; `looked` is the newest delivery that a look at the store has
    shown; `look_at` when the next look is due and `store_at` from when on the store is asked in it (machine seconds).
    `idle`: the last look left nothing to tell. `arrived`: something is fresh.
    """

    outbox: ChannelOutbox
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    pushed: list[Delivery] = field(default_factory=list)
    last_polled_id: int = 0
    poll_at: float = float("-inf")
    store_retry_at: float = float("-inf")

    def push(self, delivery: Delivery) -> None:
        """This is to be told before anything that has to be looked up."""
        self.pushed.append(delivery)
        self.arrived.set()
        self.woken.set()

    def take_pushed(self) -> list[Delivery]:
        """What was handed over since the last time."""
        fresh, self.pushed = self.pushed, []
        self.arrived.clear()
        return fresh

    def request_poll(self) -> None:
        """There is something to look up."""
        self.poll_at = float("-inf")
        self.woken.set()


class ChannelHealth:
    """How each channel fared at its last attempt, and when it was last looked after."""

    def __init__(self, channels: Iterable[str], machine_time: Callable[[], float] = time.monotonic) -> None:
        self._machine_time = machine_time
        self._heartbeat_at = dict.fromkeys(channels, machine_time())
        self._failing: dict[str, str] = {}

    def heartbeat(self, channel: str) -> None:
        """The channel was looked after just now."""
        self._heartbeat_at[channel] = self._machine_time()

    def record(self, channel: str, failure: str | None) -> None:
        """An attempt was made; `failure` is the provider's answer if it was not taken."""
        if failure is None:
            self._failing.pop(channel, None)
        else:
            self._failing[channel] = failure

    def problems(self) -> Mapping[str, str]:
        """The channels that do not work, and why."""
        now = self._machine_time()
        hanging = {name: "it hangs" for name, at in self._heartbeat_at.items() if now - at > STUCK_AFTER_S}
        return {**hanging, **self._failing}


def poll_pause_s(moments: Iterable[datetime], clock: Clock) -> float:
    """How long nothing needs to be looked up, if something is due at these moments (machine seconds)."""
    first = min(moments, default=None)
    if first is None:
        return IDLE_POLL_S
    return min(IDLE_POLL_S, max(0.01, (first - clock.now()).total_seconds() / clock.speed))
