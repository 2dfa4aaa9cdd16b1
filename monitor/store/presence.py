"""The daemon's own row: who it is, since when, and when it was last there."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from monitor.store import lease, tables
from monitor.store.hot import upsert


@dataclass(frozen=True, slots=True)
class DaemonRow:
    """The daemon that last held the database. `running`: one holds it now."""

    running: bool
    pid: int
    since: datetime
    version: str
    seen_at: datetime


def announce(connection: Connection, pid: int, since: datetime, version: str) -> None:
    """This daemon takes the place of the one before."""
    row = {"id": 1, "pid": pid, "since": since, "version": version, "seen_at": since}
    connection.execute(upsert(tables.daemon, connection.dialect, ("id",)), row)


def seen(connection: Connection, at: datetime) -> None:
    """The daemon is still there."""
    connection.execute(update(tables.daemon).where(tables.daemon.c.id == 1).values(seen_at=at))


def read_daemon(connection: Connection) -> DaemonRow | None:
    """The daemon that last held the database, None if none ever did."""
    row = connection.execute(select(tables.daemon).where(tables.daemon.c.id == 1)).one_or_none()
    if row is None:
        return None
    return DaemonRow(lease.is_held(connection), row.pid, row.since, row.version, row.seen_at)
