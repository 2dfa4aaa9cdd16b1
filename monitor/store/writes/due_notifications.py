"""One look at what a channel has to tell, and at all that decides whether and how it is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from monitor.core.model.alert import Alert
from monitor.core.notifications.outbox import Delivery, NotifiedAlert
from monitor.store.schema import tables
from monitor.store.schema.row_mapping import alert_from_row
from monitor.store.writes.outbox import (
    read_attempted_alerts,
    read_due_deliveries,
    read_last_notified,
    read_next_due_at,
    read_sent_times,
)

RATE_WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ChannelDue:
    """What is due for a channel, oldest first, at one moment of the database.

    `alerts` are those that it is about, as they were remembered; `heard` what the channel believes of them, or of all
    that are open when it is restrained; `tried` those of which a try failed or may be unrecorded; `sent` when messages
    left in the last hour, known only when restrained. `next_at` is when the next delivery will be due. `is_whole`
    False: more is due. `from_memory`: the database could not be asked.
    """

    deliveries: tuple[Delivery, ...]
    next_at: datetime | None
    is_complete: bool = True
    alerts: Mapping[int, Alert] = field(default_factory=dict)
    last_notified: Mapping[int, NotifiedAlert] = field(default_factory=dict)
    attempted: frozenset[int] = frozenset()
    sent_at: tuple[datetime, ...] = ()
    from_memory: bool = False


def read_channel_due(
    connection: Connection, channel: str, now: datetime, started_at: datetime, limit: int, *, is_limited: bool
) -> ChannelDue:
    """At most `limit` deliveries. What was to be told before `began` may have been; see read_tried."""
    queued = read_due_deliveries(connection, channel, now, limit)
    next_at = read_next_due_at(connection, channel, now)
    if not queued:
        return ChannelDue((), next_at)
    numbers = frozenset(delivery.alert for delivery in queued if delivery.alert is not None)
    return ChannelDue(
        queued,
        next_at,
        len(queued) < limit,
        _read_alerts(connection, numbers),
        read_last_notified(connection, channel, None if is_limited else numbers),
        read_attempted_alerts(connection, channel, numbers, started_at),
        read_sent_times(connection, channel, now - RATE_WINDOW) if is_limited else (),
    )


def _read_alerts(connection: Connection, numbers: frozenset[int]) -> Mapping[int, Alert]:
    if not numbers:
        return {}
    rows = connection.execute(select(tables.alerts).where(tables.alerts.c.id.in_(numbers))).mappings()
    return {row["id"]: alert_from_row(row) for row in rows}
