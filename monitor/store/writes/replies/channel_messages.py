"""Messages that channels were sent and that can be answered or edited."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Connection, Row, insert, select, type_coerce, update

from monitor.core.model.alert import SEVERITIES
from monitor.core.notifications.channel_messages import ChannelMessage, MessageReference, OpenMessages
from monitor.store.schema import tables
from monitor.store.schema.columns import EPOCH


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


def read_open_messages(connection: Connection, channels: Iterable[str]) -> OpenMessages:
    """Return the messages of these channels of which the end is not shown yet, and the rows that can't be understood.

    SQLite takes any value in any column, and one row that no program of ours wrote must not cost the others.
    """
    table = tables.channel_messages
    # The time as it is stored: its type would fail for all rows at once.
    columns = [type_coerce(column, BigInteger).label("at") if column is table.c.at else column for column in table.c]
    wanted = select(*columns).where(table.c.closed_at.is_(None), table.c.channel.in_(tuple(channels)))
    messages: list[ChannelMessage] = []
    rejected: list[str] = []
    broken: set[tuple[object, object]] = set()
    for row in connection.execute(wanted.order_by(table.c.id.desc())):
        odd = [name for name, is_valid in _CHECKS.items() if not is_valid(row._mapping[name])]
        if odd:
            rejected.append(f"{row.id} ({', '.join(odd)})")
            broken.add((row.channel, row.reference))
        else:
            at = EPOCH + timedelta(milliseconds=row.at)
            messages.append(replace(_message(row), at=at))
    whole = (message for message in messages if (message.channel, message.reference) not in broken)
    return OpenMessages(tuple(whole), tuple(rejected))


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


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, int)


def _is_moment(value: object) -> bool:
    return isinstance(value, int) and 0 <= value < _MAX_MOMENT_MS


_MAX_MOMENT_MS = 253_402_300_800_000
"""The end of the year 9999, in milliseconds since 1970: Python knows no later time."""

_CHECKS: Mapping[str, Callable[[object], bool]] = {
    "reference": _is_text,
    "alert": _is_number,
    "intent": _is_number,
    "drill": _is_number,
    "reason": _is_text,
    "severity": SEVERITIES.__contains__,
    "at": _is_moment,
    "text": _is_text,
    "shown": _is_text,
}
"""By column, the check of a value that can be understood."""


def _message(row: "Row[tuple[object, ...]]") -> ChannelMessage:
    values = dict(row._mapping)
    del values["closed_at"]
    return ChannelMessage(**values)
