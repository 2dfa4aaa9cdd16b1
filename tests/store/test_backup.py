"""Backups: the state of one moment, whole or not at all, and put back only where that does no harm."""

import asyncio
import contextlib
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from monitor.core.model.id_floor import compute_id_floor
from monitor.core.model.intent import IntentState
from monitor.core.model.journal import JournalEntry
from monitor.errors import DaemonAlreadyRunning, MonitorError, StoreError, UsageError, WrongDatabaseRevision
from monitor.store.backup import back_up, restore
from monitor.store.command_store import ReadStore
from monitor.store.commands_in_force import read_pause
from monitor.store.db.connections import SCHEMA_REVISION
from monitor.store.db.schema_migration import find_problems, upgrade
from monitor.store.readers.events import read_events
from monitor.store.readers.intents import read_intents
from monitor.store.schema.tables import audit
from monitor.store.store import Store
from monitor.store.writes.audit import verify_trail
from monitor.store.writes.id_allocation import FIRST_MANUAL_INTENT_ID
from monitor.store.writes.intents import RESTORED_UNSENT
from tests.store.db.test_schema_migration import database_at_revision
from tests.support.examples.store_rows import NOW, event, intent, planned_entry


@pytest.fixture
def url(tmp_path: Path, sqlite_template: Path) -> str:
    shutil.copy(sqlite_template, tmp_path / "monitor.db")
    return f"sqlite:///{tmp_path / 'monitor.db'}"


def restore_backup(url: str, source: Path, *, force: bool = False) -> str:
    return restore(url, source, "ann, by db restore", NOW, force=force)


def keys(url: str) -> list[str]:
    with ReadStore.open(url) as store:
        return [row.key for row in store.read(read_events)]


async def write(url: str, *entries: JournalEntry) -> None:
    store = Store.open(url)
    for entry in entries:
        await store.commit(entry)
    await store.close()


async def test_a_backup_beside_a_busy_daemon_is_sound_and_holds_all_that_was_committed(
    url: str, tmp_path: Path
) -> None:
    store = Store.open(url)
    for number in range(20):
        await store.commit(JournalEntry("main", NOW, events=(event(f"before-{number}"),)))
    writing = asyncio.create_task(_keep_writing(store))
    await asyncio.to_thread(back_up, url, tmp_path / "copy.db")
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await store.close()
    copied = f"sqlite:///{tmp_path / 'copy.db'}"
    assert find_problems(copied) == []
    assert {f"before-{number}" for number in range(20)} <= set(keys(copied))
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    assert not await asyncio.to_thread(lambda: list(tmp_path.glob(".*")))


async def _keep_writing(store: Store) -> None:
    number = 0
    while True:
        await store.commit(JournalEntry("main", NOW, events=(event(f"during-{number}"),)))
        number += 1


def test_a_backup_never_overwrites(url: str, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("mine")
    with pytest.raises(MonitorError, match=r"copy\.db: is already there; give another FILE$"):
        back_up(url, target)
    assert target.read_text() == "mine"


def test_a_backup_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "monitor.db").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(StoreError):
        back_up(f"sqlite:///{tmp_path / 'monitor.db'}", tmp_path / "copy.db")
    assert [path.name for path in tmp_path.iterdir()] == ["monitor.db"]


async def test_restoring_brings_back_the_moment_of_the_backup(url: str, tmp_path: Path) -> None:
    await write(url, JournalEntry("main", NOW, events=(event("one"),)))
    back_up(url, tmp_path / "copy.db")
    await write(url, JournalEntry("main", NOW, events=(event("two"),)))
    with pytest.raises(MonitorError, match=r"monitor\.db: there is a database already; use --force to overwrite it$"):
        restore_backup(url, tmp_path / "copy.db")
    assert restore_backup(url, tmp_path / "copy.db", force=True) == SCHEMA_REVISION
    assert keys(url) == ["one"]
    assert find_problems(url) == []
    await write(url, JournalEntry("main", NOW, events=(event("three"),)))
    assert keys(url) == ["one", "three"]


async def test_old_write_ahead_log_is_not_restored(url: str, tmp_path: Path) -> None:
    back_up(url, tmp_path / "copy.db")
    store = Store.open(url)
    await store.commit(JournalEntry("main", NOW, events=(event("in the log"),)))
    kept = tmp_path / "kept-wal"
    shutil.copy(tmp_path / "monitor.db-wal", kept)
    await store.close()
    # As a killed daemon leaves it: commits in the log that never reached the database file.
    shutil.copy(kept, tmp_path / "monitor.db-wal")
    restore_backup(url, tmp_path / "copy.db", force=True)
    assert keys(url) == []
    assert find_problems(url) == []


