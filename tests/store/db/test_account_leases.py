"""Daemons that share the accounts of one database: each account has one holder, whatever becomes of the daemons."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from monitor.core.model.intent import IntentState
from monitor.core.model.journal import JournalEntry
from monitor.errors import DaemonAlreadyRunning, StoreError, StoreRefused
from monitor.records.address_usage import AddressUsage
from monitor.store.db import account_shares
from monitor.store.db.access import _CREATION_LOCK
from monitor.store.db.account_leases import LEADER
from monitor.store.db.lease import _HOLDER
from monitor.store.store import Store
from tests.store.shared_stores import (
    ACCOUNTS,
    ALL,
    NONE,
    WAIT_S,
    OpenShared,
    divide_all,
    divided_again,
    end_session,
    epochs,
    session_name,
    wait_until_waiting,
)
from tests.support.examples.store_rows import NOW, intent, planned_entry, step
from tests.support.postgres import PostgresServer


def sizes(stores: Sequence[Store]) -> list[int]:
    return sorted(len(store.held_accounts) for store in stores)


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
    assert (await first.divide(ACCOUNTS)).surplus == (), "the other one takes nothing yet"
    await second.divide(ACCOUNTS)
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
    monkeypatch.setattr(account_shares, "MEMBER_FOR", timedelta(0))
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
    monkeypatch.setattr(account_shares, "MEMBER_FOR", timedelta(0))
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
    monkeypatch.setattr(account_shares, "MEMBER_FOR", timedelta(0))
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


async def test_account_that_others_do_not_have_stays_while_they_come_and_go(open_shared: OpenShared) -> None:
    all_of_them = await open_shared()
    await all_of_them.divide(ACCOUNTS)
    for _ in range(3):
        few = await open_shared()
        for _ in range(2):
            await few.divide(("alpha",))
            division = await all_of_them.divide(ACCOUNTS)
            assert {"beta", "gamma"} <= division.held - set(division.surplus)
        await few.close()


async def test_account_that_others_do_not_take_is_kept_until_another_daemon_comes(
    open_shared: OpenShared, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    busy, idle = await open_shared(), await open_shared()
    await busy.divide(ACCOUNTS)
    await idle.divide(ACCOUNTS)
    assert (await busy.divide(ACCOUNTS)).surplus == ("gamma",)
    await busy.give_back({"gamma"})
    assert (await busy.divide(ACCOUNTS)).held == {"alpha", "beta"}
    monkeypatch.setattr(account_shares, "SILENT_AFTER_S", 0.0)
    for _ in range(account_shares.MIN_OBSERVATIONS):
        await busy.divide(ACCOUNTS)
    assert "lease.unclaimed account=gamma" in caplog.text
    division = await busy.divide(ACCOUNTS)
    assert (division.held, division.surplus) == (ALL, ())
    other = await open_shared()
    assert (await busy.divide(ACCOUNTS)).surplus == (), "it takes nothing yet"
    await other.divide(ACCOUNTS)
    assert (await busy.divide(ACCOUNTS)).surplus == ("beta", "gamma")


async def test_daemon_that_registers_anew_still_gets_its_share(open_shared: OpenShared) -> None:
    first, second = await open_shared(), await open_shared()
    await first.divide(ACCOUNTS)
    await second.divide(ACCOUNTS)
    await second.register_daemon(2, NOW, "0.1.0")
    assert (await first.divide(ACCOUNTS)).surplus == ("gamma",)


async def test_what_still_ends_here_is_not_taken(open_shared: OpenShared) -> None:
    store = await open_shared()
    assert (await store.divide(ACCOUNTS, {"alpha"})).held == {"beta", "gamma"}
    assert (await store.divide(ACCOUNTS)).held == ALL


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


async def test_daemons_on_one_machine_tell_each_other_what_their_address_used(
    open_shared: OpenShared, postgres_server: PostgresServer, shared_name: str
) -> None:
    first, second, elsewhere = await open_shared(), await open_shared(), await open_shared()
    used, less = AddressUsage(NOW, {"/api": 4000}), AddressUsage(NOW, {"/api": 10})
    assert (await first.divide(ACCOUNTS, usage=used)).usage == ()
    with postgres_server.connect(shared_name) as connection:
        connection.execute("UPDATE daemons SET host = 'far' WHERE id = %s", [session_name(elsewhere)])
    assert (await second.divide(ACCOUNTS, usage=less)).usage == (used,)
    assert (await first.divide(ACCOUNTS, usage=used)).usage == (less,)
    await elsewhere.divide(ACCOUNTS, usage=AddressUsage(NOW, {"/api": 5000}))
    assert (await first.divide(ACCOUNTS, usage=used)).usage == (less,)
    await second.divide(ACCOUNTS)
    assert (await first.divide(ACCOUNTS)).usage == ()
