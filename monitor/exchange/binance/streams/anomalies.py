"""Anomalies of stream events (rejected, repeated, late, unknown), tagged where they arrive."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from monitor.core.model.account import Scope
from monitor.core.model.events import Anomaly, Event, StreamEvent
from monitor.core.model.stream_payloads import StreamName

MAX_REMEMBERED = 2000
"""Number of events remembered. A repeat after more others is not recognised here; the record recognises it."""

KNOWN_EVENT_TYPES = frozenset(
    {
        "outboundAccountPosition", "balanceUpdate", "executionReport", "listStatus", "externalLockUpdate",
        "eventStreamTerminated", "listenKeyExpired", "USER_LIABILITY_CHANGE", "MARGIN_LEVEL_STATUS_CHANGE",
    }
)  # fmt: skip


class AnomalyTagger:
    """Delivery of events, each tagged with its anomaly."""

    def __init__(self, deliver: Callable[[Event], None]) -> None:
        self._deliver = deliver
        self._seen: dict[str, None] = {}
        self._newest: dict[tuple[StreamName, Scope], datetime] = {}

    def __call__(self, event: Event) -> None:
        """Deliver one event."""
        if isinstance(event, StreamEvent) and (oddity := self._find_anomaly(event)) is not None:
            event = replace(event, anomaly=oddity)
        self._deliver(event)

    def _find_anomaly(self, event: StreamEvent) -> Anomaly | None:
        if event.rejected is not None:
            return "rejected"
        if event.key in self._seen:
            return "repeated"
        self._seen[event.key] = None
        if len(self._seen) > MAX_REMEMBERED:
            del self._seen[next(iter(self._seen))]
        place = event.stream, event.scope
        newest = self._newest.get(place)
        if newest is not None and event.event_time < newest:
            return "late"
        self._newest[place] = event.event_time
        return None if event.type in KNOWN_EVENT_TYPES else "unknown"
