"""Commands of presses: each finds its subject as it is now, and refuses with the reason what is too late."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from monitor.core.alerting.lifecycle import active_silence, all_labels, with_ack
from monitor.core.model.alert import Alert, Silence, SilenceMatcher
from monitor.core.numbers.durations import format_duration
from monitor.core.settlement.notices import order_phrase
from monitor.errors import CommandRefused
from monitor.store import commands_in_force
from monitor.store.schema import tables
from monitor.store.schema.row_mapping import alert_from_row
from monitor.store.writes import commands
from monitor.store.writes import intents as intent_rows
from monitor.view.formatting import format_time
from monitor.view.messages.buttons import moment_mark

_RENUMBERED = "the database knows another {what} under this number"
_MATCHED_LABELS = ("rule", "account", "scope", "symbol", "asset")


def acknowledge(connection: Connection, alert: int, born: str, by: str, at: datetime) -> str:
    """Acknowledge the alert; return the answer. `born` is the mark of its message. Raises CommandRefused."""
    found = _find_open_alert(connection, alert, born)
    if found.acked_by is not None:
        raise CommandRefused(f"{found.acked_by} has acknowledged alert #{alert} already")
    commands.acknowledge(connection, alert, by, "from the message", at)
    return f"alert #{alert} is acknowledged: no reminders, no escalation"


def silence(connection: Connection, alert: int, born: str, span: timedelta, channel: str, by: str, at: datetime) -> str:
    """Silence the alert of this rule and subject for a while; return the answer. Raises CommandRefused.

    A critical alert is silenced too: the person has it before the eyes.
    """
    found = _find_open_alert(connection, alert, born)
    silences = commands_in_force.read_silences(connection, at)
    known = active_silence(found, silences, at)
    if known is not None:
        other = next(each for each in silences if each.id == known)
        raise CommandRefused(f"alert #{alert} is silenced until {format_time(other.ends_at)} by {other.author} already")
    labels = all_labels(found)
    matchers = tuple(SilenceMatcher(name, "=", labels[name]) for name in _MATCHED_LABELS if name in labels)
    comment = f"from the message about alert #{alert}"
    wanted = Silence(0, matchers, at, at + span, by, comment, found.severity == "critical", channel)
    added = commands.add_silence(connection, wanted)
    return f"alert #{alert} is silenced for {format_duration(span)}, until {format_time(added.ends_at)}"


def decide(connection: Connection, intent: int, born: str, approved: bool, by: str, at: datetime) -> str:
    """Approve or reject the proposal; return the answer. Raises CommandRefused."""
    found = intent_rows.find_intent(connection, intent)
    if found is None or (born and moment_mark(found.created_at) != born):
        raise CommandRefused(_RENUMBERED.format(what="proposal"), mend="see `margin-monitor actions`")
    table = tables.decisions
    before = connection.execute(select(table.c.approved, table.c.by).where(table.c.intent == intent)).one_or_none()
    if before is not None:
        raise CommandRefused(f"{before.by} has {'approved' if before.approved else 'rejected'} it already")
    commands.decide_proposal(connection, intent, approved, by, at)
    return f"{'approved' if approved else 'rejected'}: {order_phrase(found)}"


def pause(connection: Connection, by: str, at: datetime) -> str:
    """Pause all actions; return the answer. Raises CommandRefused when they are paused already."""
    known = commands_in_force.read_pause(connection)
    if known is not None:
        raise CommandRefused(f"all actions are paused by {known[0]} already")
    commands.set_paused(connection, True, by, at)
    return "all actions are paused; `margin-monitor actions resume` ends that"


def refuse(connection: Connection, why: str) -> str:
    """Refuse a press. Raises CommandRefused."""
    raise CommandRefused(why)


def _find_open_alert(connection: Connection, alert: int, born: str) -> Alert:
    row = connection.execute(select(tables.alerts).where(tables.alerts.c.id == alert)).mappings().one_or_none()
    found = None if row is None else alert_from_row(row)
    if found is None:
        raise CommandRefused(f"there is no alert #{alert}")
    if born and moment_mark(found.since) != born:
        raise CommandRefused(_RENUMBERED.format(what="alert"), mend="/alerts lists the open ones")
    if found.state not in commands_in_force.OPEN_ALERT_STATES:
        raise CommandRefused(f"alert #{alert} is {found.state} already")
    return with_ack(found, commands_in_force.read_newest_acks(connection))
