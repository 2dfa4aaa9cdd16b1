"""Live documents of the accounts, with the daemon's row, the pause and the rule stops."""

from sqlalchemy import Connection, select

from monitor.records.status import LiveDocumentRow, StatusRows
from monitor.store.commands_in_force import is_paused, read_rule_stops
from monitor.store.readers.holders import read_holders
from monitor.store.schema import tables
from monitor.store.writes.daemon_row import read_daemon


def read_status_rows(connection: Connection) -> StatusRows:
    """Return the daemon's row, the pause, every account's newest document by name, the rule stops, and the holders."""
    return StatusRows(
        read_daemon(connection),
        is_paused(connection),
        read_live_documents(connection),
        read_rule_stops(connection),
        read_holders(connection),
    )


def read_live_documents(connection: Connection) -> tuple[LiveDocumentRow, ...]:
    """Return the newest document of every account, by name; empty when nothing was recorded yet."""
    table = tables.live
    rows = connection.execute(select(table.c.account, table.c.at, table.c.document).order_by(table.c.account))
    return tuple(LiveDocumentRow(row.account, row.at, row.document) for row in rows)
