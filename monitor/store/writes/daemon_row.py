"""The daemon's row: process, machine, start, last sign of life, and its clock for commands."""

import os
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select, update

from monitor.clock import Clock, SteadyClockReading, SystemClock
from monitor.records.status import DaemonRow
from monitor.store.db import lease
from monitor.store.db.account_leases import LEADER
from monitor.store.db.connection_leases import daemon_columns, holder_name, is_leader
from monitor.store.db.lease_term import WHOLE_DATABASE, read_database_time
from monitor.store.db.prepared_statements import upsert
from monitor.store.schema import tables

MAX_SILENCE = timedelta(seconds=5)
"""The longest time between two signs of life of a daemon that works."""

DAEMONS_KEPT = timedelta(days=7)
"""How long a daemon that ended is remembered by its machine."""


def register_daemon(
    connection: Connection, pid: int, since: datetime, version: str, steady: SteadyClockReading | None = None
) -> None:
    """Save this daemon's row; the run of the previous daemon is kept.

    Of several daemons, the one alone that does what is done once a database has that row, and registers again when it
    becomes that.
    """
    _register_holder(connection, pid, version)
    if not is_leader(connection):
        return
    table = tables.daemon
    before = select(table.c.since, table.c.seen_at, table.c.version)
    connection.execute(insert(tables.runs).from_select(["since", "until", "version"], before))
    row = {"id": 1, "pid": pid, "since": since, "version": version, "seen_at": since}
    row |= _steady_columns(steady)
    connection.execute(upsert(tables.daemon, connection.dialect, ("id",)), row)


def update_last_seen(connection: Connection, at: datetime, steady: SteadyClockReading | None = None) -> None:
    """Save a sign of life. `steady` is the reading of the machine's steady clock at that moment."""
    if is_leader(connection):
        connection.execute(
            update(tables.daemon).where(tables.daemon.c.id == 1).values(seen_at=at, **_steady_columns(steady))
        )
    if (holder := holder_name(connection)) is not None:
        table = tables.daemons
        seen = update(table).where(table.c.id == holder)
        connection.execute(seen.values(seen_at=read_database_time(connection)))


def resume_clock(connection: Connection, clock: Clock) -> bool:
    """Resume the clock from the daemon's last sign of life; return whether that was possible.

    It is possible only on the same machine and since its boot.
    """
    table = tables.daemon
    row = connection.execute(select(table.c.seen_at, table.c.steady_base, table.c.steady_ms)).one_or_none()
    if row is None or row.steady_base is None:
        return False
    return clock.resume_from(row.seen_at, SteadyClockReading(row.steady_base, row.steady_ms / 1000))


def command_clock(connection: Connection, *, is_command: bool = False) -> SystemClock:
    """Return the clock of a command: the daemon's time where that is known on this machine, else the wall clock.

    With a daemon on another machine its last sign of life is the time, for commands (`is_command`) or where the wall
    clock is behind it. A daemon that hangs must not make old reads appear recent.
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
    """Return the daemons' runs, oldest first, the present one included; optionally those that ended after a moment.

    The end of a run is its last sign of life.
    """
    table = tables.runs
    wanted = select(table.c.since, table.c.until).order_by(table.c.since)
    if ends_after is not None:
        wanted = wanted.where(table.c.until > ends_after)
    newest = select(tables.daemon.c.since, tables.daemon.c.seen_at)
    return tuple((since, until) for found in (wanted, newest) for since, until in connection.execute(found))


def read_first_run(connection: Connection) -> datetime | None:
    """Return the start of the first known daemon; None if there never was one."""
    began = [connection.execute(select(func.min(t.c.since))).scalar() for t in (tables.runs, tables.daemon)]
    return min((at for at in began if at is not None), default=None)


def read_daemon(connection: Connection) -> DaemonRow | None:
    """Return the daemon that last held the database; None if there never was one."""
    row = connection.execute(select(tables.daemon).where(tables.daemon.c.id == 1)).one_or_none()
    if row is None:
        return None
    return DaemonRow(
        lease.is_held(connection), row.pid, row.since, row.version, row.seen_at, _read_holders_host(connection)
    )


def _register_holder(connection: Connection, pid: int, version: str) -> None:
    """Save who holds the lease, by the database's own clock; daemons that were not seen for long are left out."""
    holder, table = holder_name(connection), tables.daemons
    if holder is None:
        return
    now = read_database_time(connection)
    connection.execute(delete(table).where(table.c.seen_at < now - DAEMONS_KEPT))
    row = {"id": holder, "host": os.uname().nodename, "pid": pid, "version": version, "since": now, "seen_at": now}
    connection.execute(upsert(table, connection.dialect, ("id",)), {**row, **daemon_columns(connection)})


def _read_holders_host(connection: Connection) -> str | None:
    """Return the machine of the daemon that holds the database, or does what is done once in it; None without one."""
    daemons, leases = tables.daemons, tables.leases
    wanted = select(daemons.c.host).select_from(leases).outerjoin(daemons, leases.c.holder == daemons.c.id)
    wanted = wanted.where(leases.c.account.in_((WHOLE_DATABASE, LEADER)))
    host: str | None = connection.execute(wanted.order_by(leases.c.epoch.desc()).limit(1)).scalar()
    return host


def _steady_columns(steady: SteadyClockReading | None) -> dict[str, str | int | None]:
    if steady is None:
        return {"steady_base": None, "steady_ms": None}
    return {"steady_base": steady.base, "steady_ms": int(steady.seconds * 1000)}
