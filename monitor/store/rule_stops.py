"""The rules whose actions are stopped, since an order of theirs made things worse, until a person resumes them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from monitor.core.intents import Intent
from monitor.core.stops import RuleStop
from monitor.store import audit, tables
from monitor.store.changes import note_change

UNFINISHED_WITHIN = timedelta(hours=24)
"""How old an alert's orders may be that are stopped with its rule although it does not fire any more."""


def add(connection: Connection, intent: Intent, reason: str, at: datetime) -> None:
    """Stop the actions of the intent's rule in its account."""
    table, alerts = tables.rule_stops, tables.alerts
    rule = connection.execute(select(alerts.c.rule).where(alerts.c.id == intent.alert)).scalar()
    if rule is None:
        return
    row = {"account": intent.account, "rule": rule, "intent": intent.id, "at": at, "reason": reason}
    connection.execute(insert(table), row)
    facts = {"account": intent.account, "rule": rule, "stopped": True, "reason": reason}
    audit.append_order(connection, "stop", intent.id, at, facts)
    note_change(connection)


def read(connection: Connection, now: datetime | None = None) -> tuple[RuleStop, ...]:
    """The stops in force, oldest first; the plans of each only where `now` is given."""
    table, intents, alerts = tables.rule_stops, tables.intents, tables.alerts
    found = []
    for row in connection.execute(select(table).where(table.c.lifted_at.is_(None)).order_by(table.c.id)):
        plans: Sequence[int] = ()
        if now is not None:
            wanted = select(alerts.c.id).join(intents, intents.c.alert == alerts.c.id)
            wanted = wanted.where(alerts.c.rule == row.rule, intents.c.account == row.account)
            plans = connection.execute(wanted.where(intents.c.created_at >= now - UNFINISHED_WITHIN)).scalars().all()
        found.append(RuleStop(row.account, row.rule, row.intent, row.at, row.reason, frozenset(plans)))
    return tuple(found)


def holds(connection: Connection, intent: Intent) -> bool:
    """Whether the rule of the intent is stopped in its account."""
    table, alerts = tables.rule_stops, tables.alerts
    rule = select(alerts.c.rule).where(alerts.c.id == intent.alert).scalar_subquery()
    stopped = select(table.c.id).where(
        table.c.account == intent.account, table.c.rule == rule, table.c.lifted_at.is_(None)
    )
    return connection.execute(stopped.limit(1)).first() is not None


def lift_all(connection: Connection, by: str, at: datetime) -> tuple[RuleStop, ...]:
    """End every stop that is in force, in the name of who resumes."""
    table = tables.rule_stops
    lifted = read(connection)
    connection.execute(update(table).where(table.c.lifted_at.is_(None)).values(lifted_at=at, lifted_by=by))
    for stop in lifted:
        facts = {"account": stop.account, "rule": stop.rule, "stopped": False, "by": by}
        audit.append_order(connection, "stop", stop.intent, at, facts)
    if lifted:
        note_change(connection)
    return lifted
