"""What was committed survives kill -9, again and again."""

import asyncio
import contextlib
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from monitor.core.model.journal import JournalEntry
from monitor.store.command_store import ReadStore
from monitor.store.db.schema_migration import find_problems
from monitor.store.readers.events import read_events
from monitor.store.readers.intents import read_intents
from monitor.store.store import Store
from tests.support.examples.store_rows import NOW, event
from tests.support.timeouts import SOON_S

ROUNDS = 8

WRITE = """
import asyncio, sys
from monitor.core.model.intent import IntentState as S
from monitor.core.model.journal import JournalEntry
from monitor.store.store import Store
from tests.support.examples.store_rows import NOW, event, intent, planned_entry

async def main():
    start = int(sys.argv[2])
    store = Store.open(sys.argv[1])
    await store.recover_interrupted(NOW)

    async def one(n):
        await store.commit(JournalEntry("main", NOW, events=(event(f"key-{n}"),)))
        print(n, flush=True)

    for base in range(start, start + 100_000, 8):
        await asyncio.gather(*(one(n) for n in range(base, base + 8)))
        number = base // 8 + 1
        await store.commit(planned_entry(intent(number, asset=f"A{number}")))
        if await store.claim(intent(number, asset=f"A{number}"), NOW):
            print("claimed", number, flush=True)

asyncio.run(main())
"""


@pytest.mark.slow
def test_committed_data_survive_kill_9(database_url: str) -> None:
    told: set[int] = set()
    claimed: set[int] = set()
    chance = random.Random(20251010)
    start = 0
    for _ in range(ROUNDS):
        lines = _write_until_killed(database_url, start, 0.02 + chance.random() * 0.25)
        for line in lines:
            words = line.split()
            if words[0] == "claimed":
                claimed.add(int(words[1]))
            else:
                told.add(int(words[0]))
        start = (max(told, default=0) // 8 + 2) * 8
    assert len(told) > 8 * ROUNDS
    assert claimed
    with ReadStore.open(database_url) as store:
        kept = [int(row.key.removeprefix("key-")) for row in store.read(read_events, limit=None)]
        intents = store.read(read_intents, include_final=True)
    assert len(kept) == len(set(kept))
    assert told <= set(kept)
    for row in intents:
        # Every intent's story is whole: its state is where its steps lead.
        assert row.steps[-1].to_state == row.intent.state
    assert claimed <= {row.intent.id for row in intents if row.intent.state in ("SUBMITTING", "UNCERTAIN")}
    assert find_problems(database_url) == []
    asyncio.run(_opens_again(database_url))


def _write_until_killed(url: str, start: int, after_s: float) -> list[str]:
    """The whole lines that the writer had printed when it was killed, `after_s` from its first one."""
    command = [sys.executable, "-c", WRITE, url, str(start)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=after_s)
        child.kill()
        rest = child.stdout.read()
    lines = (first + rest).split("\n")
    return [line for line in lines[:-1] if line]


async def _opens_again(url: str) -> None:
    deadline = time.monotonic() + SOON_S
    store = Store.open(url)
    assert time.monotonic() < deadline
    await store.close()


READ_SCRIPT = """
import contextlib, sqlite3, sys
with contextlib.closing(sqlite3.connect(sys.argv[1])) as database:
    print(database.execute("SELECT count(*) FROM events").fetchone()[0])
"""


def _seen_by_another(path: Path) -> int:
    """How many events another program sees that opens the database and closes it again."""
    looked = subprocess.run([sys.executable, "-c", READ_SCRIPT, str(path)], capture_output=True, text=True, check=True)
    return int(looked.stdout)


def _has_log(path: Path) -> bool:
    return Path(f"{path}-wal").exists()


async def test_a_writer_that_connects_anew_gives_up_no_lock_on_the_file(tmp_path: Path) -> None:
    """Or the next program that closed the database would take the log away, and with it what others then wrote."""
    path = tmp_path / "monitor.db"
    url = f"sqlite:///{path}"
    store = Store.open(url)
    try:
        await store.recover_interrupted(NOW)
        await store.commit(JournalEntry("main", NOW, events=(event("first"),)))
        again = Store.open(url, exclusive=False)
        await again.recover_interrupted(NOW)
        assert _seen_by_another(path) == 1
        assert _has_log(path)
        await store.commit(JournalEntry("main", NOW, events=(event("second"),)))
        assert _seen_by_another(path) == 2
        await again.close()
    finally:
        await store.close()
