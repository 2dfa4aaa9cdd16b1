"""Readers of rows that only tests need: the transitions of an alert, and failed reads one by one."""

from datetime import datetime

from sqlalchemy import Connection, select

from monitor.core.model.account import Scope
from monitor.core.model.alert import AlertState, AlertTransition
from monitor.core.model.events import ReadFailed
from monitor.store.schema import tables


def read_transitions(connection: Connection, alert: int) -> tuple[AlertTransition, ...]:
    """Return every change of the alert's state, in order."""
    table = tables.alert_transitions
    rows = connection.execute(select(table).where(table.c.alert == alert).order_by(table.c.id))
    return tuple(
        AlertTransition(
            row.alert,
            None if row.from_state is None else AlertState(row.from_state),
            AlertState(row.to_state),
            row.at,
            row.value,
            row.note,
        )
        for row in rows
    )


def read_failures(
    connection: Connection, *, account: str | None = None, since: datetime | None = None, limit: int | None = 100
) -> tuple[ReadFailed, ...]:
    """Return the newest failed reads, oldest first."""
    table = tables.failures
    wanted = select(table).order_by(table.c.id.desc())
    if account is not None:
        wanted = wanted.where(table.c.account == account)
    if since is not None:
        wanted = wanted.where(table.c.at >= since)
    if limit is not None:
        wanted = wanted.limit(limit)
    return tuple(
        ReadFailed(
            read=row.read,
            scope=None if row.symbol is None else Scope(row.symbol),
            at=row.at,
            cause=row.cause,
            rejected=row.rejected,
            payload=row.payload,
        )
        for row in reversed(connection.execute(wanted).all())
    )
