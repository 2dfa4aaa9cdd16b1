"""Notifications due for a channel, with everything that decides on sending them."""

from collections.abc import Collection, Mapping
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
    """Due deliveries of a channel, oldest first, at one moment of the database.

    `alerts` are those of the deliveries, as they were saved. `last_notified` is what the channel was last sent about
    them, or about all open alerts where the channel is limited. `attempted` are the alerts of which an attempt failed
    or may be unrecorded. `sent_at` are the times of messages in the last hour, read only where the channel is limited.
    `next_at` is the time of the next due delivery. `is_complete` False: more is due. `from_memory`: the database could
    not be read.
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
    connection: Connection,
    channel: str,
    now: datetime,
    started_at: datetime,
    limit: int,
    *,
    is_limited: bool,
    accounts: Collection[str] | None = None,
    is_leader: bool = True,
) -> ChannelDue:
    """Return at most `limit` due deliveries.

    Deliveries from before `started_at` may have been attempted; see `read_attempted_alerts`. `accounts` and `is_leader`
    as in `read_due_deliveries`: None for a daemon that holds the whole database.
    """
    queued = read_due_deliveries(connection, channel, now, limit, accounts, is_leader=is_leader)
    next_at = read_next_due_at(connection, channel, now, accounts, is_leader=is_leader)
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
