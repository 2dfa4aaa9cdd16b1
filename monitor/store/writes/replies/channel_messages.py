"""Messages that channels were sent and that can be answered or edited."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, Row, insert, select, update

from monitor.core.notifications.channel_messages import ChannelMessage, MessageReference
from monitor.store.schema import tables


def add_message_of_delivery(connection: Connection, delivery: int, message: MessageReference, at: datetime) -> None:
    """Record the message that a delivery became."""
    table = tables.deliveries
    columns = (table.c.channel, table.c.alert, table.c.intent, table.c.drill, table.c.reason, table.c.severity)
    found = connection.execute(select(*columns).where(table.c.id == delivery)).mappings().one()
    row = {**found, "reference": message.reference, "at": at, "text": message.text, "shown": ""}
    connection.execute(insert(tables.channel_messages), row)


def add_found_message(
    connection: Connection, channel: str, message: MessageReference, alert: int | None, intent: int | None, at: datetime
) -> None:
    """Record a message that was answered and has no row: its sender died before it could record the message."""
    table = tables.channel_messages
    known = select(table.c.id).where(table.c.channel == channel, table.c.reference == message.reference).limit(1)
    if connection.execute(known).scalar() is not None:
        return
    row = {
        "channel": channel,
        "reference": message.reference,
        "alert": alert,
        "intent": intent,
        "drill": None,
        "reason": "fired" if alert is not None else "notice",
        "severity": "critical",
        "at": at,
        "text": message.text,
        "shown": "",
    }
    connection.execute(insert(table), row)


def read_open_messages(connection: Connection, channels: Iterable[str]) -> tuple[ChannelMessage, ...]:
    """Return the messages of these channels of which the end is not shown yet, newest first."""
    table = tables.channel_messages
    wanted = select(table).where(table.c.closed_at.is_(None), table.c.channel.in_(tuple(channels)))
    return tuple(_message(row) for row in connection.execute(wanted.order_by(table.c.id.desc())))


def read_first_reference(connection: Connection, channel: str, alert: int) -> str | None:
    """Return the reference of the channel's first message about the alert."""
    table = tables.channel_messages
    wanted = select(table.c.reference).where(table.c.channel == channel, table.c.alert == alert)
    found: str | None = connection.execute(wanted.order_by(table.c.id).limit(1)).scalar()
    return found


def read_messages_by_reference(connection: Connection, channel: str, reference: str) -> tuple[ChannelMessage, ...]:
    """Return the rows of one message, one for each alert that it is about."""
    table = tables.channel_messages
    wanted = select(table).where(table.c.channel == channel, table.c.reference == reference).order_by(table.c.id)
    return tuple(_message(row) for row in connection.execute(wanted))


def find_channels_of_message(connection: Connection, references: Mapping[str, str]) -> frozenset[str]:
    """Return the channels of which a message is recorded; `references` are its possible ones, by channel."""
    table = tables.channel_messages
    wanted = select(table.c.channel, table.c.reference).distinct()
    named = table.c.channel.in_(tuple(references)), table.c.reference.in_(tuple(set(references.values())))
    rows = connection.execute(wanted.where(*named))
    return frozenset(row.channel for row in rows if references[row.channel] == row.reference)


def save_shown(connection: Connection, channel: str, reference: str, shown: str, closed_at: datetime | None) -> None:
    """Save what the message shows now; with `closed_at` it is not looked at again."""
    table = tables.channel_messages
    rows = update(table).where(table.c.channel == channel, table.c.reference == reference)
    connection.execute(rows.values(shown=shown, closed_at=closed_at))


def _message(row: "Row[tuple[object, ...]]") -> ChannelMessage:
    values = dict(row._mapping)
    del values["closed_at"]
    return ChannelMessage(**values)
