"""Rules whose actions are stopped after an order of theirs lowered a level, or may have.

A stop holds until a person resumes the rule; the stop of a rule whose order is not judged yet, until the judgement.
"""

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from monitor.core.model.action_blocks import RuleStop, StopCause
from monitor.core.model.intent import Intent
from monitor.store.commands_in_force import read_lasting_stops
from monitor.store.schema import tables
from monitor.store.writes import audit
from monitor.store.writes.change_counter import bump_change_counter


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


def lift_rule_stops(connection: Connection, by: str, at: datetime) -> tuple[RuleStop, ...]:
    """Lift every stop in force, in the name of the person who resumes."""
    table = tables.rule_stops
    lifted = read_lasting_stops(connection)
    connection.execute(update(table).where(table.c.lifted_at.is_(None)).values(lifted_at=at, lifted_by=by))
    for stop in lifted:
        facts = {"account": stop.account, "rule": stop.rule, "stopped": False, "by": by}
        audit.append_command(connection, "stop", stop.intent, at, facts)
    if lifted:
        bump_change_counter(connection)
    return lifted
