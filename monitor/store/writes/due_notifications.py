"""One look at what a channel has to tell, and at all that decides whether and how it is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from monitor.core.model.alert import Alert
from monitor.core.notifications.outbox import Delivery, Heard
from monitor.store.schema import tables
from monitor.store.schema.row_mapping import alert_of
from monitor.store.writes.outbox import due, next_due, read_heard, read_sent, read_tried

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Look:
    """What is due for a channel, oldest first, at one moment of the database.

    `alerts` are those that it is about, as they were remembered; `heard` what the channel believes of them, or of all
    that are open when it is restrained; `tried` those of which a try failed or may be unrecorded; `sent` when messages
    left in the last hour, known only when restrained. `next_at` is when the next delivery will be due. `is_whole`
    False: more is due. `from_memory`: the database could not be asked.
    """

    due: tuple[Delivery, ...]
    next_at: datetime | None
    is_whole: bool = True
    alerts: Mapping[int, Alert] = field(default_factory=dict)
    heard: Mapping[int, Heard] = field(default_factory=dict)
    tried: frozenset[int] = frozenset()
    sent: tuple[datetime, ...] = ()
    from_memory: bool = False


def look(connection: Connection, channel: str, now: datetime, began: datetime, limit: int, *, restrained: bool) -> Look:
    """At most `limit` deliveries. What was to be told before `began` may have been; see read_tried."""
    queued = due(connection, channel, now, limit)
    next_at = next_due(connection, channel, now)
    if not queued:
        return Look((), next_at)
    numbers = frozenset(delivery.alert for delivery in queued if delivery.alert is not None)
    return Look(
        queued,
        next_at,
        len(queued) < limit,
        _alerts(connection, numbers),
        read_heard(connection, channel, None if restrained else numbers),
        read_tried(connection, channel, numbers, began),
        read_sent(connection, channel, now - HOUR) if restrained else (),
    )


def _alerts(connection: Connection, numbers: frozenset[int]) -> Mapping[int, Alert]:
    if not numbers:
        return {}
    rows = connection.execute(select(tables.alerts).where(tables.alerts.c.id.in_(numbers))).mappings()
    return {row["id"]: alert_of(row) for row in rows}
