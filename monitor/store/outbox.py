"""What is still to be told, what was tried, and what each channel last heard."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select, update

from monitor.core.alerts import AlertState
from monitor.core.outbox import Delivery, DeliveryState, Told
from monitor.errors import StoreError
from monitor.store import tables
from monitor.store.hot import upsert
from monitor.store.rows import delivery_of, told_of

_QUEUED = tables.deliveries.c.state == DeliveryState.QUEUED


def queue(connection: Connection, delivery: Delivery) -> Delivery:
    """The delivery with the id it got. Its own id does not matter."""
    row = {
        "channel": delivery.channel,
        "alert": delivery.alert,
        "reason": delivery.reason,
        "severity": delivery.severity,
        "created_at": delivery.created_at,
        "next_at": delivery.next_at,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "sent_at": delivery.sent_at,
        "answer": delivery.answer,
        "text": delivery.text,
    }
    key = connection.execute(insert(tables.deliveries), row).inserted_primary_key
    if key is None:
        raise StoreError("the database gave a delivery no number")
    return replace(delivery, id=key[0])


def due(connection: Connection, channel: str, now: datetime, limit: int = 100) -> tuple[Delivery, ...]:
    """The channel's queued deliveries whose time has come, oldest first."""
    table = tables.deliveries
    rows = connection.execute(
        select(table)
        .where(_QUEUED, table.c.channel == channel, table.c.next_at <= now)
        .order_by(table.c.next_at, table.c.id)
        .limit(limit)
    )
    return tuple(delivery_of(row) for row in rows.mappings())


def next_due(connection: Connection, channel: str) -> datetime | None:
    """When the channel's next delivery may be tried; None: nothing is queued."""
    table = tables.deliveries
    found: datetime | None = connection.execute(
        select(func.min(table.c.next_at)).where(_QUEUED, table.c.channel == channel)
    ).scalar()
    return found


def record_attempt(
    connection: Connection,
    delivery: int,
    *,
    at: datetime,
    ok: bool,
    answer: str,
    state: DeliveryState,
    next_at: datetime | None = None,
    told: Told | None = None,
) -> bool:
    """Appends the attempt with the provider's own words; the delivery goes on to `state`.

    QUEUED with `next_at` for another try. `told` is what the channel has now heard of the alert.
    False, and nothing written, when the delivery was already finished.
    """
    table = tables.deliveries
    moved = connection.execute(
        update(table)
        .where(table.c.id == delivery, _QUEUED)
        .values(
            state=state,
            attempts=table.c.attempts + 1,
            answer=answer,
            sent_at=at if ok else None,
            **({} if next_at is None else {"next_at": next_at}),
        )
    )
    if moved.rowcount != 1:
        return False
    connection.execute(insert(tables.delivery_attempts), {"delivery": delivery, "at": at, "ok": ok, "answer": answer})
    if told is not None:
        remember_told(connection, told)
    return True


def close(connection: Connection, delivery: int, state: DeliveryState, answer: str) -> bool:
    """Ends a queued delivery that was not tried: nothing new to say, or too late. False when it was finished."""
    table = tables.deliveries
    moved = connection.execute(update(table).where(table.c.id == delivery, _QUEUED).values(state=state, answer=answer))
    return moved.rowcount == 1


def postpone(connection: Connection, delivery: int, until: datetime) -> bool:
    """Lets a queued delivery wait until `until`. False when it was finished."""
    table = tables.deliveries
    moved = connection.execute(update(table).where(table.c.id == delivery, _QUEUED).values(next_at=until))
    return moved.rowcount == 1


def expire(connection: Connection, created_before: datetime, channel: str | None = None) -> int:
    """How many queued deliveries older than that were given up."""
    table = tables.deliveries
    too_old: list[ColumnElement[bool]] = [_QUEUED, table.c.created_at < created_before]
    if channel is not None:
        too_old.append(table.c.channel == channel)
    return connection.execute(update(table).where(*too_old).values(state=DeliveryState.EXPIRED)).rowcount


def remember_told(connection: Connection, told: Told) -> None:
    """From now on this is what the channel last heard of the alert."""
    row = {
        "channel": told.channel,
        "alert": told.alert,
        "state": told.state,
        "severity": told.severity,
        "at": told.at,
    }
    connection.execute(upsert(tables.told, connection.dialect, ("channel", "alert")), row)


def read_told(connection: Connection, channel: str) -> Mapping[int, Told]:
    """What the channel last heard, by alert: of alerts that are open or of which something is still queued."""
    table, alerts, deliveries = tables.told, tables.alerts, tables.deliveries
    waiting = select(deliveries.c.alert).where(
        _QUEUED, deliveries.c.channel == channel, deliveries.c.alert.is_not(None)
    )
    rows = connection.execute(
        select(table)
        .join(alerts, alerts.c.id == table.c.alert)
        .where(
            table.c.channel == channel,
            or_(alerts.c.state.in_((AlertState.PENDING, AlertState.FIRING)), table.c.alert.in_(waiting)),
        )
    )
    return {row["alert"]: told_of(row) for row in rows.mappings()}
