"""Whether others act in an account beside an order, from everything that was recorded."""

from datetime import timedelta

from sqlalchemy import Connection

from monitor.core.model.intent import Intent
from monitor.core.settlement.ledger_evidence import others_act_beside
from monitor.core.settlement.observation import find_send_time
from monitor.core.state.attribution import TRACE_WINDOW
from monitor.store.writes import intents, movements


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
