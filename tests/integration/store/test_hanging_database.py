"""A database that does not answer, or whose answers are lost: nobody waits long, and nothing happens twice."""

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select

from monitor.core.model.account import CROSS
from monitor.core.model.events import ReadFailed
from monitor.core.model.journal import JournalEntry
from monitor.errors import DaemonAlreadyRunning, StoreError, WrongDatabaseRevision
from monitor.runtime.store_session import wait_until_open
from monitor.store.db.lease import STALE_AFTER_S
from monitor.store.db.schema_migration import upgrade
from monitor.store.readers.events import read_events
from monitor.store.schema import tables
from monitor.store.store import Store
from monitor.store.writes.journal import EntryMark
from tests.store.db.test_lease import HOLD
from tests.support.examples.store_rows import NOW, event
from tests.support.faulty_proxy import FaultyProxy, proxy_to
from tests.support.postgres import PostgresServer, own_server

BOUND_S = 20.0
"""No wait may be longer, even on a busy machine."""


@pytest.fixture(autouse=True)
def stretched_timeouts() -> None:
    """The program's own bounds: they are what is tested."""


@contextmanager
def a_server() -> Iterator[PostgresServer]:
    with own_server() as server:
        server.create_database("margin")
        upgrade(server.url("margin"))
        yield server


@contextmanager
def behind_a_proxy() -> Iterator[tuple[PostgresServer, FaultyProxy, str]]:
    with a_server() as server, proxy_to(server.socket) as line:
        yield server, line, f"postgresql+psycopg://tester@127.0.0.1:{line.port}/margin"


async def until(claim: Callable[[], bool], deadline_s: float = 90) -> None:
    end = time.monotonic() + deadline_s
    while not claim():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.02)


def entry(key: str) -> JournalEntry:
    return JournalEntry("main", NOW, events=(event(key),))


@pytest.mark.slow
async def test_frozen_server_times_out() -> None:
    with a_server() as server:
        store = await asyncio.to_thread(Store.open, server.url("margin"))
        await store.commit(entry("before"))
        server.freeze()
        try:
            start = time.monotonic()
            with pytest.raises(StoreError, match="has not answered"):
                await store.commit(entry("during"))
            assert time.monotonic() - start < BOUND_S
            await until(lambda: store.is_failing)
            # From now on nobody waits at all.
            with pytest.raises(StoreError, match="has not answered"):
                await store.commit(entry("later"))
            start = time.monotonic()
            with pytest.raises(StoreError):
                await store.read(read_events)
            assert time.monotonic() - start < BOUND_S
        finally:
            server.thaw()
        await until(lambda: not store.is_failing)
        await store.commit(entry("after"))
        assert {"before", "after"} <= {row.key for row in await store.read(read_events)}
        await store.close()


@pytest.mark.slow
async def test_silent_connection_is_dropped_and_the_lease_regained() -> None:
    with behind_a_proxy() as (_, line, url):
        store = await asyncio.to_thread(Store.open, url)
        line.swallows = True
        start = time.monotonic()
        with pytest.raises(StoreError, match="has not answered"):
            await store.commit(entry("during"))
        assert time.monotonic() - start < BOUND_S
        line.swallows = False
        # The server still holds the session, and with it the lease: it is this daemon's own, and is ended.
        line.disconnect_clients()
        await until(lambda: not store.is_failing, 60)
        await store.commit(entry("after"))
        await store.close()


async def test_silently_cut_connection_keeps_the_lease() -> None:
    with behind_a_proxy() as (_, line, url):
        store = await asyncio.to_thread(Store.open, url)
        line.disconnect_clients()
        with pytest.raises(StoreError):
            await store.commit(entry("during"))
        assert not isinstance(store.failure, DaemonAlreadyRunning)
        await until(lambda: not store.is_failing)
        await store.commit(entry("after"))
        await store.close()


async def test_the_session_of_a_dead_daemon_is_ended_by_the_next() -> None:
    with behind_a_proxy() as (server, _, url):
        command = [sys.executable, "-c", HOLD, url]
        root = Path(__file__).parents[3]
        pipe = asyncio.subprocess.PIPE
        holder = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, cwd=root)
        assert holder.stdout is not None
        assert await holder.stdout.readline() == b"held\n"
        with pytest.raises(DaemonAlreadyRunning):
            await asyncio.to_thread(Store.open, server.url("margin"))
        # The line keeps the server's side open.
        holder.kill()
        await holder.wait()
        store = await asyncio.to_thread(Store.open, server.url("margin"))
        await store.commit(entry("after"))
        await store.close()


