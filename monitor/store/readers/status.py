"""The live figures that the daemon leaves for readers."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from monitor.core.model.blocks import RuleStop
from monitor.store.schema import tables
from monitor.store.writes import rule_stops
from monitor.store.writes.commands import is_paused
from monitor.store.writes.daemon_row import DaemonRow, read_daemon


@dataclass(frozen=True, slots=True)
class LiveDocument:
    """One account's status document (JSON text) as of `at`."""

    account: str
    at: datetime
    document: str


@dataclass(frozen=True, slots=True)
class StatusRows:
    """All that a status needs, as of one moment. `daemon` None: none ever ran on this database."""

    daemon: DaemonRow | None
    paused: bool
    documents: tuple[LiveDocument, ...]
    stops: tuple[RuleStop, ...] = ()


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
