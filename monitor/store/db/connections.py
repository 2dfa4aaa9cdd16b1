"""SQLAlchemy engines for the writer and for readers, and checks of the schema revision."""

import contextlib
import os
import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from monitor.errors import StoreError, WrongDatabaseRevision
from monitor.extras import missing_package_fix
from monitor.store.db.server_sessions import create_server_engine

SCHEMA_REVISION = "0031"
"""The newest migration: the only schema that this program reads and writes."""

BUSY_TIMEOUT_S = 2
"""Seconds that another process may hold a lock before a waiting connection gives up."""

_WRITE_TIMEOUT_MS = 8_000
_READ_TIMEOUT_MS = 60_000
_REVISION = "SELECT version_num FROM alembic_version"


def parse_url(url: str) -> URL:
    """Return the database of `url`.

    Raises StoreError for one that is neither a SQLite file nor PostgreSQL, and for PostgreSQL without its package.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError("the database URL can't be read", where="[storage] url", mend=_URL_FORMS) from error
    if parsed.drivername == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed
    if parsed.drivername == "postgresql+psycopg" and parsed.database:
        if (fix := missing_package_fix("psycopg")) is not None:
            raise StoreError("PostgreSQL needs the package psycopg", where="[storage] url", mend=f"install it: `{fix}`")
        return parsed
    raise StoreError(f"no database can be opened at {display_url(parsed)}", where="[storage] url", mend=_URL_FORMS)


def display_url(url: URL) -> str:
    """Return the name of a database for people: the path of a file, or the URL without password and options."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.set(query={}).render_as_string(hide_password=True)


def sqlite_path(url: URL) -> Path | None:
    """Return the file of a SQLite database; None for another kind."""
    return Path(str(url.database)).absolute() if url.get_backend_name() == "sqlite" else None


def writing_engine(url: URL, *, name: str = "margin-monitor", statement_ms: int = _WRITE_TIMEOUT_MS) -> Engine:
    """Return an engine with durable writes: FULL synchronous, foreign keys on, no automatic checkpoints.

    Transactions begin IMMEDIATE on SQLite, so that two processes queue instead of failing half way. A PostgreSQL server
    knows its sessions by `name`, and ends a statement after `statement_ms` (0: never).
    """
    path = sqlite_path(url)
    if path is None:
        settings = {"statement_timeout": str(statement_ms), "synchronous_commit": "on"}
        return create_server_engine(url, display_url(url), settings, name, keeps_open=False)
    engine = create_engine(
        URL.create("sqlite", database=f"file:{_escape_path(path)}", query={"mode": "rw", "uri": "true"}),
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
    )
    _prepare_sqlite(
        engine,
        "BEGIN IMMEDIATE",
        # Of effect on a new file alone: it can give unused pages back.
        "PRAGMA auto_vacuum=INCREMENTAL",
        "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=FULL",
        "PRAGMA foreign_keys=ON",
        "PRAGMA wal_autocheckpoint=0",
    )
    return engine


def reading_engine(url: URL) -> Engine:
    """Return an engine that cannot change anything; each transaction sees one state of the database."""
    path = sqlite_path(url)
    if path is None:
        settings = {
            "statement_timeout": str(_READ_TIMEOUT_MS),
            "default_transaction_read_only": "on",
            "default_transaction_isolation": "repeatable read",
        }
        return create_server_engine(url, display_url(url), settings, "margin-monitor", keeps_open=True)
    engine = create_engine(
        URL.create("sqlite", database=f"file:{_escape_path(path)}", query={"mode": "ro", "uri": "true"}),
        hide_parameters=True,
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
    )
    _prepare_sqlite(engine, "BEGIN", "PRAGMA query_only=ON")
    return engine


def allow_slow_consumer(connection: Connection) -> None:
    """Give whoever takes the rows of this transaction ten minutes from one row to the next."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '10min'"))


def create_file(path: Path) -> None:
    """Create an empty SQLite file, and its folders, that only its owner may read; leave an existing one alone.

    An existing file is not even opened: closing it would end every lock that this process holds on it, and another
    process that closed the database last could delete the log while it is in use here.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with contextlib.suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreError(
            f"can't create the database {path}: {error.strerror}", mend="mend the folder or [storage] url"
        ) from error


