"""Commands of people together with what they changed, in one transaction."""

from datetime import datetime

from sqlalchemy import Connection

from monitor.core.alerting.drill import Drill
from monitor.core.model.action_blocks import RuleStop
from monitor.core.model.alert import Ack, Silence
from monitor.records.alerts import AlertRow
from monitor.records.intents import IntentRow
from monitor.store import commands_in_force
from monitor.store.readers.alerts import read_alert
from monitor.store.readers.intents import read_intent
from monitor.store.writes import commands


def acknowledge(connection: Connection, ack: Ack) -> AlertRow:
    """Acknowledge an alert and return it. Raises CommandRefused."""
    commands.acknowledge(connection, ack.alert, ack.by, ack.comment, ack.at)
    row = read_alert(connection, ack.alert)
    assert row is not None
    return row


def expire_silence(connection: Connection, silence: int, at: datetime) -> Silence:
    """End a silence and return it. Raises CommandRefused."""
    commands.expire_silence(connection, silence, at)
    return next(each for each in commands_in_force.read_silences(connection) if each.id == silence)


def set_paused(connection: Connection, paused: bool, by: str, at: datetime) -> tuple[bool, tuple[RuleStop, ...]]:
    """Pause or resume all actions; return whether that changed anything, and the rule stops that it lifted."""
    return commands.resume_actions(connection, by, at) if not paused else (_pause(connection, by, at), ())


def decide_proposal(connection: Connection, intent: int, approved: bool, by: str, at: datetime) -> IntentRow:
    """Approve or reject a proposed intent and return it. Raises CommandRefused."""
    commands.decide_proposal(connection, intent, approved, by, at)
    row = read_intent(connection, intent)
    assert row is not None
    return row


def request_drill(connection: Connection, rule: str, by: str, at: datetime) -> Drill:
    """Request a drill and return it."""
    drill = commands.read_drill(connection, commands.request_drill(connection, rule, by, at))
    assert drill is not None
    return drill


def _pause(connection: Connection, by: str, at: datetime) -> bool:
    return commands.set_paused(connection, True, by, at)
