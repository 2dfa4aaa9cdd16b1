"""One daemon per database, and its death frees it."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.errors import DaemonAlreadyRunning, ExitCode, PoolSharesSessions
from monitor.store.command_store import ReadStore
from monitor.store.db.lease import _HOLDER
from monitor.store.store import Store
from monitor.store.writes.daemon_row import read_daemon
from tests.support.examples.store_rows import NOW
from tests.support.postgres import PostgresServer, pool_before

HOLD = """
import asyncio, os, sys
from monitor.store.store import Store
from tests.support.examples.store_rows import NOW

async def main():
    store = Store.open(sys.argv[1])
    await store.register_daemon(os.getpid(), NOW, "0.1.0")
    print("held", flush=True)
    sys.stdin.readline()

asyncio.run(main())
"""


def test_second_daemon_learns_the_holder_and_gets_the_lease_after_its_death(database_url: str) -> None:
    command = [sys.executable, "-c", HOLD, database_url]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with ReadStore.open(database_url) as store:
            daemon = store.read(read_daemon)
        assert daemon is not None
        assert (daemon.running, daemon.pid) == (True, holder.pid)
        with pytest.raises(DaemonAlreadyRunning) as caught:
            Store.open(database_url)
        place = f" on {socket.gethostname()}" if "postgresql" in database_url else ""
        assert f"another margin-monitor (pid {holder.pid}{place}) holds the database" in str(caught.value)
        assert caught.value.exit_code == ExitCode.ANOTHER_INSTANCE
        holder.kill()
        holder.wait()
    with ReadStore.open(database_url) as store:
        daemon = store.read(read_daemon)
    assert daemon is not None
    assert not daemon.running


async def test_a_closed_store_frees_its_database(database_url: str) -> None:
    for _ in range(2):
        store = Store.open(database_url)
        await store.register_daemon(os.getpid(), NOW, "0.1.0")
        await store.close()
    with ReadStore.open(database_url) as reader:
        daemon = reader.read(read_daemon)
    assert daemon is not None
    assert not daemon.running


async def test_a_failed_open_holds_nothing(empty_database_url: str) -> None:
    store = Store.open(empty_database_url)
    with pytest.raises(DaemonAlreadyRunning):
        Store.open(empty_database_url)
    await store.close()
    again = Store.open(empty_database_url)
    await again.close()


async def test_lease_is_not_proved_on_another_session_than_the_one_that_holds_it(
    postgres_server: PostgresServer, postgres_template: str
) -> None:
    name = "shared_later"
    postgres_server.create_database(name, postgres_template)
    try:
        with pool_before(postgres_server, "session") as pool, postgres_server.connect(name) as direct:
            store = Store.open(pool.url(name))
            ((holder, _),) = direct.execute(_HOLDER).fetchall()
            pool.set_mode("transaction")
            with pool.connect(name) as other:
                async with asyncio.timeout(60):
                    while True:
                        await store.update_last_seen(NOW)
                        other.execute("BEGIN")
                        if other.execute("SELECT pg_backend_pid()").fetchone() == (holder,):
                            break
                        other.execute("ROLLBACK")
                with pytest.raises(PoolSharesSessions):
                    await store.update_last_seen(NOW)
                assert store.is_failing
            await store.close()
    finally:
        postgres_server.drop_database(name)
