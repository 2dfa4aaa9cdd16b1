"""Stores of several daemons that share the accounts of one database."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import psycopg
from sqlalchemy import Connection

from monitor.errors import StoreError
from monitor.records.leases import Division
from monitor.store.db.account_leases import AccountLeases
from monitor.store.store import Store

OpenShared = Callable[[], Awaitable[Store]]

ACCOUNTS = ("alpha", "beta", "gamma")
ALL = frozenset(ACCOUNTS)
NONE: frozenset[str] = frozenset()
WAIT_S = 60
IS_WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


async def divide_all(stores: Sequence[Store], accounts: Sequence[str], turns: int = 3) -> None:
    """Let the daemons divide the accounts; each gives back what is above its share at once."""
    for _ in range(turns):
        for store in stores:
            division = await store.divide(accounts)
            if division.surplus:
                await store.give_back(division.surplus)


async def divided_again(store: Store, accounts: Sequence[str]) -> Division:
    """The division after the store has connected anew."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                return await store.divide(accounts)
            except StoreError:
                await asyncio.sleep(0.05)


async def write_together(store: Store, *writes: Coroutine[Any, Any, Any]) -> list[Any]:
    """The results, or errors, of what the store writes in one transaction."""
    begun, let_go = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        begun.set()
        let_go.wait(WAIT_S)

    holding = asyncio.create_task(store.execute(hold))
    await asyncio.to_thread(begun.wait, WAIT_S)
    waiting = [asyncio.ensure_future(write) for write in writes]
    # One turn of the loop, in which each is queued.
    await asyncio.sleep(0)
    let_go.set()
    await holding
    return await asyncio.gather(*waiting, return_exceptions=True)


def leases_of(store: Store) -> AccountLeases:
    leases = store._access.leases
    assert leases is not None
    return leases


def session_name(store: Store) -> str:
    return leases_of(store).holder


def epochs(connection: psycopg.Connection[Any]) -> dict[str, int]:
    return dict(connection.execute("SELECT account, epoch FROM leases").fetchall())


def holder(connection: psycopg.Connection[Any], account: str) -> str | None:
    """The name in the account's row."""
    (found,) = connection.execute("SELECT holder FROM leases WHERE account = %s", [account]).fetchall()
    name: str | None = found[0]
    return name


def end_session(connection: psycopg.Connection[Any], store: Store) -> None:
    """End the writing session of a store, as an administrator does, and wait until it has ended."""
    name = session_name(store)
    connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", [name])
    while connection.execute("SELECT 1 FROM pg_stat_activity WHERE application_name = %s", [name]).fetchone():
        pass


def wait_until_waiting(connection: psycopg.Connection[Any], daemons: int) -> None:
    """Wait until so many daemons wait for a lock."""
    deadline = time.monotonic() + WAIT_S
    while connection.execute(IS_WAITING).fetchone() != (daemons,):
        assert time.monotonic() < deadline
