"""Commands of people as they are in force, and rules whose actions are stopped: reads alone.

They stand apart from the writes, which load the whole journal: a command that only reads does without it.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from monitor.core.model.action_blocks import RuleStop
from monitor.core.model.alert import Ack, AlertState, Silence
from monitor.core.model.intent import Intent
from monitor.store.schema import tables
from monitor.store.schema.silence_rows import silence_from_row

OPEN_ALERT_STATES = (AlertState.PENDING, AlertState.FIRING)

UNFINISHED_WINDOW = timedelta(hours=24)
"""Maximum age of orders that are stopped with their rule although its alert does not fire any more."""

LOSS_UNKNOWN_TEXT = "whether it made things worse is not known yet"


def is_paused(connection: Connection) -> bool:
    """Return whether people have paused all actions."""
    return bool(connection.execute(select(tables.control.c.paused).where(tables.control.c.id == 1)).scalar())


def read_pause(connection: Connection) -> tuple[str, datetime] | None:
    """Return who paused all actions, and when; None while they are not paused."""
    table = tables.control
    row = connection.execute(select(table.c.paused, table.c.paused_by, table.c.paused_at).where(table.c.id == 1)).one()
    return (row.paused_by, row.paused_at) if row.paused else None


def read_silences(connection: Connection, ends_after: datetime | None = None) -> tuple[Silence, ...]:
    """Return all silences, or those that end after a moment, by id."""
    table = tables.silences
    wanted = select(table).order_by(table.c.id)
    if ends_after is not None:
        wanted = wanted.where(table.c.ends_at > ends_after)
    return tuple(silence_from_row(row) for row in connection.execute(wanted).mappings())


def read_newest_acks(connection: Connection) -> dict[int, Ack]:
    """Return the newest ack of every open alert, by the alert's id, including acks that no daemon has read yet."""
    acks, alerts = tables.acks, tables.alerts
    wanted = select(acks).join(alerts, alerts.c.id == acks.c.alert).where(tables.is_open_alert)
    rows = sorted(connection.execute(wanted), key=lambda row: int(row.id))
    return {row.alert: Ack(row.alert, row.by, row.at, row.comment) for row in rows}


def read_rule_stops(connection: Connection, now: datetime | None = None) -> tuple[RuleStop, ...]:
    """Return the stops in force, oldest first, then those until a judgement; their plans only if `now` is given."""
    intents, alerts = tables.intents, tables.alerts
    waiting = select(intents.c.id, intents.c.account, alerts.c.rule, intents.c.settled_at, intents.c.created_at)
    waiting = waiting.join(alerts, intents.c.alert == alerts.c.id).where(intents.c.awaits_judgement)
    return (
        *read_lasting_stops(connection, now),
        *(
            RuleStop(
                row.account,
                row.rule,
                row.id,
                row.settled_at or row.created_at,
                LOSS_UNKNOWN_TEXT,
                _plans(connection, row.account, row.rule, now),
                "unjudged",
            )
            for row in connection.execute(waiting.order_by(intents.c.id)).all()
        ),
    )


def read_lasting_stops(connection: Connection, now: datetime | None = None) -> tuple[RuleStop, ...]:
    """Return the stops that only a person ends."""
    table = tables.rule_stops
    rows = connection.execute(select(table).where(table.c.lifted_at.is_(None)).order_by(table.c.id)).all()
    return tuple(
        RuleStop(
            row.account,
            row.rule,
            row.intent,
            row.at,
            row.reason,
            _plans(connection, row.account, row.rule, now),
            row.grounds,
        )
        for row in rows
    )


def _plans(connection: Connection, account: str, rule: str, now: datetime | None) -> frozenset[int]:
    """Return the alerts of a rule whose orders may still be unfinished."""
    if now is None:
        return frozenset()
    intents, alerts = tables.intents, tables.alerts
    wanted = select(alerts.c.id).join(intents, intents.c.alert == alerts.c.id)
    wanted = wanted.where(alerts.c.rule == rule, intents.c.account == account)
    return frozenset(connection.execute(wanted.where(intents.c.created_at >= now - UNFINISHED_WINDOW)).scalars())


def is_rule_stopped(connection: Connection, intent: Intent) -> bool:
    """Return whether the intent's rule is stopped in its account, for good or until an order of it is judged."""
    table, intents, alerts = tables.rule_stops, tables.intents, tables.alerts
    rule = select(alerts.c.rule).where(alerts.c.id == intent.alert).scalar_subquery()
    stopped = select(table.c.id).where(
        table.c.account == intent.account, table.c.rule == rule, table.c.lifted_at.is_(None)
    )
    waiting = select(intents.c.id).join(alerts, intents.c.alert == alerts.c.id)
    waiting = waiting.where(intents.c.awaits_judgement, intents.c.account == intent.account, alerts.c.rule == rule)
    return any(connection.execute(wanted.limit(1)).first() is not None for wanted in (stopped, waiting))
