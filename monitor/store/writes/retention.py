"""Deletion of old rows in small steps, so that the writer never waits long."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, Table, delete, exists, select

from monitor.core.notifications.outbox import DeliveryState
from monitor.store.schema import tables

MAX_ROWS_PER_STEP = 2_000


def prune_samples(connection: Connection, before: datetime, batch: int = MAX_ROWS_PER_STEP) -> int:
    """Delete samples older than `before`, about `batch` at most; return how many, 0 when none is left."""
    table, series = tables.samples, tables.series
    has_old = exists().where(table.c.series == series.c.id, table.c.at < before)
    found = connection.execute(select(series.c.id).where(has_old).order_by(series.c.id).limit(1)).scalar()
    if found is None:
        return 0
    own_old = (table.c.series == found, table.c.at < before)
    edge = connection.execute(select(table.c.at).where(*own_old).order_by(table.c.at).offset(batch).limit(1)).scalar()
    return connection.execute(delete(table).where(*own_old, *(() if edge is None else (table.c.at < edge,)))).rowcount


def prune_events(connection: Connection, before: datetime, batch: int = MAX_ROWS_PER_STEP) -> int:
    """Delete stream events received before `before`, `batch` at most; return how many, 0 when none is left."""
    return _delete_before(connection, tables.events, "received_at", before, batch)


def prune_failures(connection: Connection, before: datetime, batch: int = MAX_ROWS_PER_STEP) -> int:
    """Delete failed reads older than `before`, `batch` at most; return how many, 0 when none is left."""
    return _delete_before(connection, tables.failures, "at", before, batch)


def prune_attempts(connection: Connection, before: datetime, batch: int = MAX_ROWS_PER_STEP) -> int:
    """Delete delivery attempts older than `before`, `batch` at most; return how many, 0 when none is left.

    The states of their deliveries stay, and so do the attempts of queued deliveries.
    """
    table, deliveries = tables.delivery_attempts, tables.deliveries
    finished = select(deliveries.c.id).where(deliveries.c.state != DeliveryState.QUEUED)
    oldest = select(table.c.id).where(table.c.at < before, table.c.delivery.in_(finished)).order_by(table.c.id)
    return connection.execute(delete(table).where(table.c.id.in_(oldest.limit(batch)))).rowcount


def prune_movements(connection: Connection, before: datetime, batch: int = MAX_ROWS_PER_STEP) -> int:
    """Delete movements older than `before`, `batch` at most; return how many, 0 when none is left."""
    return _delete_before(connection, tables.movements, "at", before, batch)


def prune_presses(connection: Connection, before: datetime, batch: int = MAX_ROWS_PER_STEP) -> int:
    """Delete presses older than `before`, `batch` at most; return how many, 0 when none is left.

    A bot gets an update for a day at most, so that an older press can't be delivered again.
    """
    table = tables.presses
    oldest = select(table.c.key).where(table.c.at < before).order_by(table.c.at).limit(batch)
    return connection.execute(delete(table).where(table.c.key.in_(oldest))).rowcount


def prune_channel_messages(connection: Connection, before: datetime, batch: int = MAX_ROWS_PER_STEP) -> int:
    """Delete messages older than `before` whose end is shown, `batch` at most; return how many, 0 when none is left."""
    table = tables.channel_messages
    oldest = select(table.c.id).where(table.c.at < before, table.c.closed_at.is_not(None)).order_by(table.c.id)
    return connection.execute(delete(table).where(table.c.id.in_(oldest.limit(batch)))).rowcount


Pruner = Callable[[Connection, datetime], int]


def _delete_before(connection: Connection, table: Table, column: str, before: datetime, batch: int) -> int:
    oldest = select(table.c.id).where(table.c[column] < before).order_by(table.c[column]).limit(batch)
    return connection.execute(delete(table).where(table.c.id.in_(oldest))).rowcount
