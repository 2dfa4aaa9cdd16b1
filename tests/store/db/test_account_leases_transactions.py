"""Leases of accounts whose transaction fails in part, is lost, or meets another daemon that is frozen."""

import pytest
from sqlalchemy import Connection, text

from monitor.errors import StoreError, StoreRefused
from monitor.store.store import Store
from tests.store.shared_stores import (
    ACCOUNTS,
    ALL,
    NONE,
    OpenShared,
    divided_again,
    end_session,
    epochs,
    holder,
    leases_of,
    session_name,
    write_together,
)
from tests.support.examples.store_rows import NOW
from tests.support.postgres import PostgresServer

CHANGE_CONTROL = "UPDATE control SET changes = changes + 1"


def refuse(connection: Connection) -> None:
    raise StoreRefused("not so")


def change_control(connection: Connection) -> None:
    connection.execute(text(CHANGE_CONTROL))


def wait_shortly(connection: Connection) -> None:
    """Let the session wait for locks shorter than its callers wait for it."""
    connection.exec_driver_sql("SET lock_timeout = '200ms'")


async def test_unit_that_fails_has_taken_nothing(open_shared: OpenShared) -> None:
    first, second = await open_shared(), await open_shared()

    def fail_after(connection: Connection) -> None:
        leases_of(first).take(connection, {"alpha"})
        raise StoreRefused("not so")

    with pytest.raises(StoreRefused, match="not so"):
        await first.execute(fail_after)
    assert first.held_accounts == NONE
    await first.give_back(())
    assert await second.take({"alpha"}) == {"alpha"}
    assert await first.take({"alpha"}) == NONE


async def test_what_is_taken_before_a_unit_that_fails_is_held(
    open_shared: OpenShared, postgres_server: PostgresServer, shared_name: str
) -> None:
    store = await open_shared()
    division, refused = await write_together(store, store.divide(ACCOUNTS), store.execute(refuse))
    assert isinstance(refused, StoreRefused)
    assert (division.held, division.taken, division.is_leader) == (ALL, ALL, True)
    with postgres_server.connect(shared_name) as connection:
        before = epochs(connection)
        await store.divide(ACCOUNTS)
        assert epochs(connection) == before, "it was not taken twice"
    term = store.lease_of("alpha")
    assert term is not None
    assert term.epoch == before["alpha"]
    # What was renewed before such a unit is proved, too.
    term.end()
    _, refused = await write_together(store, store.update_last_seen(NOW), store.execute(refuse))
    assert isinstance(refused, StoreRefused)
    assert term.is_held


async def test_taking_whose_answer_was_lost_hides_no_holder_before(
    open_shared: OpenShared, postgres_server: PostgresServer, shared_name: str
) -> None:
    before, store = await open_shared(), await open_shared()
    await before.take({"alpha"})

    def take_and_lose_the_answer(connection: Connection) -> None:
        leases_of(store).take(connection, {"alpha"})
        connection.exec_driver_sql("COMMIT")
        raise StoreRefused("there was no answer")

    with postgres_server.connect(shared_name) as connection:
        end_session(connection, before)
        with pytest.raises(StoreRefused):
            await store.execute(take_and_lose_the_answer)
        assert (store.held_accounts, holder(connection, "alpha")) == (NONE, session_name(store))
    assert await store.take({"alpha"}) == {"alpha"}
    term = store.lease_of("alpha")
    assert term is not None
    assert term.sends_in_s > 0


async def test_account_that_is_given_back_while_its_holder_before_may_send_makes_the_next_wait(
    open_shared: OpenShared, postgres_server: PostgresServer, shared_name: str
) -> None:
    before, between, after = [await open_shared() for _ in range(3)]
    await before.take({"alpha"})
    with postgres_server.connect(shared_name) as connection:
        end_session(connection, before)
    await between.take({"alpha"})
    await between.give_back({"alpha"})
    await after.take({"alpha"})
    term = after.lease_of("alpha")
    assert term is not None
    assert term.sends_in_s > 0


