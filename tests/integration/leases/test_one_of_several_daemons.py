"""What one of several daemons does and forgets with what it holds, and what it keeps between two configurations."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.app.daemon import build_daemon
from monitor.cli.daemon import daemon_supervisor
from monitor.cli.daemon.daemon_supervisor import DaemonSupervisor
from monitor.clock import SystemClock
from monitor.config.loading import load_config
from monitor.config.model import Config
from monitor.core.model.alert import Severity
from monitor.core.model.intent import IntentState as S
from monitor.core.model.journal import JournalEntry
from monitor.core.state.account_state import AccountState
from monitor.runtime.account.removed_accounts import RemovedAccounts
from monitor.runtime.replies.reply_service import ReplyContext, ReplyHealth, ReplyService
from monitor.runtime.systemd import ServiceManager
from monitor.store.db.lease_term import MAX_PROOF_AGE_S, LeaseTerm
from monitor.store.store import Store
from tests.support.command import write_config
from tests.support.daemon import eventually
from tests.support.examples.store_rows import NOW, alert, intent, planned_entry, step
from tests.support.postgres import PostgresServer

STILL_S = 3.0
"""Time in which nothing may happen."""


class EndlessLoop:
    """A reply loop that only notes whether it runs."""

    channels = ("phone",)
    is_running = False

    def wake(self) -> None:
        """Of no interest."""

    async def run(self, context: ReplyContext) -> None:
        self.is_running = True
        try:
            await asyncio.Event().wait()
        finally:
            self.is_running = False


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config(write_config(tmp_path), {})


@pytest.fixture
async def store(postgres_server: PostgresServer, postgres_template: str) -> AsyncIterator[Store]:
    """The store of a daemon that shares its database and holds account "main"."""
    name = f"several_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    postgres_server.create_database(name, postgres_template)
    opened = await asyncio.to_thread(Store.open, postgres_server.url(name), by_account=True)
    await opened.register_daemon(os.getpid(), datetime.now(UTC), "0.1.0")
    await opened.divide(("main",))
    yield opened
    await opened.close()
    postgres_server.drop_database(name)


def term_of(store: Store, item: str) -> LeaseTerm:
    leases = store._access.leases
    assert leases is not None
    term = leases.find_term(item)
    assert term is not None
    return term


def age_proof(term: LeaseTerm) -> None:
    """Let the last proof be too old, as after a time without a renewal."""
    term.record_proof(term._steady_s() - MAX_PROOF_AGE_S - 1)


async def ignore_notice(severity: Severity, text: str) -> None:
    """Send nothing."""


async def test_leases_are_renewed_while_no_daemon_divides(
    store: Store, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_supervisor, "MAX_RENEWALS", 3)
    clock, term = SystemClock(), term_of(store, "main")
    supervisor, daemon = DaemonSupervisor(config, clock, ServiceManager()), build_daemon(config, store, clock)
    supervisor._store = store
    renewing = asyncio.create_task(supervisor._renew_leases(daemon))

    async def is_renewed() -> bool:
        return term.is_held

    try:
        age_proof(term)
        await eventually(is_renewed, 60)
        await asyncio.sleep(2 * STILL_S)
        age_proof(term)
        await asyncio.sleep(STILL_S)
        assert not term.is_held, "it has waited long enough"
        daemon.share.is_dividing = True
        await asyncio.sleep(STILL_S)
        assert not term.is_held, "the daemon renews by itself"
        daemon.share.is_dividing = False
        await eventually(is_renewed, 60)
    finally:
        renewing.cancel()
        await asyncio.wait([renewing])


async def test_answers_are_read_only_while_the_leadership_is_proven(store: Store) -> None:
    loop = EndlessLoop()
    context = ReplyContext(store, SystemClock(), ReplyHealth(), lambda: None, ignore_notice)
    running = asyncio.create_task(ReplyService([loop], context).run())

    async def runs() -> bool:
        return loop.is_running

    async def rests() -> bool:
        return not loop.is_running

    try:
        await store.renew_leases()
        await eventually(runs, 60)
        age_proof(term_of(store, "*"))
        await eventually(rests, 60)
        await store.renew_leases()
        await eventually(runs, 60)
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_dropped_account_is_forgotten_by_the_next_daemon_as_well(store: Store, config: Config) -> None:
    daemon = build_daemon(config, store, SystemClock())
    memory = daemon.latest_memories()["main"]
    memory.state, memory.is_known = AccountState(account="main", started_at=NOW), True
    memory.backlog.add(JournalEntry("main", NOW, alerts=(alert(5),)))
    following = build_daemon(config, store, SystemClock(), previous=daemon)
    daemon._supervisor.drop("main")
    memory = following.latest_memories()["main"]
    assert (memory.state, memory.is_known, memory.backlog.is_empty) == (None, False, True)


async def test_account_that_another_daemon_holds_is_not_merged(store: Store, config: Config) -> None:
    accounts = build_daemon(config, store, SystemClock())._supervisor
    service = accounts.services["main"] = await accounts._start("main")
    try:
        await store.give_back({"main"})
        await accounts.merge_store(True)
        assert not service.runner.is_known
        await store.take({"main"})
        await accounts.merge_store(True)
        assert service.runner.is_known
    finally:
        await service._exchange.aclose()


async def test_orders_of_a_removed_account_are_left_to_the_daemon_that_has_it(
    store: Store, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    await store.commit(planned_entry(intent(1)))
    assert await store.claim(intent(1), NOW)
    await store.give_back({"main"})
    accounts = build_daemon(config, store, SystemClock()).watched_accounts
    removed = RemovedAccounts(
        accounts, (), store, SystemClock(), lambda: True, ignore_notice, lambda channels: None, lambda: None
    )
    other = await asyncio.to_thread(
        Store.open, store._access.url.render_as_string(hide_password=False), by_account=True
    )
    settling = asyncio.create_task(removed.settle("main"))
    try:
        await other.take({"main"})
        await asyncio.sleep(STILL_S)
        assert (settling.done(), removed.names_in_use) == (False, frozenset({"main"}))
        assert not [record for record in caplog.records if record.message.startswith("intent.unrecorded")]
        await other.recover_interrupted(NOW)
        assert await other.record_step(intent(1, S.FAILED), step(1, S.UNCERTAIN, S.FAILED))
        await asyncio.wait_for(settling, 60)
        assert removed.names_in_use == frozenset()
    finally:
        settling.cancel()
        await asyncio.wait([settling])
        await other.close()
