"""The channels as they are served: what each takes, and how each fares."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from monitor.core.alerts import Reason
from monitor.core.restraint import Restraint
from monitor.notify.sinks import Sink

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


class Wellbeing:
    """How each channel fared at its last attempt, and when it was last looked after."""

    def __init__(self, channels: Iterable[str]) -> None:
        self._seen_at = dict.fromkeys(channels, time.monotonic())
        self._failing: dict[str, str] = {}

    @property
    def failing(self) -> int:
        """How many channels failed at their last attempt."""
        return len(self._failing)

    def seen(self, channel: str) -> None:
        """The channel was looked after just now."""
        self._seen_at[channel] = time.monotonic()

    def tried(self, channel: str, failure: str | None) -> None:
        """An attempt was made; `failure` is the provider's answer if it was not taken."""
        if failure is None:
            self._failing.pop(channel, None)
        else:
            self._failing[channel] = failure

    def troubles(self) -> Mapping[str, str]:
        """The channels that do not work, and why."""
        now = time.monotonic()
        hanging = {name: "it hangs" for name, at in self._seen_at.items() if now - at > STUCK_AFTER_S}
        return {**hanging, **self._failing}