LIVE = """
import asyncio, os, sys
from datetime import UTC, datetime
from monitor.errors import StoreError
from monitor.store.store import Store

async def main():
    store = Store.open(sys.argv[1])
    await store.register_daemon(os.getpid(), datetime.now(UTC), "0.1.0")
    print("held", flush=True)
    while True:
        try:
            await store.update_last_seen(datetime.now(UTC))
        except StoreError as error:
            print(type(error).__name__, flush=True)
        await asyncio.sleep(1)

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_lease_of_a_silent_remote_daemon_is_taken_over_after_a_minute() -> None:
    with a_server() as server:
        root = Path(__file__).parents[3]
        pipe = asyncio.subprocess.PIPE
        elsewhere = ["unshare", "--uts", "sh", "-c", 'hostname elsewhere && exec "$@"', "sh"]
        command = [*elsewhere, sys.executable, "-c", LIVE, server.url("margin")]
        holder = await asyncio.create_subprocess_exec(*command, stdout=pipe, cwd=root)
        assert holder.stdout is not None
        if await holder.stdout.readline() != b"held\n":
            pytest.skip("only root may give a process another host's name")
        store = Store.attach(server.url("margin"))
        try:
            await until(lambda: isinstance(store.failure, DaemonAlreadyRunning))
            holder.send_signal(signal.SIGSTOP)
            start = time.monotonic()
            await until(lambda: not store.is_failing, 200)
            # It might only have been slow: nobody is ended who was heard of in that minute.
            assert time.monotonic() - start > STALE_AFTER_S - 5
            await store.commit(entry("after"))
            # Back from wherever it was, it writes no more.
            holder.send_signal(signal.SIGCONT)
            async with asyncio.timeout(60):
                while await holder.stdout.readline() != b"DaemonAlreadyRunning\n":
                    pass
            await store.update_last_seen(NOW)
            assert not store.is_failing
        finally:
            holder.kill()
            await holder.wait()
            await store.close()


async def test_a_commit_whose_answer_is_lost_happens_once() -> None:
    with behind_a_proxy() as (_, line, url):
        store = await asyncio.to_thread(Store.open, url)
        failure = ReadFailed(read="cross", scope=CROSS, at=NOW, cause="no answer")
        once, mark = JournalEntry("main", NOW, failures=(failure,)), EntryMark("this one", 1)
        line.loses_answers_to = b"COMMIT"
        with pytest.raises(StoreError):
            await store.commit(once, mark)
        await until(lambda: not store.is_failing)
        assert (await store.commit(once, mark)).already_written
        assert await store.read(count_failures) == 1
        assert not (await store.commit(once, EntryMark("this one", 2))).already_written
        assert await store.read(count_failures) == 2
        await store.close()


def count_failures(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(tables.failures)).scalar_one())


async def test_other_daemon_is_waited_for_and_then_an_error(database_url: str) -> None:
    first = Store.open(database_url)
    second = Store.attach(database_url)
    with pytest.raises(DaemonAlreadyRunning):
        await wait_until_open(second, lease_timeout_s=1)
    waiting = asyncio.create_task(wait_until_open(second))
    await first.close()
    assert await waiting
    await second.close()


async def test_a_store_is_attached_to_before_it_can_be_had(tmp_path: Path) -> None:
    path = tmp_path / "monitor.db"
    path.write_bytes(b"no database at all, " * 100)
    store = Store.attach(f"sqlite:///{path}")
    assert not await wait_until_open(store)
    assert "file is not a database" in str(store.failure)
    with pytest.raises(StoreError):
        await store.commit(entry("early"))
    path.rename(tmp_path / "aside.db")
    await until(lambda: not store.is_failing)
    await store.commit(entry("after"))
    await store.close()
    assert (tmp_path / "aside.db").read_bytes().startswith(b"no database at all")


@pytest.mark.parametrize(("encoding", "holds"), [("SQL_ASCII", True), ("LATIN1", False)])
def test_the_encoding_of_a_server_is_set_or_named(encoding: str, holds: bool) -> None:
    with own_server() as server:
        with server.connect("postgres") as connection:
            connection.execute(
                f"CREATE DATABASE odd TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
            )
        if not holds:
            with pytest.raises(WrongDatabaseRevision, match="encoding LATIN1, which can't hold every text"):
                upgrade(server.url("odd"))
            return
        upgrade(server.url("odd"))
        store = Store.open(server.url("odd"))
        asyncio.run(_writes_any_text(store))


async def _writes_any_text(store: Store) -> None:
    await store.commit(JournalEntry("main", NOW, events=(event("键-é-😀"),)))
    assert [row.key for row in await store.read(read_events)] == ["键-é-😀"]
    await store.close()
