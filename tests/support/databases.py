"""Fixtures: a database of this program's newest revision, on SQLite and on PostgreSQL."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from monitor.store.db.schema_migration import upgrade
from tests.support.postgres import SHARED, PostgresServer, shared_server

_numbers = count(1)


@pytest.fixture(scope="session")
def postgres_server() -> PostgresServer:
    """The server that all tests of one run share; each creates its own database in it."""
    return shared_server()


def provide_sqlite_file(path: Path) -> None:
    """Put a newly created database at `path` unless a file is there. Outside of a test session the program does it.

    A copy, since the migrations take a third of a second.
    """
    if SHARED in os.environ and not path.exists():
        shutil.copy(_shared_sqlite_file(), path)


@pytest.fixture(scope="session")
def sqlite_template() -> Path:
    """A newly created SQLite file, which the processes of a test session share."""
    return _shared_sqlite_file()


def _shared_sqlite_file() -> Path:
    path = Path(os.environ[SHARED], "new.db")
    with _first_use("sqlite", path) as is_first:
        if is_first:
            upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """The name of a newly created PostgreSQL database, which the processes of a test session share."""
    name = "template_new"
    with _first_use("postgresql", Path(os.environ[SHARED], name)) as is_first:
        if is_first:
            postgres_server.create_database(name)
            upgrade(postgres_server.url(name))
            Path(os.environ[SHARED], name).touch()
    return name


@contextmanager
def _first_use(kind: str, made: Path) -> Iterator[bool]:
    """Whether `made` has to be made; other processes wait until this one has done it."""
    with Path(os.environ[SHARED], f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield not made.exists()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database to create, on each of the two: a missing file, or a PostgreSQL database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'monitor.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = _fresh_name()
    server.create_database(name)
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of the newest revision, on each of the two."""
    if request.param == "sqlite":
        path = tmp_path / "monitor.db"
        provide_sqlite_file(path)
        yield f"sqlite:///{path}"
        return
    template: str = request.getfixturevalue("postgres_template")
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = _fresh_name()
    server.create_database(name, template)
    yield server.url(name)
    server.drop_database(name)


def _worker() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


def _fresh_name() -> str:
    return f"t_{_worker()}_{next(_numbers)}"
