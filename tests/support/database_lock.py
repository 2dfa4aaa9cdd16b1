"""A database locked by another process: writes wait, reads work."""

import contextlib
import sqlite3
from collections.abc import Iterator

import psycopg

from monitor.store.db import connections as opening


@contextlib.contextmanager
def locked_database(url: str, table: str = "intents") -> Iterator[None]:
    """Lock the database at `url` against writes during the context; of PostgreSQL one table."""
    parsed = opening.parse_url(url)
    path = opening.sqlite_path(parsed)
    if path is not None:
        with contextlib.closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
        return
    plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as server:
        server.execute(f"LOCK TABLE {table} IN SHARE MODE".encode())
        yield
        server.rollback()
