"""Rules whose actions are stopped after an order of theirs lowered a level, or may have.

A stop holds until a person resumes the rule; the stop of a rule whose order is not judged yet, until the judgement.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from monitor.core.model.action_blocks import RuleStop, StopCause
from monitor.core.model.intent import Intent
from monitor.store.schema import tables
from monitor.store.writes import audit
from monitor.store.writes.change_counter import bump_change_counter

UNFINISHED_WINDOW = timedelta(hours=24)
"""Maximum age of orders that are stopped with their rule although its alert does not fire any more."""


LOSS_UNKNOWN_TEXT = "whether it made things worse is not known yet"


def stop_rule(connection: Connection, intent: Intent, cause: StopCause, at: datetime) -> None:
    """Stop the actions of the intent's rule in its account."""
    table, alerts = tables.rule_stops, tables.alerts
    rule = connection.execute(select(alerts.c.rule).where(alerts.c.id == intent.alert)).scalar()
    if rule is None:
        return
    row = {"account": intent.account, "rule": rule, "intent": intent.id, "at": at}
    connection.execute(insert(table), row | {"reason": cause.reason, "grounds": cause.grounds})
    facts = {"account": intent.account, "rule": rule, "stopped": True, "reason": cause.reason, "grounds": cause.grounds}
    audit.append_command(connection, "stop", intent.id, at, facts)
    bump_change_counter(connection)


def read_rule_stops(connection: Connection, now: datetime | None = None) -> tuple[RuleStop, ...]:
    """Return the stops in force, oldest first, then those until a judgement; their plans only if `now` is given."""
    intents, alerts = tables.intents, tables.alerts
    waiting = select(intents.c.id, intents.c.account, alerts.c.rule, intents.c.settled_at, intents.c.created_at)
    waiting = waiting.join(alerts, intents.c.alert == alerts.c.id).where(intents.c.awaits_judgement)
    return (
        *_lasting(connection, now),
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


def _lasting(connection: Connection, now: datetime | None = None) -> tuple[RuleStop, ...]:
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


def lift_rule_stops(connection: Connection, by: str, at: datetime) -> tuple[RuleStop, ...]:
    """Lift every stop in force, in the name of the person who resumes."""
    table = tables.rule_stops
    lifted = _lasting(connection)
    connection.execute(update(table).where(table.c.lifted_at.is_(None)).values(lifted_at=at, lifted_by=by))
    for stop in lifted:
        facts = {"account": stop.account, "rule": stop.rule, "stopped": False, "by": by}
        audit.append_command(connection, "stop", stop.intent, at, facts)
    if lifted:
        bump_change_counter(connection)
    return lifted