async def test_account_is_held_until_it_is_given_back_durably(
    open_shared: OpenShared, postgres_server: PostgresServer, shared_name: str
) -> None:
    store, other = await open_shared(), await open_shared()
    await store.take({"alpha"})
    term = store.lease_of("alpha")
    assert term is not None

    def fail_after(connection: Connection) -> None:
        leases_of(store).give_back(connection, {"alpha"})
        raise StoreRefused("not so")

    with pytest.raises(StoreRefused, match="not so"):
        await store.execute(fail_after)
    assert store.held_accounts == {"alpha"}
    assert not term.is_held, "nothing is sent all the same"
    assert await other.take({"alpha"}) == NONE
    await store.give_back({"alpha"})
    with postgres_server.connect(shared_name) as connection:
        assert holder(connection, "alpha") is None
    assert await other.take({"alpha"}) == {"alpha"}


async def test_account_that_is_given_back_beside_a_renewal_is_not_lost(
    open_shared: OpenShared, caplog: pytest.LogCaptureFixture
) -> None:
    store = await open_shared()
    await store.divide(ACCOUNTS)
    given = store.lease_of("alpha")
    assert given is not None
    for together in (
        (store.give_back({"alpha"}), store.update_last_seen(NOW)),
        (store.update_last_seen(NOW), store.give_back({"beta"})),
    ):
        await write_together(store, *together)
    division = await store.divide(("gamma",))
    assert division.held == {"gamma"}
    assert (division.lost, division.surplus) == (NONE, ())
    assert "lease.lost" not in caplog.text
    found = given.find_objection()
    assert found is not None
    assert found.reason == "this daemon does not hold the account any more"


async def test_account_that_was_renewed_and_given_back_together_is_not_proved(open_shared: OpenShared) -> None:
    store = await open_shared()
    await store.take({"alpha"})
    term = store.lease_of("alpha")
    assert term is not None
    await write_together(store, store.update_last_seen(NOW), store.give_back({"alpha"}))
    assert not term.is_held


async def test_daemon_frozen_inside_a_transaction_holds_up_only_what_it_has_locked(
    open_shared: OpenShared, postgres_server: PostgresServer, shared_name: str
) -> None:
    store = await open_shared()
    await store.divide(ACCOUNTS)
    await store.execute(wait_shortly)
    with postgres_server.connect(shared_name) as frozen:
        frozen.execute("BEGIN")
        frozen.execute(CHANGE_CONTROL)
        late, division, later = await write_together(
            store, store.execute(change_control), store.divide(ACCOUNTS), store.execute(change_control)
        )
        for error in (late, later):
            assert isinstance(error, StoreError)
            assert "has locked" in str(error)
            assert not isinstance(error, StoreRefused), "it may be given again"
        assert division.held == ALL
        with pytest.raises(StoreError, match="has locked"):
            await store.execute(change_control)
        assert (store.connects, store.is_failing, division.lost) == (1, False, NONE)
        # A new connection works as well, though it can't write that row.
        with postgres_server.connect(shared_name) as connection:
            end_session(connection, store)
        assert (await divided_again(store, ACCOUNTS)).held == ALL
        frozen.execute("ROLLBACK")
    await store.execute(change_control)


async def test_daemon_for_the_whole_database_connects_anew_after_a_wait_in_vain(
    postgres_server: PostgresServer, shared_name: str
) -> None:
    store = Store.open(postgres_server.url(shared_name))
    await store.execute(wait_shortly)
    with postgres_server.connect(shared_name) as other:
        other.execute("BEGIN")
        other.execute(CHANGE_CONTROL)
        with pytest.raises(StoreError, match="lock timeout"):
            await store.execute(change_control)
        assert store.is_failing
        other.execute("ROLLBACK")
    await store.close()
