"""The lease of a database: one daemon each, released by its death whatever the cause."""

import contextlib
import fcntl
import logging
import os
import time
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError

from monitor.errors import DaemonAlreadyRunning, StoreError
from monitor.store.db import session_names
from monitor.store.db.server_sessions import shared_session_error
from monitor.store.schema import tables

log = logging.getLogger(__name__)

STALE_AFTER_S = 60.0
"""Machine seconds without a sign of life, written every second, after which a daemon has lost its connection."""

_ACQUIRE_TIMEOUT_S = 0.5
"""A process that only checks whether the lease is held holds it for a moment itself."""

_TERMINATION_TIMEOUT_S = 2.0
"""Seconds that a terminated session is waited for: a busy server takes its time."""

_LOCK = "pg_try_advisory_lock(hashtext('margin-monitor'), hashtext(current_schema()))"
_SHARED_LOCK = _LOCK.replace("pg_try_advisory_lock(", "pg_try_advisory_lock_shared(")
_LOCK_ROW = (
    "locktype = 'advisory' AND granted AND objsubid = 2 "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND classid::bigint = (hashtext('margin-monitor')::bigint & 4294967295) "
    "AND objid::bigint = (hashtext(current_schema())::bigint & 4294967295)"
)
_COUNT_HELD = f"SELECT count(*) FROM pg_locks WHERE {_LOCK_ROW}"
_HOLDING = f"SELECT pid FROM pg_locks WHERE {_LOCK_ROW}"
_HOLDER = f"SELECT pid, application_name FROM pg_stat_activity WHERE pid IN ({_HOLDING})"
_HELD_ALONE = f"{_HOLDING} AND mode = 'ExclusiveLock'"


