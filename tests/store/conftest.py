"""A store on each of the two databases, and stores of daemons that share the accounts of one."""

import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta

import pytest

from monitor.store.db import account_shares
from monitor.store.store import Store
from tests.support.examples.store_rows import NOW
from tests.support.postgres import PostgresServer


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    opened = Store.open(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def shared_name(
    postgres_server: PostgresServer, postgres_template: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The name of a new PostgreSQL database. No daemon on it becomes silent because the machine is busy."""
    name = f"shared_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    postgres_server.create_database(name, postgres_template)
    monkeypatch.setattr(account_shares, "SILENT_AFTER_S", 10_000.0)
    monkeypatch.setattr(account_shares, "MAX_OBSERVATION_GAP_S", 10_000.0)
    monkeypatch.setattr(account_shares, "MEMBER_FOR", timedelta(hours=3))
    monkeypatch.setattr(account_shares, "REJOIN_S", 0.0)
    yield name
    postgres_server.drop_database(name)


@pytest.fixture
async def open_shared(
    postgres_server: PostgresServer, shared_name: str
) -> AsyncIterator[Callable[[], Awaitable[Store]]]:
    """Opens and registers the store of one more daemon that shares the accounts of the database."""
    async with contextlib.AsyncExitStack() as opened:

        async def open_one() -> Store:
            store = Store.open(postgres_server.url(shared_name), by_account=True)
            opened.push_async_callback(store.close)
            await store.register_daemon(os.getpid(), NOW, "0.1.0")
            return store

        yield open_one
