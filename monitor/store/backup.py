"""Backups of a SQLite database: made beside a running daemon, restored while none runs."""

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

from sqlalchemy import inspect
from sqlalchemy.engine import URL

from monitor.errors import MonitorError, StoreError, UsageError
from monitor.store.db import connections as opening
from monitor.store.db.lease import FileLease
from monitor.store.schema import tables
from monitor.store.writes.id_allocation import next_id_after, raise_id_floor
from monitor.store.writes.pause_switch import set_paused


def back_up(url: str, target: Path) -> None:
    """Write the database as of one moment to `target`, whole or not at all, for its owner alone.

    Any revision can be backed up. Raises MonitorError when `target` exists or can't be written, StoreError for a
    database that can't be read, UsageError for PostgreSQL.
    """
    parsed = opening.parse_url(url)
    path = _require_sqlite(parsed, "pg_dump")
    opening.check_present(parsed)
    try:
        # Created first, so that of two backups to one place the second is refused.
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except FileExistsError as error:
        raise MonitorError("is already there", where=str(target), mend="give another FILE") from error
    except OSError as error:
        raise MonitorError(f"can't write: {error.strerror}", where=str(target), mend="give another FILE") from error
    try:
        with _copy_database(path, target.parent) as copy:
            copy.replace(target)
            _fsync(target.parent)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def restore(url: str, source: Path, by: str, at: datetime, *, force: bool = False) -> str:
    """Replace the database by a backup, at the backup's revision, and return that revision.

    Its actions are paused from then on, as if the person `by` had paused them: the backup lacks everything since. The
    pause is written before the file is where a daemon could open it, and an upgrade keeps it. Ids continue above those
    of both databases, where the backup's revision keeps such a number; the time keeps them apart everywhere. What the
    backup has as not sent yet is never sent: see `expire_restored`. Nothing is
    changed when it raises: MonitorError when a database exists and `force` is False, or when the backup is damaged, not
    one of ours, or can't be upgraded; DaemonAlreadyRunning while a daemon holds the database; UsageError for
    PostgreSQL.
    """
    # alembic is heavy, and needed here alone
    from monitor.store.db.schema_migration import describe_failures

    parsed = opening.parse_url(url)
    path = _require_sqlite(parsed, "pg_restore")
    found = _check_backup(source)
    if path.exists() and source.resolve() == path.resolve():
        raise UsageError("the backup is the database itself", mend="give another FILE")
    had_one = path.exists() and path.stat().st_size > 0
    if had_one and not force:
        raise MonitorError("there is a database already", where=str(path), mend="use --force to overwrite it")
    if path.exists() and path.stat().st_uid != os.geteuid():
        # The daemon could not open a file that this user wrote.
        owner = path.owner()
        raise MonitorError(
            f"the database belongs to {owner}", where=str(path), mend=f"do it as that user: sudo -u {owner}"
        )
    opening.create_file(path)
    held = FileLease(path)
    try:
        held.acquire()
        with _copy_database(source, path.parent) as copy:
            if found != opening.SCHEMA_REVISION:
                _check_upgradable(copy, parsed)
            with describe_failures(parsed):
                _prepare_copy(copy, by, at, max(next_id_after(path), next_id_after(copy)))
            # The log of the old database must never meet the new one.
            for old in ("-wal", "-shm"):
                Path(f"{path}{old}").unlink(missing_ok=True)
            copy.replace(path)
            _fsync(path.parent)
    finally:
        held.release()
        if not had_one and path.stat().st_size == 0:
            path.unlink()
    return found


def _require_sqlite(url: URL, tool: str) -> Path:
    path = opening.sqlite_path(url)
    if path is None:
        raise UsageError("backups of a PostgreSQL database are the server's own matter", mend=f"use {tool}")
    return path


def _check_backup(source: Path) -> str:
    """Return the revision of an intact backup."""
    if not source.is_file():
        raise MonitorError("there is no such file", where=str(source), mend="give the FILE of `db backup`")
    try:
        with closing(_open_read_only(source)) as connection:
            problems = [row[0] for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
            if problems:
                raise MonitorError(f"the backup is damaged: {problems[0]}", where=str(source), mend="take an older one")
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        what = f"is no backup of margin-monitor ({error})"
        raise MonitorError(what, where=str(source), mend="give the FILE of `db backup`") from error
    if row is None:
        raise MonitorError("is no backup of margin-monitor", where=str(source), mend="give the FILE of `db backup`")
    if row[0] > opening.SCHEMA_REVISION:
        what = f"the backup has revision {row[0]}, newer than this program's {opening.SCHEMA_REVISION}"
        raise StoreError(what, where=str(source), mend="install the newer margin-monitor")
    return str(row[0])


@contextlib.contextmanager
def _copy_database(source: Path, folder: Path) -> Iterator[Path]:
    """Yield a complete copy of the database in `folder`, synced to the disk and readable by its owner alone.

    The copy is deleted at the end unless it was moved away.
    """
    name = ""
    try:
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=f".{source.name}.")
        os.close(descriptor)
        with closing(_open_read_only(source)) as original, closing(sqlite3.connect(name)) as copy:
            # All pages in one step: in several steps it would start anew whenever the daemon commits.
            original.backup(copy, pages=-1)
            copy.execute("PRAGMA journal_mode=DELETE")
        _fsync(Path(name))
        yield Path(name)
    except sqlite3.Error as error:
        raise StoreError(f"{source} can't be copied: {error}", mend="`margin-monitor db check` says more") from error
    except OSError as error:
        raise MonitorError(f"can't write: {error.strerror}", where=str(folder), mend="mend the folder") from error
    finally:
        if name:
            # A write that fails leaves its log behind.
            for part in ("", "-wal", "-shm", "-journal"):
                Path(f"{name}{part}").unlink(missing_ok=True)


def _check_upgradable(database: Path, url: URL) -> None:
    """Upgrade a copy of the copy, which is then deleted: a backup that could never be used replaces nothing."""
    # alembic is heavy, and needed here alone
    from monitor.store.db.schema_migration import describe_failures, upgrade_connection

    with _copy_database(database, database.parent) as trial, describe_failures(url):
        engine = opening.writing_engine(URL.create("sqlite", database=str(trial)))
        try:
            with engine.begin() as connection:
                upgrade_connection(connection)
        finally:
            engine.dispose()
        _fold_into_one_file(trial)


def _prepare_copy(database: Path, by: str, at: datetime, first_number: int) -> None:
    """Pause the actions of the copy, with the record of any pause that a person commands.

    Its ids continue from at least `first_number`. Any revision can be paused: one that is older than the audit trail
    has no place for the record.
    """
    engine = opening.writing_engine(URL.create("sqlite", database=str(database)))
    try:
        with engine.begin() as connection:
            known = inspect(connection)
            set_paused(connection, True, by, at, has_trail=known.has_table(tables.audit.name))
            if any(column["name"] == "numbers_from" for column in known.get_columns(tables.control.name)):
                raise_id_floor(connection, first_number)
    finally:
        engine.dispose()
    _fold_into_one_file(database)
    _fsync(database)


def _fold_into_one_file(database: Path) -> None:
    """Bring the database into one file again, since only that one is moved."""
    with closing(sqlite3.connect(database)) as alone:
        alone.execute("PRAGMA journal_mode=DELETE")


def _open_read_only(path: Path) -> sqlite3.Connection:
    quoted = str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return sqlite3.connect(f"file:{quoted}?mode=ro", uri=True, timeout=opening.BUSY_TIMEOUT_S)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
