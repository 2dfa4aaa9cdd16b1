"""One daemon per database: the lease that `run` holds as long as it lives, freed by its death whatever the cause."""

import contextlib
import fcntl
import os
import time
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from monitor.errors import AnotherInstance, StoreError

_PATIENCE_S = 0.5
"""Somebody who only looks whether the lease is held holds it for a moment himself."""

_LOCK = "pg_try_advisory_lock(hashtext('margin-monitor'), hashtext(current_schema()))"
_HELD = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND classid::bigint = (hashtext('margin-monitor')::bigint & 4294967295) "
    "AND objid::bigint = (hashtext(current_schema())::bigint & 4294967295)"
)


class FileLease:
    """The lease of a SQLite database: a lock on the file `<database>.lock`, which also names its holder."""

    def __init__(self, database: Path) -> None:
        self._path = Path(f"{database}.lock")
        self._descriptor: int | None = None

    def take(self) -> None:
        """Holds the lease from now on. Raises AnotherInstance when another process does."""
        try:
            descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"can't open {self._path}: {error.strerror}", mend="mend the folder's permissions"
            ) from error
        deadline = time.monotonic() + _PATIENCE_S
        while not _locked(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
                os.close(descriptor)
                raise another_instance(str(self._path).removesuffix(".lock"), int(holder) if holder.isdigit() else None)
            time.sleep(0.02)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Gives the lease up. The file stays: removing it would let two holders hold two files."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def is_held(self) -> bool:
        """Whether any process holds the lease now."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return not _locked(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)


def take_on(connection: Connection, shown: str) -> None:
    """Holds the lease of a PostgreSQL database as long as this connection lives.

    It is taken on the very connection that writes, so nothing is ever written without it.
    Raises AnotherInstance when another session holds it.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while not connection.execute(text(f"SELECT {_LOCK}")).scalar():
        if time.monotonic() > deadline:
            pid = None
            with contextlib.suppress(DBAPIError):
                pid = connection.execute(text("SELECT pid FROM daemon")).scalar()
            raise another_instance(shown, pid)
        time.sleep(0.02)


def is_held(connection: Connection) -> bool:
    """Whether any daemon holds the lease of the database that `connection` reads."""
    if connection.dialect.name == "postgresql":
        return bool(connection.execute(text(_HELD)).scalar())
    path = connection.exec_driver_sql("PRAGMA database_list").one()[2]
    return FileLease(Path(path)).is_held()


def another_instance(shown: str, pid: int | None) -> AnotherInstance:
    """The error that names the daemon in the way."""
    who = f"another margin-monitor (pid {pid})" if pid else "another margin-monitor"
    return AnotherInstance(f"{who} holds the database {shown}", mend="stop it, or give this one a database of its own")


def _locked(descriptor: int, mode: int) -> bool:
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
