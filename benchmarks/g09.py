"""G9 to G11: durable writes of events into the database, against sqlite3 itself and against the device."""

import asyncio
import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue

from benchmarks.report import Finding, Target, finding, main, percentile, ratios
from monitor.core.model.account import CROSS
from monitor.core.model.events import StreamEvent
from monitor.core.model.journal import JournalEntry
from monitor.store.store import Store

BATCH = 100
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PAYLOAD = '{"e":"executionReport","E":1767225600000,"s":"BTCUSDT","S":"BUY","o":"LIMIT","x":"TRADE","X":"FILLED",' + (
    '"pad":"' + "x" * 180 + '"}'
)
INSERT = "INSERT INTO events VALUES (NULL,?,?,?,?,?,?,?,?,?,?)"

Row = tuple[str, str, str, str, int, int, str, str, str, None]


def measure(quick: bool) -> list[Finding]:
    """Rounds of batches at full speed, and of single events at 500 a second; the two stores in turns."""
    rounds, batches, paced = (2, 20, 50) if quick else (7, 300, 1000)
    ours_rate, raw_rate = [], []
    halves: dict[str, list[float]] = {"ours": [], "raw": []}
    tails: dict[str, list[float]] = {"ours": [], "raw": []}
    device: list[float] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            ours_rate.append(asyncio.run(_our_batches(Path(folder), batches)))
            raw_rate.append(_raw_batches(Path(folder), batches))
            for name, times in (
                ("ours", asyncio.run(_our_paced_events(Path(folder), paced))),
                ("raw", asyncio.run(_raw_paced_events(Path(folder), paced))),
            ):
                halves[name].append(percentile(times, 0.5))
                tails[name].append(percentile(times, 0.99))
            device.append(percentile(_device(Path(folder), 200 if quick else 1000), 0.99))
    return [
        finding(Target("G9", 0.6, 0.8, at_least=True), f"durable events a second, {BATCH} a commit, ÷ sqlite3", "×",
                ratios(ours_rate, raw_rate)),
        finding(Target("G9"), "durable events a second", "/s", ours_rate),
        finding(Target("G10", 1.5, 1.2), "time to durable at 500/s, p50, ÷ sqlite3 in a thread", "×",
                ratios(halves["ours"], halves["raw"])),
        finding(Target("G10", 2, 1.2), "the same, p99", "×", ratios(tails["ours"], tails["raw"])),
        finding(Target("G11", 8, 5), "time to durable p99 ÷ the device's fdatasync of an overwrite, p99", "×",
                ratios(tails["ours"], device)),
    ]  # fmt: skip


def _events(start: int, count: int) -> tuple[StreamEvent, ...]:
    return tuple(
        StreamEvent("account", CROSS, "executionReport", f"{number:064x}", NOW, NOW, PAYLOAD)
        for number in range(start, start + count)
    )


def _rows(start: int, count: int) -> list[Row]:
    at = 1767225600000
    return [
        ("main", "cross", "", "executionReport", at, at, "account", f"{number:064x}", PAYLOAD, None)
        for number in range(start, start + count)
    ]


async def _our_batches(folder: Path, batches: int) -> float:
    store = Store.open(f"sqlite:///{folder}/ours.db")
    entries = [JournalEntry("main", NOW, events=_events(start * BATCH, BATCH)) for start in range(batches)]
    began = time.perf_counter()
    for entry in entries:
        await store.commit(entry)
    took = time.perf_counter() - began
    await store.close()
    return batches * BATCH / took


def _raw(path: Path) -> sqlite3.Connection:
    """The same table and index, written by the driver alone."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=0"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(
        "CREATE TABLE events (id INTEGER PRIMARY KEY, account TEXT, scope TEXT, symbol TEXT, type TEXT, event_time INT,"
        " received_at INT, stream TEXT, key TEXT UNIQUE, payload TEXT, rejected TEXT)"
    )
    return connection


def _raw_batches(folder: Path, batches: int) -> float:
    connection = _raw(folder / "raw.db")
    rows = [_rows(start * BATCH, BATCH) for start in range(batches)]
    began = time.perf_counter()
    for some in rows:
        connection.execute("BEGIN")
        connection.executemany(INSERT, some)
        connection.execute("COMMIT")
    took = time.perf_counter() - began
    connection.close()
    return batches * BATCH / took


async def _our_paced_events(folder: Path, count: int) -> Sequence[float]:
    store = Store.open(f"sqlite:///{folder}/paced.db")
    took: list[float] = []

    async def one(number: int) -> None:
        began = time.perf_counter()
        await store.commit(JournalEntry("main", NOW + timedelta(milliseconds=number), events=_events(number, 1)))
        took.append(time.perf_counter() - began)

    await _at_500_a_second(one, count)
    await store.close()
    return took


async def _raw_paced_events(folder: Path, count: int) -> Sequence[float]:
    """Write single events with one thread that owns the connection and commits all that have gathered."""
    connection = _raw(folder / "raw-paced.db")
    queue: SimpleQueue[tuple[Row, asyncio.Future[None]] | None] = SimpleQueue()
    loop = asyncio.get_running_loop()
    took: list[float] = []

    def write() -> None:
        while (first := queue.get()) is not None:
            jobs = [first]
            while not queue.empty() and (more := queue.get()) is not None:
                jobs.append(more)
            connection.execute("BEGIN")
            connection.executemany(INSERT, [row for row, _ in jobs])
            connection.execute("COMMIT")
            for _, done in jobs:
                loop.call_soon_threadsafe(done.set_result, None)

    thread = threading.Thread(target=write)
    thread.start()

    async def one(number: int) -> None:
        began = time.perf_counter()
        done: asyncio.Future[None] = loop.create_future()
        queue.put((_rows(number, 1)[0], done))
        await done
        took.append(time.perf_counter() - began)

    await _at_500_a_second(one, count)
    queue.put(None)
    await asyncio.to_thread(thread.join)
    connection.close()
    return took


async def _at_500_a_second(one: Callable[[int], Coroutine[object, object, None]], count: int) -> None:
    due = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            due += 0.002
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            tasks.create_task(one(number))


def _device(folder: Path, count: int) -> Sequence[float]:
    """The seconds of one 4 KiB overwrite and fdatasync each."""
    took: list[float] = []
    block = os.urandom(4096)
    descriptor = os.open(folder / "device", os.O_RDWR | os.O_CREAT)
    try:
        for number in range(64):
            os.pwrite(descriptor, block, number * 4096)
        os.fsync(descriptor)
        for number in range(count):
            began = time.perf_counter()
            os.pwrite(descriptor, block, number % 64 * 4096)
            os.fdatasync(descriptor)
            took.append(time.perf_counter() - began)
    finally:
        os.close(descriptor)
    return took


if __name__ == "__main__":
    main(measure, __doc__ or "")
