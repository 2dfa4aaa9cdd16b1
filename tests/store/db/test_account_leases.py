"""Daemons that share the accounts of one database: each account has one holder, whatever becomes of the daemons."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from itertools import count
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection

from monitor.core.model.intent import IntentState
from monitor.core.model.journal import JournalEntry
from monitor.errors import DaemonAlreadyRunning, StoreError, StoreRefused
from monitor.records.leases import Division
from monitor.store.db import account_leases, account_shares
from monitor.store.db.access import _CREATION_LOCK
from monitor.store.db.account_leases import LEADER
from monitor.store.db.lease import _HOLDER
from monitor.store.store import Store
from tests.support.examples.store_rows import NOW, intent, planned_entry, step
from tests.support.postgres import PostgresServer

OpenShared = Callable[[], Awaitable[Store]]

ACCOUNTS = ("alpha", "beta", "gamma")
ALL = frozenset(ACCOUNTS)
NONE: frozenset[str] = frozenset()
WAIT_S = 60
IS_WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def sizes(stores: Sequence[Store]) -> list[int]:
    return sorted(len(store.held_accounts) for store in stores)


async def divide_all(stores: Sequence[Store], accounts: Sequence[str], turns: int = 3) -> None:
    """Let the daemons divide the accounts; each gives back what is above its share at once."""
    for _ in range(turns):
        for store in stores:
            division = await store.divide(accounts)
            if division.surplus:
                await store.give_back(division.surplus)


def epochs(connection: psycopg.Connection) -> dict[str, int]:
    return dict(connection.execute("SELECT account, epoch FROM leases").fetchall())


def end_session(connection: psycopg.Connection, store: Store) -> None:
    """End the writing session of a store, as an administrator does, and wait until it has ended."""
    name = session_name(store)
    connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", [name])
    while connection.execute("SELECT 1 FROM pg_stat_activity WHERE application_name = %s", [name]).fetchone():
        pass


def wait_until_waiting(connection: psycopg.Connection, daemons: int) -> None:
    """Wait until so many daemons wait for a lock."""
    deadline = time.monotonic() + WAIT_S
    while connection.execute(IS_WAITING).fetchone() != (daemons,):
        assert time.monotonic() < deadline


def session_name(store: Store) -> str:
    leases = store._access.leases
    assert leases is not None
    return leases.holder


async def divided_again(store: Store, accounts: Sequence[str]) -> Division:
    """The division after the store has connected anew."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                return await store.divide(accounts)
            except StoreError:
                await asyncio.sleep(0.05)


async def test_division_is_even_and_stable_however_many_daemons_there_are(open_shared: OpenShared) -> None:
    stores: list[Store] = []
    for _ in range(3):
        stores.append(await open_shared())
        for wanted in (7, 1, 2, 5):
            accounts = "abcdefg"[:wanted]
            await divide_all(stores, accounts)
            held = [store.held_accounts for store in stores]
            assert NONE.union(*held) == set(accounts)
            assert sum(map(len, held)) == wanted
            assert max(sizes(stores)) - min(sizes(stores)) <= 1
            await divide_all(stores, accounts, turns=1)
            assert [store.held_accounts for store in stores] == held
            assert sum(store.is_leader for store in stores) == 1


async def test_each_change_is_reported_once(open_shared: OpenShared) -> None:
    first, second = await open_shared(), await open_shared()
    division = await first.divide(ACCOUNTS)
    assert division.held
    assert (division.taken, division.lost) == (division.held, NONE)
    assert division.members == 2
    assert division.is_leader
    again = await first.divide(ACCOUNTS)
    assert (again.held, again.taken, again.lost, again.surplus) == (division.held, NONE, NONE, ())
    assert not (await second.divide(ACCOUNTS)).is_leader


async def test_account_that_is_given_back_is_taken_by_another_at_once(
    open_shared: OpenShared, postgres_server: PostgresServer, shared_name: str
) -> None:
    first = await open_shared()
    await divide_all([first], ACCOUNTS)
    assert first.held_accounts == ALL
    second = await open_shared()
    assert (await first.divide(ACCOUNTS)).surplus == ("gamma",)
    assert (await second.divide(ACCOUNTS)).held == NONE, "not before it was given back"
    with postgres_server.connect(shared_name) as connection:
        before = epochs(connection)
        await first.give_back({"gamma"})
        division = await second.divide(ACCOUNTS)
        assert (division.held, division.taken) == (frozenset({"gamma"}), frozenset({"gamma"}))
        assert epochs(connection)["gamma"] > before["gamma"]
    assert first.lease_of("gamma") is None
    term = second.lease_of("gamma")
    assert term is not None
    assert term.find_objection() is None, "who gave it back sends nothing any more"
    assert (await first.divide(ACCOUNTS)).lost == NONE, "it was given back, not lost"


