"""The live figures that the daemon leaves for readers."""

from sqlalchemy import Connection, select

from monitor.records.status import LiveDocument, StatusRows
from monitor.store.schema import tables
from monitor.store.writes import rule_stops
from monitor.store.writes.commands import is_paused
from monitor.store.writes.daemon_row import read_daemon


def read_status(connection: Connection) -> StatusRows:
    """The daemon, the kill switch and the newest document of every account, by name."""
    return StatusRows(
        read_daemon(connection), is_paused(connection), read_live(connection), rule_stops.read(connection)
    )


def read_live(connection: Connection) -> tuple[LiveDocument, ...]:
    """The newest document of every account, by name; empty when nothing was recorded yet."""
    table = tables.live
    rows = connection.execute(select(table.c.account, table.c.at, table.c.document).order_by(table.c.account))
    return tuple(LiveDocument(row.account, row.at, row.document) for row in rows)
