"""Which daemon holds which account, as readers see it."""

import os

from monitor.store.command_store import ReadStore
from monitor.store.readers.holders import read_holders
from monitor.store.readers.status import read_status_rows
from monitor.store.store import Store
from monitor.store.writes.daemon_row import read_daemon, read_runs
from tests.store.shared_stores import OpenShared
from tests.support.examples.store_rows import NOW, at
from tests.support.postgres import PostgresServer


async def test_holder_of_each_account_is_known_while_it_holds_it(
    open_shared: OpenShared, postgres_server: PostgresServer, shared_name: str
) -> None:
    first, second = await open_shared(), await open_shared()
    await first.take({"alpha", "beta"})
    await second.take({"gamma"})
    await second.divide(())
    with ReadStore.open(postgres_server.url(shared_name)) as reader:
        holders = reader.read(read_holders)
        assert sorted(holders) == ["alpha", "beta", "gamma"]
        assert {(one.host, one.pid) for one in holders.values()} == {(os.uname().nodename, os.getpid())}
        assert all(one.since <= one.seen_at for one in [holders["gamma"]])
        assert reader.read(read_status_rows).holders == holders
        await first.give_back({"alpha"})
        assert sorted(reader.read(read_holders)) == ["beta", "gamma"]
        await first.close()
        assert sorted(reader.read(read_holders)) == ["gamma"]


async def test_no_single_holders_are_named_where_one_daemon_holds_all(store: Store) -> None:
    await store.register_daemon(1, NOW, "0.1.0")
    assert await store.read(read_holders) == {}


async def test_row_of_the_daemon_is_that_of_the_leader(
    open_shared: OpenShared, postgres_server: PostgresServer, shared_name: str
) -> None:
    leader, other = await open_shared(), await open_shared()
    await leader.divide(())
    await other.divide(())
    await leader.register_daemon(1, NOW, "0.1.0")
    await other.register_daemon(2, at(1), "0.1.0")
    await leader.update_last_seen(at(10))
    await other.update_last_seen(at(20))
    with ReadStore.open(postgres_server.url(shared_name)) as reader:
        found = reader.read(read_daemon)
        assert found is not None
        assert (found.running, found.pid, found.seen_at, found.host) == (True, 1, at(10), os.uname().nodename)
        await leader.close()
        found = reader.read(read_daemon)
        assert found is not None
        assert (found.running, found.host) == (True, None), "the other one still runs"
        assert (await other.divide(())).is_leader
        await other.register_daemon(2, at(30), "0.1.0")
        found = reader.read(read_daemon)
        assert found is not None
        assert (found.running, found.pid, found.host) == (True, 2, os.uname().nodename)
        assert reader.read(read_runs) == ((NOW, at(10)), (at(30), at(30)))


async def test_coverage_is_extended_for_held_accounts_alone(open_shared: OpenShared) -> None:
    store = await open_shared()
    await store.take({"alpha"})
    done = await store.update_last_seen(at(60), None, {"alpha": at(1), "beta": at(1)})
    assert (done.extended, done.behind) == ((), ("alpha",))
