"""Opening a database: for the one writer, or to read only, and never another version than this program's."""

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from monitor.errors import StoreError

HEAD = "0012"
"""The newest migration: the only schema that this program reads and writes."""

BUSY_TIMEOUT_S = 5
CONNECT_TIMEOUT_S = 5


def parse_url(url: str) -> URL:
    """The database meant by `url`. Raises StoreError for one that is neither a SQLite file nor PostgreSQL."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError("the database URL can't be read", where="[storage] url", mend=_SHAPES) from error
    if parsed.drivername == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed
    if parsed.drivername == "postgresql+psycopg" and parsed.database:
        return parsed
    raise StoreError(f"no database can be opened at {shown(parsed)}", where="[storage] url", mend=_SHAPES)


def shown(url: URL) -> str:
    """How a database is named to people: the path of a file, or the URL without its password and options."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.set(query={}).render_as_string(hide_password=True)


def sqlite_path(url: URL) -> Path | None:
    """The file of a SQLite database, None for another kind."""
    return Path(str(url.database)).absolute() if url.get_backend_name() == "sqlite" else None


def writing_engine(url: URL) -> Engine:
    """An engine whose every connection writes durably: FULL synchronous, foreign keys on, checkpoints by hand.

    Transactions begin IMMEDIATE on SQLite, so that two processes queue instead of failing half way.
    """
    path = sqlite_path(url)
    if path is None:
        return _postgresql(url, "-c synchronous_commit=on")
    engine = create_engine(
        URL.create("sqlite", database=f"file:{_escaped(path)}", query={"mode": "rw", "uri": "true"}),
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
    )
    _prepare_sqlite(
        engine,
        "BEGIN IMMEDIATE",
        "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=FULL",
        "PRAGMA foreign_keys=ON",
        "PRAGMA wal_autocheckpoint=0",
    )
    return engine


def reading_engine(url: URL) -> Engine:
    """An engine that cannot change anything; each of its transactions sees one state of the database."""
    path = sqlite_path(url)
    if path is None:
        return _postgresql(
            url, "-c default_transaction_read_only=on -c default_transaction_isolation=repeatable\\ read", pooled=True
        )
    engine = create_engine(
        URL.create("sqlite", database=f"file:{_escaped(path)}", query={"mode": "ro", "uri": "true"}),
        hide_parameters=True,
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
    )
    _prepare_sqlite(engine, "BEGIN", "PRAGMA query_only=ON")
    return engine


def create_file(path: Path) -> None:
    """An empty SQLite file that only its owner may read, with the folders above it; an existing one is left alone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreError(
            f"can't create the database {path}: {error.strerror}", mend="mend the folder or [storage] url"
        ) from error


def exists(url: URL) -> bool:
    """Whether there is anything at `url`: a SQLite file with content, or a PostgreSQL database with our tables.

    Raises StoreError when that can't be found out.
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
            return bool(inspect(connection).get_table_names())
    except DBAPIError as error:
        raise unreachable(url, error) from error
    finally:
        engine.dispose()


def check_present(url: URL) -> None:
    """Raises StoreError, with the mend, unless a database is there (a missing file is never created)."""
    if not exists(url):
        raise StoreError(
            f"no database at {shown(url)}", mend="run `margin-monitor db upgrade` or start `margin-monitor run`"
        )


def check_revision(connection: Connection, url: URL) -> None:
    """Raises StoreError, with the mend, unless the schema is exactly this program's."""
    found = revision(connection)
    if found == HEAD:
        return
    if found is None:
        raise StoreError(
            f"{shown(url)} is not a database of margin-monitor", mend="give another database in [storage] url"
        )
    if found > HEAD:
        raise StoreError(
            f"the database {shown(url)} has revision {found}, newer than this program's {HEAD}",
            mend="install the newer margin-monitor again, or restore a backup",
        )
    raise StoreError(
        f"the database {shown(url)} has revision {found}, this program needs {HEAD}",
        mend="run `margin-monitor db upgrade`",
    )


def revision(connection: Connection) -> str | None:
    """The revision of the schema, None where no migration of ours ever ran."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def unreachable(url: URL, error: DBAPIError) -> StoreError:
    """What to tell people about a database that can't be opened. The driver's words, without the password."""
    words = " ".join(str(error.orig).split())
    if url.password:
        words = words.replace(str(url.password), "***")
    mend = "check the file and its folder" if url.get_backend_name() == "sqlite" else "check that the server runs"
    return StoreError(f"the database {shown(url)} can't be used: {words[:300]}", mend=mend)


def _postgresql(url: URL, options: str, *, pooled: bool = False) -> Engine:
    own = url.query.get("options", "")
    arguments: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "options": f"{own} {options}" if isinstance(own, str) else options,
        "application_name": "margin-monitor",
        **{name: value for name, value in url.query.items() if name in ("connect_timeout", "application_name")},
    }
    bare = url.difference_update_query(["options", "connect_timeout", "application_name"])
    if pooled:
        return create_engine(bare, pool_size=2, pool_pre_ping=True, hide_parameters=True, connect_args=arguments)
    return create_engine(bare, poolclass=NullPool, hide_parameters=True, connect_args=arguments)


def _prepare_sqlite(engine: Engine, begin: str, *pragmas: str) -> None:
    # The driver's own idea of when a transaction begins is switched off: ours begin where the code says so.
    @event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, record: object) -> None:
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


_SHAPES = "give sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
