"""The daemon behind a real PgBouncer: a session pool keeps the lease, one that shares its sessions is refused."""

import asyncio
import signal
from pathlib import Path

import pytest

from monitor.errors import PoolSharesSessions
from monitor.store.store import Store
from tests.integration.channels.test_final_notices import final_notices
from tests.support.command import margin_monitor
from tests.support.daemon import daemon_process, eventually, in_process_daemon, starting_now, write_config
from tests.support.postgres import own_server, pool_before
from tests.support.sandbox import sandbox
from tests.support.sinks import http_sink

REFUSED = "shares its sessions between"
LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"


async def test_second_daemon_behind_a_session_pool_takes_over_after_a_kill(tmp_path: Path) -> None:
    with own_server() as server, pool_before(server, "session") as pool:
        server.create_database("margin")
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, url=pool.url("margin"))
            environ = {"STATE_DIRECTORY": str(tmp_path)}
            async with (
                daemon_process(config, environ=environ) as first,
                daemon_process(config, environ=environ) as second,
            ):

                async def is_held() -> bool:
                    return "lease.taken" in first.text + second.text

                await eventually(is_held, 60)
                holder, waiting = (first, second) if "lease.taken" in first.text else (second, first)
                await waiting.wait_for_line("lease.waiting")
                assert "lease.taken" not in waiting.text
                await holder.wait_for_line("stream=market connected=True")
                assert (await asyncio.to_thread(margin_monitor, config, "status")).code == 0
                holder.send(signal.SIGKILL)
                await waiting.wait_for_line("lease.taken epoch=2 sends_in_s=0.0")
                await waiting.wait_for_line("stream=market connected=True")
                assert await waiting.stop() == 0


@pytest.mark.parametrize("mode", ["transaction", "statement"])
async def test_shared_sessions_end_the_start_with_78_and_one_line(tmp_path: Path, mode: str) -> None:
    with own_server() as server, pool_before(server, mode) as pool, http_sink() as phone:
        server.create_database("margin")
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, url=pool.url("margin"), channels={"phone": phone.url})
            async with daemon_process(config, environ={"STATE_DIRECTORY": str(tmp_path)}) as child:
                assert await child.wait_for_exit(60) == 78
            assert child.lines[-1].startswith("[storage] url: the pool before the database postgresql")
            assert child.lines[-1].endswith("or connect to the server directly")
            checked = await asyncio.to_thread(margin_monitor, config, "check", "--json")
            upgraded = await asyncio.to_thread(margin_monitor, config, "db", "upgrade")
        (row,) = [row for row in checked.json()["items"] if row["name"] == "database"]
        assert checked.code == 1
        assert row["result"] == "error"
        assert REFUSED in row["detail"]
        assert "pool_mode = session" in row["mend"]
        assert upgraded.code == 78
        with server.connect("margin") as connection:
            assert connection.execute(LOCKS).fetchone() == (0,)
            assert connection.execute(TABLES).fetchone() == (0,)
    (said,) = final_notices(phone)
    assert REFUSED in said


async def test_pool_that_begins_to_share_sessions_ends_the_writing_only(tmp_path: Path) -> None:
    with own_server() as server, pool_before(server, "session") as pool:
        server.create_database("margin")
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, url=pool.url("margin"))
            async with in_process_daemon(config) as here:
                await here.wait_for_state(lambda state: state.cross and state.health.lease_held)
                pool.set_mode("transaction")
                await eventually(lambda: _is_refused(here.store), 60)
                await here.wait_for_state(lambda state: not state.health.lease_held)
                assert not here.task.done()
                pool.set_mode("session")
                await here.wait_for_state(lambda state: state.health.lease_held, 60)


async def _is_refused(store: Store) -> bool:
    return isinstance(store.failure, PoolSharesSessions)
