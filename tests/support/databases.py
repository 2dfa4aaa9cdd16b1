"""Fixtures: a database of this program's newest revision, on SQLite and on PostgreSQL."""

import os
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from monitor.store.db.schema_migration import upgrade
from tests.support.postgres import PostgresServer, shared_server

_numbers = count(1)


@pytest.fixture(scope="session")
def postgres_server() -> PostgresServer:
    """The server that all tests of one run share; each creates its own database in it."""
    return shared_server()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A newly created SQLite file."""
    path = tmp_path_factory.mktemp("template") / "new.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """The name of a newly created PostgreSQL database."""
    name = f"template_{_worker()}"
    postgres_server.create_database(name)
    upgrade(postgres_server.url(name))
    return name


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
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
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
