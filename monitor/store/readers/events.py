"""What the streams delivered, and the reads that failed."""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from monitor.core.account import Scope
from monitor.core.amounts import plain
from monitor.core.events import ReadFailed
from monitor.store import tables


@dataclass(frozen=True, slots=True)
class EventRow:
    """One recorded stream event. `symbol` is empty for cross; `payload` is the venue's own JSON text."""

    id: int
    account: str
    scope: str
    symbol: str
    type: str
    event_time: datetime
    received_at: datetime
    stream: str
    key: str
    payload: str
    rejected: str | None


def read_events(
    connection: Connection,
    *,
    type: str | None = None,
    account: str | None = None,
    since: datetime | None = None,
    limit: int | None = 100,
) -> tuple[EventRow, ...]:
    """The newest events that fit, oldest first. `since` looks at when they arrived."""
    table = tables.events
    wanted = select(table).order_by(table.c.id.desc())
    if type is not None:
        wanted = wanted.where(table.c.type == type)
    if account is not None:
        wanted = wanted.where(table.c.account == account)
    if since is not None:
        wanted = wanted.where(table.c.received_at >= since)
    if limit is not None:
        wanted = wanted.limit(limit)
    rows = connection.execute(wanted).mappings().all()
    return tuple(EventRow(**row) for row in reversed(rows))


def read_movements(
    connection: Connection,
    *,
    kind: str,
    account: str | None = None,
    since: datetime | None = None,
    limit: int | None = 100,
) -> tuple[EventRow, ...]:
    """The newest movements of one kind as events, oldest first. `since` looks at when they were first seen.

    The payload is what is known of each: asset, amount, the venue's own type, whose doing it was, and its numbers.
    """
    table = tables.movements
    wanted = select(table).where(table.c.kind == kind).order_by(table.c.at.desc(), table.c.id.desc())
    if account is not None:
        wanted = wanted.where(table.c.account == account)
    if since is not None:
        wanted = wanted.where(table.c.seen_at >= since)
    if limit is not None:
        wanted = wanted.limit(limit)
    return tuple(
        EventRow(
            id=row.id,
            account=row.account,
            scope=row.scope,
            symbol=row.symbol,
            type=row.kind,
            event_time=row.at,
            received_at=row.seen_at,
            stream="poll",
            key=row.key,
            payload=json.dumps(
                {
                    "asset": row.asset,
                    "amount": plain(row.amount),
                    "type": row.type,
                    "origin": row.origin,
                    "intent": row.intent,
                    **json.loads(row.detail),
                },
                ensure_ascii=False,
            ),
            rejected=None,
        )
        for row in reversed(connection.execute(wanted).all())
    )


def read_failures(
    connection: Connection, *, account: str | None = None, since: datetime | None = None, limit: int | None = 100
) -> tuple[ReadFailed, ...]:
    """The newest reads that gave nothing believable, oldest first."""
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
