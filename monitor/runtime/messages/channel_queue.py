"""The channels as they are served: what each takes, and how each fares."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from monitor.clock import Clock
from monitor.core.model.alert import Reason
from monitor.core.notifications.outbox import Delivery
from monitor.core.notifications.throttling import Restraint
from monitor.notify.sinks import Sink
from monitor.runtime.messages.outbox import Outbox

IDLE_LOOK_S = 5.0
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
    restraint: Restraint = field(default_factory=Restraint)

    def wants(self, severity: str, reason: Reason) -> bool:
        """Whether the channel takes news of this kind at all."""
        return severity in self.severities and (reason is not Reason.RESOLVED or self.send_resolved)


@dataclass(slots=True)
class Desk:
    """What a channel's task is to do next.

    `fresh` was handed over and need not be looked up; `looked` is the newest delivery that a look at the store has
    shown; `look_at` when the next look is due and `store_at` from when on the store is asked in it (machine seconds).
    `idle`: the last look left nothing to tell. `arrived`: something is fresh.
    """

    outbox: Outbox
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    fresh: list[Delivery] = field(default_factory=list)
    looked: int = 0
    look_at: float = float("-inf")
    store_at: float = float("-inf")

    def hand(self, delivery: Delivery) -> None:
        """This is to be told before anything that has to be looked up."""
        self.fresh.append(delivery)
        self.arrived.set()
        self.woken.set()

    def take(self) -> list[Delivery]:
        """What was handed over since the last time."""
        fresh, self.fresh = self.fresh, []
        self.arrived.clear()
        return fresh

    def ask(self) -> None:
        """There is something to look up."""
        self.look_at = float("-inf")
        self.woken.set()


class Wellbeing:
    """How each channel fared at its last attempt, and when it was last looked after."""

    def __init__(self, channels: Iterable[str], machine_time: Callable[[], float] = time.monotonic) -> None:
        self._machine_time = machine_time
        self._seen_at = dict.fromkeys(channels, machine_time())
        self._failing: dict[str, str] = {}

    def seen(self, channel: str) -> None:
        """The channel was looked after just now."""
        self._seen_at[channel] = self._machine_time()

    def tried(self, channel: str, failure: str | None) -> None:
        """An attempt was made; `failure` is the provider's answer if it was not taken."""
        if failure is None:
            self._failing.pop(channel, None)
        else:
            self._failing[channel] = failure

    def troubles(self) -> Mapping[str, str]:
        """The channels that do not work, and why."""
        now = self._machine_time()
        hanging = {name: "it hangs" for name, at in self._seen_at.items() if now - at > STUCK_AFTER_S}
        return {**hanging, **self._failing}


def pause_s(moments: Iterable[datetime], clock: Clock) -> float:
    """How long nothing needs to be looked up, if something is due at these moments (machine seconds)."""
    first = min(moments, default=None)
    if first is None:
        return IDLE_LOOK_S
    return min(IDLE_LOOK_S, max(0.01, (first - clock.now()).total_seconds() / clock.speed))
