"""The lease on PostgreSQL: lost while running, taken from a holder that went silent, and regained."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.errors import DaemonAlreadyRunning
from monitor.store.db.lease import _HOLDER
from monitor.store.store import Store
from tests.integration.channels.test_final_notices import final_notices
from tests.integration.store.test_failing_store import ACTIONS, alerts_received, has_received, money_requests
from tests.integration.store.test_running_without_database import acted, crash_prices, is_recording
from tests.support.daemon import clock_of, daemon_process, eventually, in_process_daemon, starting_now, write_config
from tests.support.postgres import PostgresServer, own_server
from tests.support.sandbox import sandbox
from tests.support.sinks import http_sink

ENDING = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"


@contextlib.asynccontextmanager
async def stolen_lease(server: PostgresServer) -> AsyncIterator[None]:
    """The session that holds the lease is ended, and another daemon's store holds it until the end of the block."""
    with server.connect("margin") as other:
        (victim,) = [name for _, name in other.execute(_HOLDER)]
        opening = asyncio.create_task(_opened(server))
        while not opening.done():
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", [victim]
            )
            await asyncio.wait([opening], timeout=0.2)
    store = opening.result()
    living = asyncio.create_task(_announce_forever(store))
    try:
        yield
    finally:
        living.cancel()
        await asyncio.wait([living])
        await store.close()


async def _opened(server: PostgresServer) -> Store:
    while True:
        with contextlib.suppress(DaemonAlreadyRunning):
            return await asyncio.to_thread(Store.open, server.url("margin"))


async def _announce_forever(store: Store) -> None:
    """Say every second that it is there, as a daemon does."""
    await store.register_daemon(os.getpid(), datetime.now(UTC), "0.1.0")
    while True:
        await store.update_last_seen(datetime.now(UTC))
        await asyncio.sleep(1)


@pytest.mark.slow
async def test_a_lease_that_is_lost_moves_no_money_until_it_is_regained(tmp_path: Path) -> None:
    with own_server() as server, http_sink() as sink:
        server.create_database("margin")
        async with sandbox() as box:
            config = write_config(
                tmp_path, box.ready, url=server.url("margin"), channels={"phone": sink.url}, more=ACTIONS
            )
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:
                await here.wait_for_state(
                    lambda state: state.cross and state.thresholds.cross and state.wallets.get("spot")
                )
                await here.wait_for_state(lambda state: state.health.lease_held)
                async with stolen_lease(server):
                    await eventually(lambda: is_another(here.store.failure), 30)
                    await here.wait_for_state(lambda state: not state.health.lease_held)
                    crash_prices(box.sandbox)
                    await eventually(lambda: has_received(sink, "near-call"), 30)
                    assert "Not recorded:" in str(alerts_received(sink, "near-call")[0]["text"])
                    assert money_requests(box.sandbox) == []
                    assert not here.task.done()
                await eventually(lambda: is_recording(here), 30)
                await here.wait_for_state(lambda state: state.health.lease_held)
                await eventually(lambda: acted(box.sandbox), 30)


async def is_another(trouble: object) -> bool:
    return isinstance(trouble, DaemonAlreadyRunning)


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_permanently_lost_lease_exits_with_73_and_a_final_notice(tmp_path: Path) -> None:
    with own_server() as server, http_sink() as phone, http_sink() as mail:
        server.create_database("margin")
        async with sandbox(starting_now()) as box:
            channels = {"phone": phone.url, "mail": mail.url}
            config = write_config(tmp_path, box.ready, url=server.url("margin"), channels=channels)
            async with daemon_process(config, environ={"STATE_DIRECTORY": str(tmp_path)}) as child:
                await child.wait_for_line("stream=market connected=True")
                async with stolen_lease(server):
                    # It is waited for three minutes before that is final.
                    assert await child.wait_for_exit(300) == 73
                assert "lease.waiting" in child.text
    for sink in (phone, mail):
        (said,) = final_notices(sink)
        assert "another margin-monitor" in said
