"""Recorded stream events, movements, and failed reads."""

import json
from datetime import datetime

from sqlalchemy import Connection, func, select

from monitor.core.numbers.amounts import format_decimal
from monitor.records.events import EventRow, FailedReadsRow
from monitor.store.schema import tables


def read_events(
    connection: Connection,
    *,
    type: str | None = None,
    account: str | None = None,
    since: datetime | None = None,
    limit: int | None = 100,
) -> tuple[EventRow, ...]:
    """Return the newest matching events, oldest first. `since` compares with their time of receipt."""
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
    """Return the newest movements of one kind as events, oldest first. `since` compares with when they were first seen.

    The payload holds asset, amount, the exchange's own type, origin, and the exchange's ids of each movement.
    """
    table = tables.movements
    wanted = select(table).where(table.c.kind == kind).order_by(table.c.at.desc(), table.c.id.desc())
    if account is not None:
        wanted = wanted.where(table.c.account == account)
    if since is not None:
        # As a query of its own, by its index: the order of time is that of another one.
        wanted = wanted.where(table.c.id.in_(select(table.c.id).where(table.c.kind == kind, table.c.seen_at >= since)))
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
                    "amount": format_decimal(row.amount),
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


def count_failures(connection: Connection, since: datetime) -> tuple[FailedReadsRow, ...]:
    """Return the failed reads since a moment, by account and read."""
    table = tables.failures
    counted = (
        select(func.max(table.c.id).label("newest"), func.count().label("count"))
        .where(table.c.at >= since)
        .group_by(table.c.account, table.c.read)
        .subquery()
    )
    wanted = select(table.c.account, table.c.read, counted.c.count, table.c.at, table.c.cause, table.c.rejected)
    wanted = wanted.join(counted, counted.c.newest == table.c.id).order_by(table.c.account, table.c.read)
    return tuple(
        FailedReadsRow(account, read, count, at, rejected or cause)
        for account, read, count, at, cause, rejected in connection.execute(wanted)
    )


def count_rejected(connection: Connection, since: datetime) -> int:
    """Return the number of events received since a moment that could not be decoded."""
    table = tables.events
    wanted = select(func.count()).where(table.c.received_at >= since, table.c.rejected.is_not(None))
    return int(connection.execute(wanted).scalar_one())
