"""Quarantine of a damaged SQLite database by a person's command, so that a fresh one can take its place."""

from datetime import datetime
from pathlib import Path

from monitor.errors import MonitorError, StoreError, UsageError, WrongDatabaseRevision
from monitor.store.db import connections as opening
from monitor.store.db import schema_migration

_TRANSIENT_ERRORS = ("is locked", "has not answered", "unable to open", "can't look")
"""Parts of error messages that don't concern the file itself."""


def quarantine_damaged(url: str, now: datetime) -> Path | None:
    """Move the damaged file, with its logs, aside and return its new path; None where there was none.

    Raises MonitorError for a database that is sound or can't be checked, UsageError for PostgreSQL.
    """
    parsed = opening.parse_url(url)
    path = opening.sqlite_path(parsed)
    if path is None:
        raise UsageError("--fresh is for SQLite files", mend="make another database on the server and give its URL")
    if not path.exists() or path.stat().st_size == 0:
        return None
    if not _is_damaged(url):
        raise MonitorError("the database is sound", where=str(path), mend="leave --fresh out")
    aside = path.with_name(f"{path.name}.damaged-{now:%Y%m%dT%H%M%SZ}")
    try:
        for suffix in ("-wal", "-shm", ""):
            part = Path(f"{path}{suffix}")
            if part.exists():
                part.rename(f"{aside}{suffix}")
    except OSError as error:
        raise MonitorError(f"can't be moved: {error.strerror}", where=str(path), mend="mend the folder") from error
    return aside


def _is_damaged(url: str) -> bool:
    try:
        return bool(schema_migration.find_problems(url))
    except WrongDatabaseRevision as error:
        raise MonitorError(error.message, mend=error.mend) from error
    except StoreError as error:
        if any(words in error.message for words in _TRANSIENT_ERRORS):
            raise
        return True
