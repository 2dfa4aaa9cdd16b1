"""The daemon's own row: who it is, since when, and when it was last there."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

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
    """This daemon takes the place of the one before, whose time is kept."""
    table = tables.daemon
    before = select(table.c.since, table.c.seen_at, table.c.version)
    connection.execute(insert(tables.runs).from_select(["since", "until", "version"], before))
    row = {"id": 1, "pid": pid, "since": since, "version": version, "seen_at": since}
    connection.execute(upsert(tables.daemon, connection.dialect, ("id",)), row)


def seen(connection: Connection, at: datetime) -> None:
    """The daemon is still there."""
    connection.execute(update(tables.daemon).where(tables.daemon.c.id == 1).values(seen_at=at))


def read_runs(connection: Connection, ends_after: datetime | None = None) -> tuple[tuple[datetime, datetime], ...]:
    """From when to when a daemon was there, oldest first, the one of now included; those that ended after a moment.

    The end is when it was last seen to be alive.
    """
    table = tables.runs
    wanted = select(table.c.since, table.c.until).order_by(table.c.since)
    if ends_after is not None:
        wanted = wanted.where(table.c.until > ends_after)
    newest = select(tables.daemon.c.since, tables.daemon.c.seen_at)
    return tuple((since, until) for found in (wanted, newest) for since, until in connection.execute(found))


def first_run(connection: Connection) -> datetime | None:
    """When the first daemon that is remembered began; None: none ever did."""
    began = [connection.execute(select(func.min(t.c.since))).scalar() for t in (tables.runs, tables.daemon)]
    return min((at for at in began if at is not None), default=None)


def read_daemon(connection: Connection) -> DaemonRow | None:
    """The daemon that last held the database, None if none ever did."""
    row = connection.execute(select(tables.daemon).where(tables.daemon.c.id == 1)).one_or_none()
    if row is None:
        return None
    return DaemonRow(lease.is_held(connection), row.pid, row.since, row.version, row.seen_at)