class FileLease:
    """The lease of a SQLite database: a lock on the file `<database>.lock`, which also names its holder."""

    def __init__(self, database: Path) -> None:
        self._path = Path(f"{database}.lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Acquire the lease. Raises DaemonAlreadyRunning when another process holds it."""
        if self._descriptor is not None:
            return
        try:
            descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"can't open {self._path}: {error.strerror}", mend="mend the folder's permissions"
            ) from error
        self._give_to_owner(descriptor)
        deadline = time.monotonic() + _ACQUIRE_TIMEOUT_S
        while not _try_lock(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
                os.close(descriptor)
                raise another_instance_error(
                    str(self._path).removesuffix(".lock"), int(holder) if holder.isdigit() else None
                )
            time.sleep(0.02)
        self._descriptor = descriptor
        # The file only names the holder; the lease is valid even if a full disk refuses that.
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def _give_to_owner(self, descriptor: int) -> None:
        """Give a file that root made to the owner of the database, as SQLite does with its own."""
        if os.geteuid() == 0:
            with contextlib.suppress(OSError):
                owner = Path(str(self._path).removesuffix(".lock")).stat()
                os.fchown(descriptor, owner.st_uid, owner.st_gid)

    def release(self) -> None:
        """Release the lease. The file stays: if it were removed, two holders could hold two files."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def is_held(self) -> bool:
        """Return whether any process holds the lease now."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return not _try_lock(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)


class ServerLease:
    """The lease of a PostgreSQL database, held as long as the connection on which it was acquired.

    That is the very connection that writes, so nothing is ever written without the lease. A session that outlived its
    daemon, such as one whose connection was cut, is terminated by the next daemon.
    """

    def __init__(self, display_url: str, name: str, *, is_shared: bool = False) -> None:
        """`name` is that of the sessions of this holder, and of no other.

        `is_shared`: it excludes those alone that take the lease for themselves.
        """
        self._display_url = display_url
        self._is_shared = is_shared
        self._lock = _SHARED_LOCK if is_shared else _LOCK
        self._name = name
        self._last_seen: datetime | None = None
        self._unseen_since = time.monotonic()
        self._process: int | None = None

    def acquire(self, connection: Connection) -> None:
        """Acquire the lease.

        Raises DaemonAlreadyRunning when another daemon holds it, StoreError if a dead session does.
        """
        deadline = time.monotonic() + _ACQUIRE_TIMEOUT_S
        ended: frozenset[int] = frozenset()
        while not (taken := connection.execute(text(f"SELECT {self._lock}, pg_backend_pid()")).one())[0]:
            if not ended and (ended := self._terminate_stale_sessions(connection)):
                deadline = time.monotonic() + _TERMINATION_TIMEOUT_S
            if time.monotonic() > deadline:
                if ended & frozenset(connection.execute(text(_HOLDING)).scalars()):
                    raise StoreError(
                        f"a dead session of margin-monitor still holds the database {self._display_url}",
                        mend="it was told to end; if it stays, end it on the server",
                    )
                pid, host = _read_holder(connection)
                raise another_instance_error(self._display_url, pid, host)
            time.sleep(0.02)
        self._process = taken[1]

    def check_session(self, connection: Connection) -> None:
        """Raise PoolSharesSessions unless the connection still has the session that holds the lease."""
        if connection.execute(text("SELECT pg_backend_pid()")).scalar() != self._process:
            raise shared_session_error(self._display_url)

    def _terminate_stale_sessions(self, connection: Connection) -> frozenset[int]:
        """Terminate the holders that are sessions without a daemon; return those that were signalled.

        Only a holder that holds it alone may be found silent: of several, each shows its life elsewhere.
        """
        alone = frozenset(connection.execute(text(_HELD_ALONE)).scalars())
        own = connection.execute(text("SELECT pg_backend_pid()")).scalar()
        ended = set()
        for holder in connection.execute(text(_HOLDER)).all():
            if holder.pid == own or (self._is_shared and holder.pid not in alone):
                continue
            is_own = holder.application_name == self._name
            is_watched = holder.pid in alone and not self._is_shared
            if not (
                is_own
                or session_names.is_process_gone(holder.application_name)
                or (is_watched and self._is_holder_silent(connection))
            ):
                continue
            log.warning("lease.ghost session=%d of=%r", holder.pid, holder.application_name)
            if connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": holder.pid}).scalar():
                ended.add(holder.pid)
        return frozenset(ended)

    def _is_holder_silent(self, connection: Connection) -> bool:
        """Return whether the holder has given no sign of life for so long that its daemon must be gone."""
        _, seen_at = _read_last_daemon(connection)
        if seen_at != self._last_seen or seen_at is None:
            self._last_seen, self._unseen_since = seen_at, time.monotonic()
        return time.monotonic() - self._unseen_since > STALE_AFTER_S


def is_held(connection: Connection) -> bool:
    """Return whether any daemon holds the lease of the database that `connection` reads."""
    if connection.dialect.name == "postgresql":
        return bool(connection.execute(text(_COUNT_HELD)).scalar())
    path = connection.exec_driver_sql("PRAGMA database_list").one()[2]
    return FileLease(Path(path)).is_held()


def another_instance_error(display_url: str, pid: int | None, host: str = "") -> DaemonAlreadyRunning:
    """Return the error that names the daemon holding the database."""
    place = f" on {host}" if host else ""
    who = f"another margin-monitor (pid {pid}{place})" if pid else "another margin-monitor"
    return DaemonAlreadyRunning(
        f"{who} holds the database {display_url}", mend="stop it, or give this one a database of its own"
    )


def _read_holder(connection: Connection) -> tuple[int | None, str]:
    """Return the process and the machine of a daemon that holds the lease; None and "" where they can't be read."""
    known = tables.daemons
    with contextlib.suppress(DBAPIError), connection.begin_nested():
        names = [holder.application_name for holder in connection.execute(text(_HOLDER))]
        for is_holder in (known.c.id.in_(names), known.c.id.in_(select(tables.leases.c.holder))):
            if (found := connection.execute(select(known.c.pid, known.c.host).where(is_holder)).first()) is not None:
                return found.pid, found.host
    return _read_last_daemon(connection)[0], ""


def _read_last_daemon(connection: Connection) -> tuple[int | None, datetime | None]:
    """Return the process of the last registered daemon and when it was last seen; None where that can't be read."""
    with contextlib.suppress(DBAPIError), connection.begin_nested():
        found = connection.execute(select(tables.daemon.c.pid, tables.daemon.c.seen_at)).first()
        return (None, None) if found is None else (found.pid, found.seen_at)
    return None, None


def _try_lock(descriptor: int, mode: int) -> bool:
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
