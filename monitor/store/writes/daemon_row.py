"""The daemon's own row: who it is, since when, and when it was last there."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, insert, select, update

from monitor.clock import Clock, SteadyReading, SystemClock
from monitor.records.status import DaemonRow
from monitor.store.db import lease
from monitor.store.db.prepared_statements import upsert
from monitor.store.schema import tables

MAX_SILENCE = timedelta(seconds=5)
"""A daemon that works is seen more often than this."""


def register_daemon(
    connection: Connection, pid: int, since: datetime, version: str, steady: SteadyReading | None = None
) -> None:
    """This daemon takes the place of the one before, whose time is kept."""
    table = tables.daemon
    before = select(table.c.since, table.c.seen_at, table.c.version)
    connection.execute(insert(tables.runs).from_select(["since", "until", "version"], before))
    row = {"id": 1, "pid": pid, "since": since, "version": version, "seen_at": since}
    row |= _steady_columns(steady)
    connection.execute(upsert(tables.daemon, connection.dialect, ("id",)), row)


def update_last_seen(connection: Connection, at: datetime, steady: SteadyReading | None = None) -> None:
    """The daemon is still there. `steady` is what the machine's steady clock said at that moment."""
    connection.execute(
        update(tables.daemon).where(tables.daemon.c.id == 1).values(seen_at=at, **_steady_columns(steady))
    )


def resume_clock(connection: Connection, clock: Clock) -> bool:
    """Whether the clock goes on from the moment at which the daemon was last seen, on this machine since its start."""
    table = tables.daemon
    row = connection.execute(select(table.c.seen_at, table.c.steady_base, table.c.steady_ms)).one_or_none()
    if row is None or row.steady_base is None:
        return False
    return clock.resume_from(row.seen_at, SteadyReading(row.steady_base, row.steady_ms / 1000))


def command_clock(connection: Connection, *, is_command: bool = False) -> SystemClock:
    """The clock of a command: the daemon's time where that is known on this machine, else the wall clock's.

    Beside a daemon on another machine its last sign of life is the time: of what people order (`ordering`), or where
    the wall clock is behind it. A daemon that hangs must not make what is read look young.
    """
    clock = SystemClock()
    if resume_clock(connection, clock):
        return clock
    daemon = read_daemon(connection)
    if daemon is None or not daemon.running:
        return clock
    off = clock.now() - daemon.seen_at
    if off < -MAX_SILENCE or (is_command and off > MAX_SILENCE):
        now_s = clock.elapsed_s()
        clock.record_measurement(daemon.seen_at, now_s, now_s)
    return clock


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


def read_first_run(connection: Connection) -> datetime | None:
    """When the first daemon that is remembered began; None: none ever did."""
    began = [connection.execute(select(func.min(t.c.since))).scalar() for t in (tables.runs, tables.daemon)]
    return min((at for at in began if at is not None), default=None)


def read_daemon(connection: Connection) -> DaemonRow | None:
    """The daemon that last held the database, None if none ever did."""
    row = connection.execute(select(tables.daemon).where(tables.daemon.c.id == 1)).one_or_none()
    if row is None:
        return None
    return DaemonRow(lease.is_held(connection), row.pid, row.since, row.version, row.seen_at)


def _steady_columns(steady: SteadyReading | None) -> dict[str, str | int | None]:
    if steady is None:
        return {"steady_base": None, "steady_ms": None}
    return {"steady_base": steady.base, "steady_ms": int(steady.seconds * 1000)}
