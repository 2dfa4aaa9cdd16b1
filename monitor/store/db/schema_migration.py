"""Schema migrations; the only module that knows Alembic."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from monitor.errors import StoreError
from monitor.resources import packaged_path
from monitor.store.db import connections as opening
from monitor.store.db import lease
from monitor.store.db.connections import SCHEMA_REVISION


def upgrade(url: str) -> tuple[str | None, str]:
    """Upgrade the database; return the revisions before (None: empty or missing) and after, the newest.

    A missing SQLite file is created. All migrations happen in one transaction: it is upgraded or unchanged. Raises
    StoreError when the database is newer than this program or can't be reached, AnotherDaemon when a daemon of an older
    version still holds it.
    """
    parsed = opening.parse_url(url)
    path = opening.sqlite_path(parsed)
    if path is not None:
        opening.create_file(path)
    engine = opening.writing_engine(parsed, statement_ms=0)
    try:
        with describe_failures(parsed), engine.begin() as connection:
            before = opening.read_revision(connection)
            if before is not None and before > SCHEMA_REVISION:
                opening.check_revision(connection, parsed)
            if before is not None and before < SCHEMA_REVISION and lease.is_held(connection):
                # A daemon of the older version would go on writing rows of the older schema.
                raise lease.another_instance_error(opening.display_url(parsed), None)
            upgrade_connection(connection)
            return before, SCHEMA_REVISION
    finally:
        engine.dispose()


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
