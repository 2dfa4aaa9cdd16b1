"""The writer under trouble: a database that goes away and comes back, a full queue, an orderly end."""

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from monitor.core.model.journal import JournalEntry
from monitor.errors import DaemonAlreadyRunning, StoreError
from monitor.store.command_store import ReadStore
from monitor.store.db import connections as opening
from monitor.store.db.schema_migration import upgrade
from monitor.store.db.writer import Writer
from monitor.store.readers.events import read_events
from monitor.store.store import Store
from monitor.store.writes import journal
from tests.support.examples.store_rows import NOW, event
from tests.support.postgres import own_server


async def until(claim: Callable[[], bool], deadline_s: float = 60) -> None:
    end = time.monotonic() + deadline_s
    while not claim():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.02)


async def test_writer_recovers_after_a_server_restart() -> None:
    with own_server() as server:
        server.create_database("monitor")
        url = server.url("monitor")
        await asyncio.to_thread(upgrade, url)
        store = Store.open(url)
        await store.commit(JournalEntry("main", NOW, events=(event("before"),)))
        server.kill()
        with pytest.raises(StoreError, match="can't be used"):
            await store.commit(JournalEntry("main", NOW, events=(event("during"),)))
        assert store.failing_for_s is not None
        with pytest.raises(StoreError):
            await store.read(read_events)
        await asyncio.to_thread(server.start)
        await until(lambda: not store.is_failing)
        await store.commit(JournalEntry("main", NOW, events=(event("after"),)))
        assert [row.key for row in await store.read(read_events)] == ["before", "after"]
        # The lease was taken again with the new connection.
        with pytest.raises(DaemonAlreadyRunning):
            Store.open(url)
        await store.close()


async def test_a_disk_that_refuses_fails_then_recovers(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'monitor.db'}"
    store = Store.open(url)
    await store.execute(_limit_pages)
    with pytest.raises(StoreError, match="full"):
        await store.commit(JournalEntry("main", NOW, events=tuple(event(f"{n}-{'x' * 500}") for n in range(3000))))
    assert store.is_failing
    await until(lambda: not store.is_failing)
    await store.commit(JournalEntry("main", NOW, events=(event("after"),)))
    assert [row.key for row in await store.read(read_events)] == ["after"]
    await store.close()


async def test_a_second_of_stalled_database_loses_nothing(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'monitor.db'}")
    stalled = asyncio.create_task(store.execute(lambda connection: time.sleep(1)))
    burst = [store.commit(JournalEntry("main", NOW, events=(event(f"key-{n}"),))) for n in range(3000)]
    await asyncio.gather(*burst)
    await stalled
    assert len(await store.read(read_events, limit=None)) == 3000
    await store.close()


async def test_close_writes_the_queue_and_refuses_later_units(database_url: str) -> None:
    store = Store.open(database_url)
    waiting = [
        asyncio.ensure_future(store.commit(JournalEntry("main", NOW, events=(event(f"key-{n}"),)))) for n in range(50)
    ]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*waiting)
    with pytest.raises(StoreError, match="closed"):
        await store.commit(JournalEntry("main", NOW))
    with ReadStore.open(database_url) as reader:
        assert len(reader.read(read_events)) == 50


async def test_a_unit_cancelled_before_it_began_does_not_happen(database_url: str) -> None:
    store = Store.open(database_url)
    begun, let_go = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        begun.set()
        let_go.wait(10)

    blocked = asyncio.create_task(store.execute(hold))
    await asyncio.to_thread(begun.wait, 10)
    late = asyncio.create_task(store.commit(JournalEntry("main", NOW, events=(event("late"),))))
    await asyncio.sleep(0)
    late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await late
    # One more turn of the loop, in which the cancellation reaches the writer's own future.
    await asyncio.sleep(0)
    let_go.set()
    await blocked
    assert await store.read(read_events) == ()
    await store.close()


async def test_a_bug_in_one_unit_reaches_its_caller_only(store: Store) -> None:
    def broken(connection: Connection) -> None:
        connection.execute(text("DELETE FROM control"))
        raise LookupError("a bug")

    good = asyncio.gather(*(store.commit(JournalEntry("main", NOW, events=(event(f"key-{n}"),))) for n in range(5)))
    with pytest.raises(StoreError, match="LookupError") as caught:
        await store.execute(broken)
    assert isinstance(caught.value.__cause__, LookupError)
    await good
    orders = await store.read_commands(NOW)
    assert orders is not None
    assert not store.is_failing


async def test_idle_writer_checkpoints_the_log(tmp_path: Path) -> None:
    path = tmp_path / "monitor.db"
    store = Store.open(f"sqlite:///{path}")
    size = path.stat().st_size
    await store.commit(JournalEntry("main", NOW, events=tuple(event(f"key-{n}") for n in range(2000))))
    await until(lambda: path.stat().st_size > size)
    await store.close()
    log = path.with_name("monitor.db-wal")
    assert not log.exists() or log.stat().st_size == 0


async def test_log_is_checkpointed_at_its_cap_under_load(tmp_path: Path) -> None:
    path = tmp_path / "monitor.db"
    await asyncio.to_thread(upgrade, f"sqlite:///{path}")
    log = path.with_name("monitor.db-wal")
    url = opening.parse_url(f"sqlite:///{path}")
    writer = Writer(
        opening.writing_engine(url),
        prepare_connection=lambda connection: None,
        describe_error=lambda error: opening.unreachable_error(url, error),
        wal_path=log,
        max_wal_bytes=200_000,
    )
    writer.start()
    sizes = []
    for number in range(60):
        await writer.run(
            journal.commit, JournalEntry("main", NOW, events=tuple(event(f"{number}-{n}") for n in range(100)))
        )
        sizes.append(log.stat().st_size)
    writer.close()
    assert max(sizes) < 600_000
    assert path.stat().st_size > max(sizes)


def _limit_pages(connection: Connection) -> None:
    """A full disk: the file may not grow. It holds for this connection only, so a new one is free again."""
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")


async def test_database_that_is_opened_in_time_has_not_recovered_from_anything(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await Store.open(database_url).close()
    store = Store.attach(database_url)
    try:
        await until(lambda: not store.is_failing)
    finally:
        await store.close()
    assert "store.recovered" not in caplog.text
