"""Messages that can be edited, with the present state of their subjects, and the record of a message's subject."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, Row, Table, select

from monitor.core.alerting.lifecycle import active_silence, with_ack
from monitor.core.model.alert import Ack, Alert, Silence
from monitor.core.model.intent import Intent
from monitor.records.message_truth import IntentDecision, MessageTruth
from monitor.store.commands_in_force import OPEN_ALERT_STATES, read_newest_acks, read_silences
from monitor.store.schema import tables
from monitor.store.schema.row_mapping import alert_from_row, intent_from_row
from monitor.store.writes.replies.channel_messages import read_first_reference, read_open_messages

MAX_IDS = 500
"""Numbers in one statement, which holds only so many parameters."""


def read_message_truth(connection: Connection, channels: Iterable[str], now: datetime) -> MessageTruth:
    """Return the open messages of these channels with everything that they are about, commands of this moment too."""
    found = read_open_messages(connection, channels)
    messages = found.messages
    silences = {silence.id: silence for silence in read_silences(connection, now)} if messages else {}
    acks = read_newest_acks(connection) if messages else {}
    intents = read_intents_by_id(connection, {m.intent for m in messages if m.intent is not None})
    alerts = _read_alerts(connection, {m.alert for m in messages if m.alert is not None}, acks, silences, now)
    return MessageTruth(messages, alerts, intents, _read_decisions(connection, intents), silences, found.rejected)


def read_subject(
    connection: Connection, channel: str, alerts: Sequence[int], intent: int | None
) -> tuple[str | None, Intent | None, bool]:
    """Return the channel's first message about any of the alerts, the intent, and whether a person decided on it."""
    references = (read_first_reference(connection, channel, alert) for alert in alerts)
    first = next((reference for reference in references if reference is not None), None)
    found = {} if intent is None else read_intents_by_id(connection, {intent})
    return first, next(iter(found.values()), None), bool(_read_decisions(connection, found))


def read_intents_by_id(connection: Connection, ids: Iterable[int]) -> dict[int, Intent]:
    """Return the intents with these numbers."""
    table, found = tables.intents, {}
    for portion in _portions(ids):
        for row in connection.execute(select(table).where(table.c.id.in_(portion))).mappings():
            found[row["id"]] = intent_from_row(row)
    return found


def _read_alerts(
    connection: Connection,
    ids: Iterable[int],
    acks: dict[int, Ack],
    silences: dict[int, Silence],
    now: datetime,
) -> dict[int, Alert]:
    table, found = tables.alerts, {}
    for portion in _portions(ids):
        for row in connection.execute(select(table).where(table.c.id.in_(portion))).mappings():
            alert = with_ack(alert_from_row(row), acks)
            if alert.state in OPEN_ALERT_STATES:
                # The alert's own row follows with its account's next step.
                alert = replace(alert, silenced_by=active_silence(alert, tuple(silences.values()), now))
            found[alert.id] = alert
    return found


def _read_decisions(connection: Connection, ids: Iterable[int]) -> dict[int, IntentDecision]:
    rows = (row for portion in _portions(ids) for row in _rows_about(connection, tables.decisions, portion))
    return {row.intent: IntentDecision(row.approved, row.by, row.at) for row in rows}


def _rows_about(connection: Connection, table: Table, intents: Sequence[int]) -> "Sequence[Row[tuple[object, ...]]]":
    return connection.execute(select(table).where(table.c.intent.in_(intents))).all()


def _portions(ids: Iterable[int]) -> Iterator[list[int]]:
    ordered = sorted(ids)
    for start in range(0, len(ordered), MAX_IDS):
        yield ordered[start : start + MAX_IDS]
