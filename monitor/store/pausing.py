"""The one switch that pauses all actions, whoever throws it."""

from datetime import datetime

from sqlalchemy import Connection, update

from monitor.store import audit, tables
from monitor.store.changes import note_change


def pause(connection: Connection, paused: bool, by: str, at: datetime) -> bool:
    """Whether that changed anything. While paused no intent can be claimed, whatever the daemon believes."""
    table = tables.control
    moved = connection.execute(
        update(table).where(table.c.id == 1, table.c.paused != paused).values(paused=paused, paused_by=by, paused_at=at)
    )
    if moved.rowcount:
        audit.append_order(connection, "pause", None, at, {"paused": paused, "by": by})
        note_change(connection)
    return bool(moved.rowcount)