async def test_nothing_is_restored_under_a_running_daemon(url: str, tmp_path: Path) -> None:
    back_up(url, tmp_path / "copy.db")
    store = Store.open(url)
    with pytest.raises(DaemonAlreadyRunning):
        restore_backup(url, tmp_path / "copy.db", force=True)
    await store.commit(JournalEntry("main", NOW, events=(event("still here"),)))
    await store.close()
    assert keys(url) == ["still here"]


def test_restoring_makes_a_database_where_there_is_none(url: str, tmp_path: Path) -> None:
    back_up(url, tmp_path / "copy.db")
    new = tmp_path / "elsewhere" / "new.db"
    restore_backup(f"sqlite:///{new}", tmp_path / "copy.db")
    assert keys(f"sqlite:///{new}") == []
    assert stat.S_IMODE(new.stat().st_mode) == 0o600


async def test_restore_pauses_actions(url: str, tmp_path: Path) -> None:
    await write(url, planned_entry(intent(1, IntentState.PLANNED)))
    back_up(url, tmp_path / "copy.db")
    assert restore_backup(url, tmp_path / "copy.db", force=True) == SCHEMA_REVISION
    with ReadStore.open(url) as store:
        assert store.read(read_pause) == ("ann, by db restore", NOW)
        assert [row.intent.state for row in store.read(read_intents)] == [IntentState.PLANNED]
        last = store.read(lambda connection: connection.execute(select(audit).order_by(audit.c.seq.desc())).first())
        assert last is not None
        assert (last.kind, last.at, json.loads(last.data)) == (
            "pause",
            NOW,
            {"paused": True, "by": "ann, by db restore"},
        )
        assert store.read(verify_trail).problems == ()


async def test_what_a_backup_has_unsent_is_never_sent(url: str, tmp_path: Path) -> None:
    planned, asked = (
        intent(1, IntentState.PLANNED),
        replace(intent(2, IntentState.PROPOSED, asset="BTC"), mode="approve"),
    )
    await write(url, planned_entry(planned), planned_entry(asked))
    back_up(url, tmp_path / "copy.db")
    # The same, into a place without a database: nothing tells which ids were given since.
    elsewhere = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    restore_backup(url, tmp_path / "copy.db", force=True)
    restore_backup(elsewhere, tmp_path / "copy.db")
    for place in (url, elsewhere):
        store = Store.open(place)
        assert await store.recover_interrupted(NOW) == ()
        await store.close()
        with ReadStore.open(place) as read:
            ended = read.read(read_intents, include_final=True)
            assert read.read(verify_trail).problems == ()
        assert [(row.intent.state, row.steps[-1].note) for row in ended] == [(IntentState.EXPIRED, RESTORED_UNSENT)] * 2


async def test_what_is_planned_after_a_restore_stays(url: str, tmp_path: Path) -> None:
    back_up(url, tmp_path / "copy.db")
    restore_backup(url, tmp_path / "copy.db", force=True)
    store = Store.open(url)
    number = (await store.next_ids(NOW)).intent
    await store.commit(planned_entry(intent(number, IntentState.PLANNED)))
    await store.recover_interrupted(NOW)
    await store.close()
    with ReadStore.open(url) as read:
        assert [row.intent.state for row in read.read(read_intents)] == [IntentState.PLANNED]


async def test_numbers_go_on_above_those_of_the_database_that_was_replaced(url: str, tmp_path: Path) -> None:
    await write(url, planned_entry(intent(1, IntentState.PLANNED)))
    back_up(url, tmp_path / "copy.db")
    # More than one in a minute, so that time alone would not keep them apart.
    late = compute_id_floor(NOW) + 7
    await write(
        url, planned_entry(intent(late, IntentState.PLANNED)), planned_entry(intent(FIRST_MANUAL_INTENT_ID + late + 4))
    )
    for _ in range(2):
        restore_backup(url, tmp_path / "copy.db", force=True)
        store = Store.open(url)
        assert (await store.next_ids(NOW)).intent == late + 6
        await store.close()


async def test_numbers_of_a_backup_hold_in_a_new_database(url: str, tmp_path: Path) -> None:
    back_up(url, tmp_path / "copy.db")
    late = compute_id_floor(NOW) + 7
    await write(url, planned_entry(intent(late, IntentState.PLANNED)))
    restore_backup(url, tmp_path / "copy.db", force=True)
    back_up(url, tmp_path / "later.db")
    new = f"sqlite:///{tmp_path / 'new.db'}"
    restore_backup(new, tmp_path / "later.db")
    store = Store.open(new)
    assert (await store.next_ids(NOW)).intent == late + 1
    await store.close()


