"""An order that was claimed leaves only while its sender has proved a moment ago that it holds the database."""

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.model.account import CROSS
from monitor.core.model.intent import IntentState
from monitor.core.model.order import Transfer
from monitor.errors import DaemonAlreadyRunning, StoreError
from monitor.runtime.orders import send_check
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.store.db.lease import _LOCK
from monitor.store.db.lease_term import MAX_PROOF_AGE_S
from monitor.store.store import Store
from tests.integration.actions.test_pause_after_claim import HELD, HELD_FOR_S, Asked
from tests.support.connected_sandbox import connected_sandbox
from tests.support.daemon import eventually
from tests.support.examples.actions import repay_spec, seconds
from tests.support.executor_harness import SPEED, ExecutorHarness
from tests.support.faulty_proxy import proxy_to
from tests.support.money_actions import REPAY_PATH
from tests.support.postgres import PostgresServer, own_server
from tests.support.timeouts import SOON_S

S = IntentState
WITHIN_S = 60.0
WRITERS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'margin-monitor %'"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """How old the question about a pause may be is no matter here."""
    monkeypatch.setattr(send_check, "PAUSE_CHECK_MAX_AGE_S", 600.0)
    monkeypatch.setattr(send_check, "PAUSE_CHECK_VALID_S", 600.0)


@contextlib.asynccontextmanager
async def renewed(store: Store) -> AsyncIterator[None]:
    """Renew the lease all the time, as a daemon does."""

    async def renew_forever() -> None:
        while True:
            with contextlib.suppress(StoreError):
                await store.update_last_seen(datetime.now(UTC))
            await asyncio.sleep(0.2)

    task = asyncio.create_task(renew_forever())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def is_outdated(store: Store) -> Callable[[], bool]:
    return lambda: store.lease is not None and store.lease.find_objection() is not None


async def wait_until(holds: Callable[[], bool]) -> None:
    async def is_so() -> bool:
        return holds()

    await eventually(is_so, WITHIN_S)


@contextlib.contextmanager
def lock_taken(server: PostgresServer) -> Iterator[None]:
    """End the session that holds the lease; another one holds its lock until the end of the block."""
    with server.connect("margin") as other:
        while not other.execute(f"SELECT {_LOCK}").fetchone()[0]:  # type: ignore[index]
            for (pid,) in other.execute(WRITERS).fetchall():
                other.execute("SELECT pg_terminate_backend(%s)", [pid])
        yield


@pytest.mark.parametrize("trouble", ["none", "cut line", "ended session"])
async def test_order_that_waited_is_sent_only_by_a_proven_holder(trouble: str) -> None:
    spec = repay_spec(asset="USDT", max_data_age=seconds(36000))
    with own_server() as server:
        server.create_database("margin")
        with proxy_to(server.socket) as line:
            url = f"postgresql+psycopg://tester@127.0.0.1:{line.port}/margin"
            async with connected_sandbox(calm_scenario(), speed=SPEED, timeout_s=HELD_FOR_S) as around:
                store = await asyncio.to_thread(Asked.open, url)
                try:
                    rig = await ExecutorHarness(around, store, [spec]).prepare()
                    around.sandbox.add_fault(HELD)
                    another = asyncio.create_task(around.account.execute(Transfer("spot", CROSS, "USDT", Decimal(1))))
                    async with renewed(store), rig.running():
                        await asyncio.wait_for(store.was_asked.wait(), SOON_S)
                        assert not another.done(), "the order did not have to wait"
                        with contextlib.ExitStack() as troubles:
                            if trouble == "none":
                                await asyncio.sleep(MAX_PROOF_AGE_S + 1)
                            elif trouble == "cut line":
                                line.swallows = True
                                await wait_until(is_outdated(store))
                            else:
                                troubles.enter_context(lock_taken(server))
                                await wait_until(is_outdated(store))
                            around.sandbox.clear_faults()
                            await another
                            if trouble == "none":
                                await rig.wait_until(lambda: rig.intents[0].state is S.CONFIRMED)
                                return
                            # Whatever it does now, it has decided. A new order may leave once the lease is held again.
                            await asyncio.sleep(1)
                            assert around.requests(REPAY_PATH, "POST") == []
                        line.swallows = False
                        line.disconnect_clients()
                        await rig.wait_until(lambda: rig.intents[0].state is S.EXPIRED)
                    assert "the lease of the database was last proved" in str(rig.intents[0].evidence)
                    assert rig.intents[0].submitted_at is None
                finally:
                    await store.close()


HOLDER = """
import asyncio, contextlib, sys
from datetime import UTC, datetime
from monitor.errors import StoreError
from monitor.store.store import Store

async def main():
    store = Store.open(sys.argv[1])

    async def renew():
        while True:
            with contextlib.suppress(StoreError):
                await store.update_last_seen(datetime.now(UTC))
            await asyncio.sleep(0.1)

    renewing = asyncio.create_task(renew())
    said = None
    while True:
        found = store.lease.find_objection()
        words = "may send" if found is None else found.reason
        if words != said:
            print(words, flush=True)
        said = words
        await asyncio.sleep(0.01)

asyncio.run(main())
"""


def test_holder_that_was_stopped_may_not_send_when_it_goes_on() -> None:
    root = Path(__file__).parents[3]
    with own_server() as server:
        server.create_database("margin")
        command = [sys.executable, "-c", HOLDER, server.url("margin")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as holder:
            try:
                assert holder.stdout is not None
                assert holder.stdout.readline() == "may send\n"
                holder.send_signal(signal.SIGSTOP)
                time.sleep(MAX_PROOF_AGE_S + 0.5)
                with lock_taken(server):
                    holder.send_signal(signal.SIGCONT)
                    assert "was last proved" in holder.stdout.readline()
            finally:
                holder.kill()


async def test_successor_of_a_holder_that_may_still_run_waits_before_it_sends() -> None:
    with own_server() as server:
        server.create_database("margin")
        first = await asyncio.to_thread(Store.open, server.url("margin"))
        second: Store | None = None
        try:
            async with renewed(first):
                while second is None:
                    with server.connect("margin") as other:
                        for (pid,) in other.execute(WRITERS).fetchall():
                            other.execute("SELECT pg_terminate_backend(%s)", [pid])
                    with contextlib.suppress(DaemonAlreadyRunning, StoreError):
                        second = await asyncio.to_thread(Store.open, server.url("margin"))
                assert first.lease is not None
                assert second.lease is not None
                async with renewed(second):
                    # At no moment may both send.
                    while (found := second.lease.find_objection()) is not None:
                        assert "may still be sending" in found.reason
                        await asyncio.sleep(0.02)
                    assert first.lease.find_objection() is not None
        finally:
            if second is not None:
                await second.close()
            await first.close()