def database_exists(url: URL) -> bool:
    """Return whether `url` has any content: a SQLite file that is not empty, or a PostgreSQL database with our tables.

    Raises StoreError when that can't be determined.
    """
    path = sqlite_path(url)
    try:
        if path is not None and (not path.exists() or path.stat().st_size == 0):
            return False
    except OSError as error:
        raise StoreError(f"can't look at the database {path}: {error.strerror}") from error
    engine = reading_engine(url)
    try:
        with engine.connect() as connection:
            return not is_empty(connection)
    except DBAPIError as error:
        raise unreachable_error(url, error) from error
    finally:
        engine.dispose()


def check_present(url: URL) -> None:
    """Raise StoreError, with the remedy, unless the database exists (a missing file is never created)."""
    if not database_exists(url):
        raise missing_error(url)


def missing_error(url: URL) -> StoreError:
    """Return the error for people where there is no database."""
    return StoreError(
        f"no database at {display_url(url)}", mend="run `margin-monitor db upgrade` or start `margin-monitor run`"
    )


def is_empty(connection: Connection) -> bool:
    """Return whether the database has no table at all."""
    return not inspect(connection).get_table_names()


def check_revision(connection: Connection, url: URL) -> None:
    """Raise StoreError, with the remedy, unless the schema is exactly this program's."""
    _check_found(read_revision(connection), url)


def check_unchanged_revision(connection: Connection, url: URL) -> None:
    """Do the same for a database that was this program's when the connection was made."""
    _check_found(connection.execute(text(_REVISION)).scalar(), url)


def keep_revision(connection: Connection, url: URL) -> None:
    """Do the same, and let no upgrade begin before the end of the transaction. One that runs is waited for."""
    # A transaction that writes to SQLite is alone with it.
    query = f"{_REVISION} FOR SHARE" if connection.dialect.name == "postgresql" else _REVISION
    _check_found(connection.execute(text(query)).scalar(), url)


def lock_revision(connection: Connection) -> None:
    """Wait for the transactions that keep the revision, and hold back others until the end of this one."""
    if connection.dialect.name == "postgresql" and read_revision(connection) is not None:
        connection.execute(text(f"{_REVISION} FOR UPDATE"))


def _check_found(found: str | None, url: URL) -> None:
    if found == SCHEMA_REVISION:
        return
    if found is None:
        raise WrongDatabaseRevision(
            f"{display_url(url)} is not a database of margin-monitor", mend="give another database in [storage] url"
        )
    if found > SCHEMA_REVISION:
        raise WrongDatabaseRevision(
            f"the database {display_url(url)} has revision {found}, newer than this program's {SCHEMA_REVISION}",
            mend="install the newer margin-monitor, or restore a backup",
        )
    raise WrongDatabaseRevision(
        f"the database {display_url(url)} has revision {found}, this program needs {SCHEMA_REVISION}",
        mend="run `margin-monitor db upgrade`",
    )


def read_revision(connection: Connection) -> str | None:
    """Return the revision of the schema; None where no migration of ours ever ran."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text(_REVISION)).scalar()
    return None if found is None else str(found)


def unreachable_error(url: URL, error: DBAPIError | sqlite3.Error) -> StoreError:
    """Return the error for people of a database that can't be opened: the driver's words without the password."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    words = " ".join(str(cause).split())
    if url.password:
        words = words.replace(str(url.password), "***")
    mend = "check the file and its folder" if url.get_backend_name() == "sqlite" else "check that the server runs"
    for part, its_mend in _MENDS.items():
        if part in words:
            mend = its_mend
    return StoreError(f"the database {display_url(url)} can't be used: {words[:300]}", mend=mend)


def _prepare_sqlite(engine: Engine, begin: str, *pragmas: str) -> None:
    # The driver's own begin of transactions is switched off: ours begin where the code says so.
    @event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, record: object) -> None:
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


def _escape_path(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


_DAMAGED_MEND = (
    "put a backup back with `margin-monitor db restore`, or keep it aside with `margin-monitor db upgrade --fresh`"
)
_MENDS = {
    "file is not a database": _DAMAGED_MEND,
    "disk image is malformed": _DAMAGED_MEND,
    "disk is full": "free some space",
    "No space left": "free some space",
    "database is locked": "end the program that keeps it locked",
    "lock timeout": "try again in a moment: another program is changing it",
    "unsupported startup parameter": "leave out what the pool does not take, or add it to `ignore_startup_parameters`",
}
"""Remedies by a part of the driver's words."""

_URL_FORMS = "give sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
