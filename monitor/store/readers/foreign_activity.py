"""Doubts about whose an equal movement is: others who act beside an order, and times of which nothing is recorded."""

from datetime import timedelta

from sqlalchemy import Connection

from monitor.core.model.intent import Intent
from monitor.core.settlement.absence import TimeSpan, find_absences
from monitor.core.settlement.ledger_evidence import others_act_beside
from monitor.core.settlement.observation import find_send_time
from monitor.core.state.attribution import TRACE_WINDOW
from monitor.store.writes import intents, movements
from monitor.store.writes.daemon_row import read_runs


def read_others_act_beside(connection: Connection, intent: Intent, watch: timedelta) -> bool:
    """Return whether others moved money in the account near the order or since, however long ago that was.

    Failed orders may explain what moved for the time `watch` after they failed. Beside that it depends neither on the
    configuration nor on what a daemon has in its memory.
    """
    sent = find_send_time(intent)
    moved = movements.read_foreign_movements(connection, intent.account, sent - TRACE_WINDOW)
    if not moved:
        return False
    # An order that has a movement of its own explains no other.
    own = movements.read_own_movements(connection, intent.account, sent - TRACE_WINDOW)
    known = intents.read_recent(connection, intent.account, sent)
    if intent.uid is not None:
        known += intents.read_recent_under_other_names(connection, intent.account, intent.uid, sent)
    return others_act_beside(intent, moved + own, known, watch)


def read_absences(connection: Connection, intent: Intent) -> tuple[TimeSpan, ...]:
    """Return the times since an order was sent in which no daemon ran on this database, as far as it knows."""
    sent = find_send_time(intent)
    return find_absences(sent, read_runs(connection, sent))