@pytest.mark.parametrize("revision", ["0001", "0007", "0008", "0013", "0021"])
def test_old_backup_is_paused_at_its_own_revision(tmp_path: Path, revision: str) -> None:
    old, url = tmp_path / "old.db", f"sqlite:///{tmp_path / 'monitor.db'}"
    database_at_revision(f"sqlite:///{old}", revision)
    before = old.read_bytes()
    assert restore_backup(url, old) == revision
    assert old.read_bytes() == before
    with contextlib.closing(sqlite3.connect(tmp_path / "monitor.db")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(revision,)]
        assert connection.execute("SELECT paused, paused_by FROM control").fetchall() == [(1, "ann, by db restore")]
    with pytest.raises(WrongDatabaseRevision, match=r"run `margin-monitor db upgrade`"):
        Store.open(url)
    assert not list(tmp_path.glob(".*"))
    upgrade(url)
    with ReadStore.open(url) as store:
        assert store.read(read_pause) == ("ann, by db restore", NOW)
        assert store.read(verify_trail).problems == ()
        ordered = store.read(lambda connection: connection.execute(select(audit).where(audit.c.kind == "pause")).all())
        assert len(ordered) == (revision >= "0008")
    assert find_problems(url) == []


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(
            "CREATE TABLE owners (id)", r"monitor\.db can't be used: table owners already exists; ", id="table"
        ),
        pytest.param(
            "UPDATE alembic_version SET version_num = '0000'", r"monitor\.db can't be upgraded: .*0000", id="revision"
        ),
    ],
)
def test_a_backup_that_can_not_be_upgraded_is_refused_and_leaves_nothing(
    tmp_path: Path, spoil: str, words: str
) -> None:
    old = tmp_path / "old.db"
    database_at_revision(f"sqlite:///{old}", "0007")
    with contextlib.closing(sqlite3.connect(old)) as connection, connection:
        connection.execute(spoil)
    with pytest.raises(StoreError, match=words):
        restore_backup(f"sqlite:///{tmp_path / 'monitor.db'}", old)
    assert not is_anything_left(tmp_path)


def test_full_disk_during_the_upgrade_is_reported_and_leaves_nothing(tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    database_at_revision(f"sqlite:///{old}", "0007")
    said = in_a_small_disk(f"sqlite:///{tmp_path / 'monitor.db'}", old, old.stat().st_size)
    assert "StoreError" in said
    assert "monitor.db can't be used" in said
    assert not is_anything_left(tmp_path)


def is_anything_left(folder: Path) -> bool:
    """Whether a restore left more than the lock of the database."""
    return any(one.name.startswith((".", "monitor.db")) and one.suffix != ".lock" for one in folder.iterdir())


def in_a_small_disk(url: str, source: Path, limit: int) -> str:
    """What a restore says in a process whose files can't grow beyond `limit` bytes."""
    program = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from tests.store.test_backup import restore_backup\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))\n"
        "restore_backup(sys.argv[1], Path(sys.argv[2]))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, url, str(source), str(limit)], capture_output=True, text=True, check=False
    )
    return ended.stderr.strip().splitlines()[-1]


def test_a_damaged_backup_is_refused_and_nothing_changes(url: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    back_up(url, copy)
    pages = copy.stat().st_size
    with copy.open("r+b") as file:
        file.seek(pages // 2)
        file.write(os.urandom(pages // 4))
    before = (tmp_path / "monitor.db").read_bytes()
    with pytest.raises(MonitorError, match=r"damaged|no backup of margin-monitor"):
        restore_backup(url, copy, force=True)
    assert (tmp_path / "monitor.db").read_bytes() == before


@pytest.mark.parametrize("make", ["missing", "text", "foreign", "newer"])
def test_only_our_own_backups_are_restored(url: str, tmp_path: Path, make: str) -> None:
    copy = tmp_path / "copy.db"
    if make == "text":
        copy.write_text("hello" * 1000)
    if make == "foreign":
        sqlite3.connect(copy).execute("CREATE TABLE a (b)").connection.close()
    if make == "newer":
        back_up(url, copy)
        connection = sqlite3.connect(copy)
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
        connection.close()
    with pytest.raises(MonitorError) as error:
        restore_backup(url, copy, force=True)
    assert {
        "missing": "there is no such file",
        "text": "is no backup of margin-monitor",
        "foreign": "is no backup of margin-monitor",
        "newer": "the backup has revision 9999, newer than this program's",
    }[make] in str(error.value)
    assert find_problems(url) == []


def test_the_database_is_no_backup_of_itself(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the backup is the database itself"):
        restore_backup(url, tmp_path / "monitor.db", force=True)


def test_postgresql_has_tools_of_its_own(tmp_path: Path) -> None:
    url = "postgresql+psycopg://me@127.0.0.1:1/monitor"
    with pytest.raises(UsageError, match=r"use pg_dump$"):
        back_up(url, tmp_path / "copy.db")
    with pytest.raises(UsageError, match=r"use pg_restore$"):
        restore_backup(url, tmp_path / "copy.db")
