"""Connection status of one stream."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from monitor.core.model.events import Anomaly, StreamChanged, StreamEvent


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """Connection status of one stream. `last_frame_at` never goes back."""

    connected: bool = False
    subscriptions: tuple[str, ...] = ()
    changed_at: datetime | None = None
    last_frame_at: datetime | None = None
    connects: int = 0
    anomalies: Mapping[Anomaly, int] = field(default_factory=dict)
    """Number of events with each anomaly since the start."""

    @property
    def reconnects(self) -> int:
        return max(0, self.connects - 1)

    def with_frame(self, at: datetime) -> "StreamStatus":
        """Return the status after a frame received at `at`."""
        is_older = self.last_frame_at is not None and self.last_frame_at >= at
        return self if is_older else replace(self, last_frame_at=at)

    def with_change(self, change: StreamChanged) -> "StreamStatus":
        """Return the status after the stream connected, was lost, or carries something else."""
        after = replace(
            self,
            connected=change.connected,
            subscriptions=change.subscriptions,
            changed_at=change.at,
            connects=self.connects + (change.connected and not self.connected),
        )
        # Subscriptions may change without a frame from the server; a connection is proven once a frame came.
        return after.with_frame(change.at) if change.connected and not self.connected else after

    def with_event(self, event: StreamEvent) -> "StreamStatus":
        """Return the status after an event of the stream."""
        known = self.with_frame(event.received_at)
        if event.anomaly is None:
            return known
        counted = {**self.anomalies, event.anomaly: self.anomalies.get(event.anomaly, 0) + 1}
        return replace(known, anomalies=counted)
