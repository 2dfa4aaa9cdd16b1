"""The one switch that pauses all actions, for people and the daemon."""

from datetime import datetime

from sqlalchemy import Connection, update

from monitor.store.schema import tables
from monitor.store.writes import audit
from monitor.store.writes.change_counter import bump_change_counter


def set_paused(connection: Connection, paused: bool, by: str, at: datetime, *, has_trail: bool = True) -> bool:
    """Pause or resume; return whether that changed anything. While paused no intent can be claimed by any process.

    `has_trail`: the schema has an audit trail, as every one but the oldest.
    """
    table = tables.control
    moved = connection.execute(
        update(table).where(table.c.id == 1, table.c.paused != paused).values(paused=paused, paused_by=by, paused_at=at)
    )
    if moved.rowcount:
        if has_trail:
            audit.append_command(connection, "pause", None, at, {"paused": paused, "by": by})
        bump_change_counter(connection)
    return bool(moved.rowcount)
