"""What a store tells and does of leases where several daemons share the database, and where one holds it."""

import asyncio
from pathlib import Path

from monitor.store.store import Store
from tests.store.shared_stores import ACCOUNTS, NONE, OpenShared, leases_of
from tests.support.postgres import PostgresServer


async def test_leadership_is_proven_only_while_its_proof_is_young(open_shared: OpenShared) -> None:
    first, second = await open_shared(), await open_shared()
    await first.divide(ACCOUNTS)
    await second.divide(ACCOUNTS)
    assert (first.has_proven_leadership, second.has_proven_leadership) == (True, False)
    term = leases_of(first).find_term("*")
    assert term is not None
    term.record_proof(term._steady_s() - 5)
    assert (first.is_leader, first.has_proven_leadership) == (True, False)
    await first.renew_leases()
    assert first.has_proven_leadership


async def test_renewal_takes_nothing_and_finds_what_is_lost(
    open_shared: OpenShared, postgres_server: PostgresServer, shared_name: str
) -> None:
    first, second = await open_shared(), await open_shared()
    await second.renew_leases()
    assert second.held_accounts == NONE
    await first.divide(ACCOUNTS)
    with postgres_server.connect(shared_name) as connection:
        connection.execute("UPDATE leases SET holder = 'another' WHERE account = 'alpha'")
    await first.renew_leases()
    assert first.held_accounts == {"beta", "gamma"}
    assert [name for name in ACCOUNTS if first.holds(name)] == ["beta", "gamma"]


async def test_holder_of_the_whole_database_leads_and_renews_nothing_here(tmp_path: Path) -> None:
    store = await asyncio.to_thread(Store.open, f"sqlite:///{tmp_path}/monitor.db")
    assert store.has_proven_leadership
    assert store.holds("alpha")
    await store.renew_leases()
    await store.close()
