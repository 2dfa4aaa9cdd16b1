"""The share of one of several daemons: what it runs, stops, gives back and forgets."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from monitor.clock import SystemClock
from monitor.config.loading import load_config
from monitor.config.policies import build_policy
from monitor.core.model.alert import Severity
from monitor.core.model.journal import JournalEntry
from monitor.exchange.binance.rate_limits import WeightBudget, WeightPool
from monitor.exchange.port import Exchange
from monitor.runtime.account import account_share
from monitor.runtime.account.account_owners import AccountOwners
from monitor.runtime.account.account_share import AccountShare
from monitor.runtime.account.poller import ReadIntervals
from monitor.runtime.account.removed_accounts import RemovedAccounts
from monitor.runtime.account.supervisor import WatchedAccount
from monitor.runtime.address_limits import AddressLimits
from monitor.store.readers.alerts import read_alerts
from monitor.store.schema import tables
from monitor.store.store import Store
from monitor.store.writes.account_owners import save_owner
from tests.support.command import write_config
from tests.support.daemon import eventually
from tests.support.examples.store_rows import NOW, alert, intent, planned_entry
from tests.support.postgres import PostgresServer

NAMES = ("alpha", "beta", "gamma")
STILL_S = 3.0
"""Time in which nothing may happen: three turns."""


async def ignore_notice(severity: Severity, text: str) -> None:
    """The notices of the daemon are of no interest here."""


def read_states(connection: Connection) -> dict[str, str]:
    return {row.account: row.state for row in connection.execute(select(tables.intents))}


def no_exchange() -> Exchange:
    raise AssertionError("nothing is read here")


@dataclass(slots=True)
class SharingDaemon:
    """One share over its own store, with accounts that only note that they run."""

    store: Store
    owners: AccountOwners = field(default_factory=lambda: AccountOwners(NAMES))
    running: set[str] = field(default_factory=set)
    dropped: list[str] = field(default_factory=list)
    stuck: set[str] = field(default_factory=set)
    """The accounts that do not end yet."""

    leaving: set[str] = field(default_factory=set)
    woken: list[str] = field(default_factory=list)
    budget: WeightBudget = field(default_factory=WeightBudget)
    share: AccountShare = field(init=False)

    async def supervise(self, name: str) -> None:
        self.running.add(name)
        try:
            await asyncio.Event().wait()
        finally:
            while name in self.stuck:
                # It goes on though it was cancelled.
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.02)
            self.running.discard(name)


Start = Callable[..., contextlib.AbstractAsyncContextManager[SharingDaemon]]


@pytest.fixture
def shared_name() -> str:
    return f"share_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"


@pytest.fixture
def start(postgres_server: PostgresServer, postgres_template: str, shared_name: str, tmp_path: Path) -> Iterator[Start]:
    """Start one more daemon that shares three accounts, by default."""
    postgres_server.create_database(shared_name, postgres_template)
    policy = build_policy(load_config(write_config(tmp_path), {}), "main")

    @contextlib.asynccontextmanager
    async def start_one(names: tuple[str, ...] = NAMES) -> AsyncIterator[SharingDaemon]:
        accounts = {name: WatchedAccount(policy, ReadIntervals(), no_exchange) for name in names}
        store = await asyncio.to_thread(Store.open, postgres_server.url(shared_name), by_account=True)
        await store.register_daemon(os.getpid(), datetime.now(UTC), "0.1.0")
        daemon = SharingDaemon(store)
        share = daemon.share = AccountShare(
            accounts,
            store,
            SystemClock(),
            daemon.owners,
            ("phone",),
            daemon.supervise,
            daemon.dropped.append,
            lambda: daemon.leaving,
            daemon.woken.extend,
            AddressLimits(daemon.budget, store, SystemClock(), "here"),
        )
        await share.divide()
        task = asyncio.create_task(share.run())
        try:
            yield daemon
        finally:
            daemon.stuck.clear()
            task.cancel()
            await asyncio.wait([task])
            await store.close()

    yield start_one
    postgres_server.drop_database(shared_name)


async def runs(daemon: SharingDaemon, count: int) -> None:
    async def is_so() -> bool:
        return len(daemon.running) == count and daemon.running == daemon.store.held_accounts

    await eventually(is_so, 60, story=lambda: f"{daemon.running} {daemon.store.held_accounts}")


async def test_account_is_given_back_once_it_has_stopped(start: Start) -> None:
    async with start() as first:
        await runs(first, 3)
        first.stuck.update(NAMES)
        async with start() as second:
            await asyncio.sleep(STILL_S)
            assert (len(first.store.held_accounts), second.running) == (3, set())
            first.stuck.clear()
            await runs(second, 1)
            await runs(first, 2)
            assert first.dropped[-1:] == list(second.running)


async def test_account_that_does_not_stop_delays_no_other(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_share, "STOP_TRY_S", 10_000.0)
    async with start() as first:
        await runs(first, 3)
        first.stuck.add("gamma")
        async with start() as second, start() as third:

            async def is_given() -> bool:
                return second.running | third.running == {"beta"}

            await eventually(is_given, 60)
            assert first.store.held_accounts == {"alpha", "gamma"}
            first.stuck.clear()
            for daemon in (first, second, third):
                await runs(daemon, 1)


async def test_account_that_can_not_be_given_back_is_watched_on(
    start: Start, postgres_server: PostgresServer, shared_name: str
) -> None:
    async with start() as first:
        await runs(first, 3)
        first.stuck.add("gamma")
        async with start() as second:

            async def is_divided() -> bool:
                return first.share.held.keys() == {"alpha", "beta"}

            await eventually(is_divided, 60)
            with postgres_server.connect("postgres") as connection:
                connection.execute(f"ALTER DATABASE {shared_name} WITH ALLOW_CONNECTIONS false")
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [shared_name]
                )
                first.stuck.clear()

                async def is_ended() -> bool:
                    return first.dropped == ["gamma"]

                await eventually(is_ended, 60)
                await runs(first, 3)
                await asyncio.sleep(STILL_S)
                assert (len(first.running), second.running) == (3, set())
                connection.execute(f"ALTER DATABASE {shared_name} WITH ALLOW_CONNECTIONS true")
            await runs(second, 1)
            await runs(first, 2)


async def test_account_whose_orders_can_not_be_recovered_is_watched_all_the_same(
    start: Start, postgres_server: PostgresServer, shared_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with start(("delta",)) as before:
        await before.store.take(frozenset(NAMES))
        for planned in intent(1, account="alpha"), intent(2, account="beta"):
            await before.store.commit(planned_entry(planned))
            assert await before.store.claim(planned, NOW)
    with postgres_server.connect(shared_name) as connection, connection.transaction():
        connection.execute("SELECT 1 FROM intents WHERE account = 'alpha' FOR UPDATE")
        async with start() as daemon:
            await runs(daemon, 3)
            assert daemon.woken == ["phone"]
            states = await daemon.store.read(read_states)
    assert states == {"alpha": "SUBMITTING", "beta": "UNCERTAIN"}
    assert [record.args for record in caplog.records if record.message.startswith("share.not_recovered")]


async def test_turn_that_fails_is_logged_once(
    start: Start, postgres_server: PostgresServer, shared_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with start() as daemon:
        await runs(daemon, 3)
        with postgres_server.connect(shared_name) as connection, connection.transaction():
            connection.execute("SELECT 1 FROM leases FOR UPDATE")

            def told() -> int:
                return sum(record.message.startswith("share.not_divided") for record in caplog.records)

            async def is_told() -> bool:
                return told() > 0

            await eventually(is_told, 60)
            await asyncio.sleep(3 * STILL_S)
            assert told() == 1
            assert len(daemon.running) == 3


async def test_removed_account_that_another_daemon_has_is_given_back(start: Start) -> None:
    async with start(("alpha",)) as first:
        first.leaving.add("delta")
        await first.store.take({"delta"})
        async with start(("alpha", "delta")) as second:

            async def is_given() -> bool:
                return second.running >= {"delta"} and second.running == second.store.held_accounts

            await eventually(is_given, 60)
            assert first.store.held_accounts <= {"alpha"}


async def test_nothing_is_kept_of_an_account_that_another_daemon_watches(start: Start) -> None:
    async with start() as first:
        await runs(first, 3)
        async with start() as second:
            await runs(second, 1)
            assert set(second.dropped) == set(NAMES)


async def test_account_without_configuration_is_kept_while_it_is_in_use(start: Start) -> None:
    async with start() as first:
        await runs(first, 3)
        first.leaving.add("delta")
        await first.store.take({"delta"})
        await asyncio.sleep(STILL_S)
        assert "delta" in first.store.held_accounts
        first.leaving.clear()
        await runs(first, 3)


async def test_account_is_in_use_while_it_is_closed(
    start: Start, postgres_server: PostgresServer, shared_name: str
) -> None:
    async with start() as first:
        store = first.store
        await store.take({"delta"})
        await store.commit(JournalEntry("delta", NOW, alerts=(alert(5, account="delta"),)))
        await store.give_back({"delta"})
        with postgres_server.connect(shared_name) as connection:
            connection.execute("UPDATE leases SET renewed_at = renewed_at - 1000000 WHERE account = 'delta'")
        removed = RemovedAccounts(
            {}, (), store, SystemClock(), lambda: True, ignore_notice, lambda channels: None, lambda: None
        )
        closing = asyncio.create_task(removed.close_unconfigured({}, again=True))
        seen = set()
        while not closing.done():
            seen.add((removed.names_in_use, "delta" in store.held_accounts))
            await asyncio.sleep(0)
        await closing
        assert (frozenset({"delta"}), True) in seen
        assert removed.names_in_use == frozenset()
        assert "delta" not in store.held_accounts
        assert await store.read(read_alerts) == ()


async def test_one_user_under_two_names_is_found_across_daemons(start: Start) -> None:
    async with start() as first, start() as second:
        await runs(second, 1)
        (elsewhere,), mine = second.running, min(first.running)
        first.owners.set_uid(mine, 7)
        await second.store.execute(save_owner, elsewhere, "key", 7, datetime.now(UTC))

        async def is_found() -> bool:
            return first.owners.find_twin(mine) == elsewhere

        await eventually(is_found, 60)
        first.owners.mark_identified(mine)
        # Of the third one nothing is known.
        assert first.owners.find_unidentified(mine) not in ("", mine, elsewhere)


async def test_weight_that_one_daemon_used_counts_for_the_other(start: Start) -> None:
    async with start() as first, start() as second:
        pool = WeightPool("GET /sapi/v1/margin/account")

        async def is_known() -> bool:
            now = datetime.now(UTC)
            first.budget.observe(pool, 10_900, now)
            return second.budget.used(pool, now) == 10_900

        await eventually(is_known, 60)
