"""Thirty thousand events while the database can't be written, and a process that is killed: none is lost."""

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from monitor.store.readers.events import read_events
from tests.runtime.account.test_event_processor import make_runner

EVENTS = 30_000

FLOODED = """
import asyncio, sys
from pathlib import Path
from tests.runtime.account.test_event_processor import event, make_runner

def resident_kb():
    return int(next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmRSS")).split()[1])

async def main():
    async with make_runner(sys.argv[1]) as (runner, inbox, store, listener):
        listener.on_unrecorded = lambda state, entry: None
        before, most = 0, 0
        print("open", flush=True)
        sys.stdin.readline()
        for number in range(int(sys.argv[2])):
            inbox.put(event(number, "x" * 3000))
            if number % 1000 == 999:
                await runner.drain()
                most = max(most, resident_kb())
                before = before or most
        print(len(listener.committed_keys), most - before, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.slow
async def test_no_event_is_lost_and_memory_stays_bounded(tmp_path: Path) -> None:
    database = tmp_path / "monitor.db"
    url = f"sqlite:///{database}"
    committed, grown_kb = await asyncio.to_thread(_flood_while_locked, url, database)
    assert committed == 0
    # All of them in memory would be 90 MB.
    assert grown_kb < 30_000
    async with make_runner(url) as (runner, _, store, heard):
        while not store.spill("main").is_empty:
            await runner.process(())
        rows = await store.read(read_events, limit=None)
        assert sorted(row.key for row in rows) == sorted(f"key-{number}" for number in range(EVENTS))
        assert heard.committed_keys == [f"key-{number}" for number in range(EVENTS)]


def _flood_while_locked(url: str, database: Path) -> tuple[int, int]:
    """How many events a daemon that was killed after the flood had committed, and how many kB it had grown by."""
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", FLOODED, url, str(EVENTS)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=root) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        try:
            assert child.stdout.readline() == "open\n"
            with closing(sqlite3.connect(database, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                print(file=child.stdin, flush=True)
                committed, grown_kb = map(int, child.stdout.readline().split())
                child.kill()
                child.wait()
        finally:
            child.kill()
    return committed, grown_kb
