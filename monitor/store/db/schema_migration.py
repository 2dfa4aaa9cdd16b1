"""Schema migrations; the only module that knows Alembic."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from monitor.errors import DaemonAlreadyRunning, StoreError
from monitor.resources import packaged_path
from monitor.store.db import connections as opening
from monitor.store.db import session_names
from monitor.store.db.connections import SCHEMA_REVISION
from monitor.store.db.lease import FileLease, ServerLease
from monitor.store.db.lease_term import outdate_claims

DAEMON_WAIT_S = 10.0
"""Seconds within which a daemon that has just taken an empty database makes its schema."""


class _EmptyDatabaseHeld(DaemonAlreadyRunning):
    """A database without a schema that another daemon holds."""


def upgrade(url: str) -> tuple[str | None, str]:
    """Upgrade the database; return the revisions before (None: empty or missing) and after, the newest.

    A missing SQLite file is created. All migrations happen in one transaction: it is upgraded or unchanged. The lease
    is held meanwhile, so that no daemon of an older version writes into the newer schema. A daemon that takes an empty
    database at this moment makes the schema itself, and is waited for. Raises StoreError when the database is newer
    than this program or can't be reached, DaemonAlreadyRunning when a daemon holds it.
    """
    parsed = opening.parse_url(url)
    last_try_at = time.monotonic() + DAEMON_WAIT_S
    while True:
        try:
            return _upgrade_now(parsed)
        except _EmptyDatabaseHeld:
            if time.monotonic() > last_try_at:
                raise
        time.sleep(0.1)


def _upgrade_now(parsed: URL) -> tuple[str | None, str]:
    path = opening.sqlite_path(parsed)
    if path is not None:
        opening.create_file(path)
    name = session_names.new_session_name()
    engine = opening.writing_engine(parsed, name=name, statement_ms=0)
    try:
        # The lease of a file outlives the commit, that of a server ends with its connection.
        with contextlib.ExitStack() as held, describe_failures(parsed), engine.begin() as connection:
            before = opening.read_revision(connection)
            if before is not None and before > SCHEMA_REVISION:
                opening.check_revision(connection, parsed)
            if before != SCHEMA_REVISION:
                try:
                    _hold_lease(held, connection, parsed, name)
                except DaemonAlreadyRunning as error:
                    raise error if before is not None else _EmptyDatabaseHeld(error.message, mend=error.mend) from error
                opening.lock_revision(connection)
                upgrade_connection(connection)
                outdate_claims(connection)
            return before, SCHEMA_REVISION
    finally:
        engine.dispose()


def _hold_lease(held: contextlib.ExitStack, connection: Connection, url: URL, name: str) -> None:
    """Acquire the lease until `held` or the connection is closed. Raises DaemonAlreadyRunning when a daemon has it."""
    path = opening.sqlite_path(url)
    try:
        if path is None:
            ServerLease(opening.display_url(url), name).acquire(connection)
        else:
            lease = FileLease(path)
            lease.acquire()
            held.callback(lease.release)
    except DaemonAlreadyRunning as error:
        mend = "the schema changes only while no daemon writes: stop it, and run `margin-monitor db upgrade` again"
        raise DaemonAlreadyRunning(error.message, mend=mend) from error


@contextmanager
def describe_failures(url: URL) -> Iterator[None]:
    """Raise StoreError, with the database and the remedy, for errors of an upgrade."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        raise opening.unreachable_error(url, error) from error
    except CommandError as error:
        raise StoreError(f"the database {opening.display_url(url)} can't be upgraded: {error}") from error


def upgrade_connection(connection: Connection) -> None:
    """Run all missing migrations within the open transaction of the connection."""
    config = Config()
    config.set_main_option("script_location", str(packaged_path("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def find_problems(url: str) -> list[str]:
    """Return the problems of the database, in words; empty when there are none.

    On SQLite every page and every reference is checked (PostgreSQL guards those itself). Raises StoreError when the
    database is missing, of another version or can't be reached.
    """
    parsed = opening.parse_url(url)
    opening.check_present(parsed)
    problems: list[str] = []
    engine = opening.reading_engine(parsed)
    try:
        with closing(engine.connect()) as connection:
            opening.check_revision(connection, parsed)
            if parsed.get_backend_name() == "sqlite":
                found = connection.execute(text("PRAGMA integrity_check")).scalars().all()
                problems += [f"integrity: {line}" for line in found if line != "ok"]
                problems += [
                    f"a row of {row[0]} refers to a missing row of {row[2]}"
                    for row in connection.execute(text("PRAGMA foreign_key_check")).all()
                ]
    except DBAPIError as error:
        raise opening.unreachable_error(parsed, error) from error
    finally:
        engine.dispose()
    return problems