async def test_closed_store_leaves_everything_to_the_others(open_shared: OpenShared) -> None:
    first, second = await open_shared(), await open_shared()
    await divide_all([first, second], ACCOUNTS)
    await first.close()
    division = await second.divide(ACCOUNTS)
    assert (division.held, division.members, division.is_leader) == (ALL, 1, True)
    assert all(term.sends_in_s == 0 for term in map(second.lease_of, ACCOUNTS) if term is not None)


async def test_accounts_of_an_ended_session_are_taken_over(
    open_shared: OpenShared, postgres_server: PostgresServer, shared_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await open_shared(), await open_shared()
    await first.take({"alpha"})
    await first.divide(ACCOUNTS)
    planned = intent(1, account="alpha")
    await first.commit(planned_entry(planned))
    monkeypatch.setattr(account_leases, "MEMBER_FOR", timedelta(0))
    with postgres_server.connect(shared_name) as connection:
        before = epochs(connection)
        end_session(connection, first)
        await second.divide(ACCOUNTS)
        assert second.held_accounts == ALL
        assert second.is_leader
        assert all(epochs(connection)[item] > before[item] for item in (*first.held_accounts, LEADER))
    term = second.lease_of("alpha")
    assert term is not None
    assert term.sends_in_s > 0, "who held it before may still be sending"
    division = await divided_again(first, ACCOUNTS)
    assert "alpha" in division.lost
    assert (division.held, first.held_accounts, first.is_leader) == (NONE, NONE, False)
    assert first.lease_of("alpha") is None
    assert first.replacement_count == 0
    for write in (
        lambda: first.commit(JournalEntry("alpha", NOW)),
        lambda: first.claim(planned, NOW),
        lambda: first.record_step(intent(1, IntentState.EXPIRED), step(1, IntentState.PLANNED, IntentState.EXPIRED)),
    ):
        with pytest.raises(StoreRefused, match="this daemon does not hold account"):
            await write()
    assert not first.is_failing
    assert await second.claim(planned, NOW)


async def test_lost_account_is_not_taken_anew_before_its_loss_is_reported(
    open_shared: OpenShared, postgres_server: PostgresServer, shared_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await open_shared(), await open_shared()
    monkeypatch.setattr(account_leases, "MEMBER_FOR", timedelta(0))
    await first.divide(ACCOUNTS)
    with postgres_server.connect(shared_name) as connection:
        end_session(connection, first)
    await second.divide(ACCOUNTS)
    await second.give_back(ACCOUNTS)
    division = await divided_again(first, ACCOUNTS)
    assert (division.held, division.taken, division.lost) == (NONE, NONE, ALL)
    division = await first.divide(ACCOUNTS)
    assert (division.held, division.taken, division.lost) == (ALL, ALL, NONE)


async def test_new_connection_keeps_what_no_other_daemon_took(
    open_shared: OpenShared, postgres_server: PostgresServer, shared_name: str
) -> None:
    store = await open_shared()
    await store.divide(ACCOUNTS)
    terms = [store.lease_of(account) for account in ACCOUNTS]
    with postgres_server.connect(shared_name) as connection:
        before = epochs(connection)
        end_session(connection, store)
        division = await divided_again(store, ACCOUNTS)
        assert epochs(connection) == before
    assert (division.held, division.taken, division.lost) == (ALL, NONE, NONE)
    assert [store.lease_of(account) for account in ACCOUNTS] == terms
    assert (store.replacement_count, store.connects, store.is_leader) == (0, 2, True)


async def test_connection_that_is_cut_leaves_no_session_with_the_accounts(
    open_shared: OpenShared, postgres_server: PostgresServer, shared_name: str
) -> None:
    store = await open_shared()
    await store.divide(ACCOUNTS)
    # Its own end alone is cut: on the server the session goes on to hold everything.
    cut, store._writer._connection = store._writer._connection, None
    assert cut is not None
    division = await divided_again(store, ACCOUNTS)
    assert (division.held, division.lost) == (ALL, NONE)
    with postgres_server.connect(shared_name) as connection:
        assert len(connection.execute(_HOLDER).fetchall()) == 1
    cut.invalidate()
    cut.close()


async def test_other_database_has_nothing_of_before(
    open_shared: OpenShared, postgres_server: PostgresServer, postgres_template: str, shared_name: str
) -> None:
    store = await open_shared()
    await store.divide(ACCOUNTS)
    postgres_server.drop_database(shared_name)
    postgres_server.create_database(shared_name, postgres_template)
    division = await divided_again(store, ACCOUNTS)
    assert (division.held, division.lost) == (NONE, ALL)
    assert store.replacement_count == 1
    assert (await store.divide(ACCOUNTS)).held == ALL


async def test_session_of_a_silent_holder_is_ended(
    open_shared: OpenShared, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    frozen, living = await open_shared(), await open_shared()
    await divide_all([frozen, living], ACCOUNTS)
    monkeypatch.setattr(account_leases, "MEMBER_FOR", timedelta(0))
    for _ in range(account_shares.MIN_OBSERVATIONS + 1):
        await living.divide(ACCOUNTS)
    assert len(living.held_accounts) < len(ACCOUNTS), "its time is not over yet"
    monkeypatch.setattr(account_shares, "SILENT_AFTER_S", 0.0)
    async with asyncio.timeout(WAIT_S):
        for turns in count(1):
            division = await living.divide(ACCOUNTS)
            if division.held == ALL and division.is_leader:
                break
            assert turns < 1000
    assert "lease.ghost" in caplog.text
    assert (await divided_again(frozen, ACCOUNTS)).lost


async def test_daemon_that_shows_its_life_is_left_alone(
    open_shared: OpenShared, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stores = [await open_shared(), await open_shared()]
    monkeypatch.setattr(account_shares, "SILENT_AFTER_S", 0.0)
    await divide_all(stores, ACCOUNTS, turns=3 * account_shares.MIN_OBSERVATIONS)
    assert "lease.ghost" not in caplog.text
    assert [store.connects for store in stores] == [1, 1]


async def test_account_that_others_do_not_have_is_taken_above_the_share(
    open_shared: OpenShared, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_of_them, few = await open_shared(), await open_shared()
    monkeypatch.setattr(account_shares, "SILENT_AFTER_S", 0.0)
    for _ in range(3 * account_shares.MIN_OBSERVATIONS):
        await divide_all([all_of_them], ACCOUNTS, turns=1)
        await divide_all([few], ("alpha",), turns=1)
    assert all_of_them.held_accounts | few.held_accounts == ALL
    assert {"beta", "gamma"} <= all_of_them.held_accounts


async def test_unit_that_fails_has_taken_nothing(open_shared: OpenShared) -> None:
    first, second = await open_shared(), await open_shared()
    leases = first._access.leases
    assert leases is not None

    def fail_after(connection: Connection) -> None:
        leases.take(connection, {"alpha"})
        raise StoreRefused("not so")

    with pytest.raises(StoreRefused, match="not so"):
        await first.execute(fail_after)
    assert first.held_accounts == NONE
    await first.give_back(())
    assert await second.take({"alpha"}) == {"alpha"}
    assert await first.take({"alpha"}) == NONE


async def test_account_that_was_renewed_and_given_back_together_is_not_proved(open_shared: OpenShared) -> None:
    store = await open_shared()
    await store.take({"alpha"})
    term = store.lease_of("alpha")
    leases = store._access.leases
    assert term is not None
    assert leases is not None

    def renew_and_give_back(connection: Connection) -> None:
        leases.renew(connection)
        leases.give_back(connection, {"alpha"})

    await store.execute(renew_and_give_back)
    found = term.find_objection()
    assert found is not None
    assert found.reason == "this daemon does not hold the account any more"


async def test_daemon_for_the_whole_database_excludes_those_for_accounts(
    open_shared: OpenShared, postgres_server: PostgresServer, shared_name: str
) -> None:
    url = postgres_server.url(shared_name)
    shared = [await open_shared(), await open_shared()]
    await divide_all(shared, ACCOUNTS)
    with pytest.raises(DaemonAlreadyRunning, match="holds the database"):
        Store.open(url)
    with postgres_server.connect(shared_name) as connection:
        highest = max(epochs(connection).values())
    assert sizes(shared) == [1, 2]
    for store in shared:
        await store.close()
    whole = Store.open(url)
    try:
        assert whole.lease is not None
        assert whole.lease.epoch == highest + 1
        with pytest.raises(DaemonAlreadyRunning, match="holds the database"):
            Store.open(url, by_account=True)
    finally:
        await whole.close()
    last = await open_shared()
    await last.divide(ACCOUNTS)
    planned = intent(1, account="alpha")
    await last.commit(planned_entry(planned))
    assert await last.claim(planned, NOW), "its epoch is above that of the whole database"


async def test_two_daemons_can_begin_on_an_empty_database(
    postgres_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    name = "shared_empty"
    postgres_server.create_database(name)
    try:
        url = postgres_server.url(name)
        with postgres_server.connect(name) as first:
            first.execute(_CREATION_LOCK.replace("_xact", ""))
            stores = [Store.attach(url, by_account=True) for _ in range(2)]
            await asyncio.to_thread(wait_until_waiting, first, len(stores))
        for store in stores:
            assert (await divided_again(store, ACCOUNTS)).members == 1, "it is not registered yet"
            await store.close()
    finally:
        postgres_server.drop_database(name)
    assert "already exists" not in caplog.text
    assert "duplicate key" not in caplog.text


def test_accounts_of_a_file_can_not_be_divided(tmp_path: Path) -> None:
    for opened in (Store.open, Store.attach):
        with pytest.raises(StoreError, match="can't be divided"):
            opened(f"sqlite:///{tmp_path}/monitor.db", by_account=True)
