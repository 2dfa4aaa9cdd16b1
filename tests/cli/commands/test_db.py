"""`db`: makes, upgrades, checks, copies and prunes the database, and says what it did."""

import asyncio
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.model.journal import JournalEntry, Sample
from monitor.store.command_store import ReadStore
from monitor.store.db.connections import SCHEMA_REVISION
from monitor.store.readers.history import read_history
from monitor.store.store import Store
from tests.store.db.test_schema_migration import database_at_revision
from tests.support.command import margin_monitor, write_config


def test_upgrade_says_from_which_revision_to_which(tmp_path: Path) -> None:
    config, database = write_config(tmp_path), tmp_path / "monitor.db"
    assert margin_monitor(config, "db", "upgrade").out == f"made sqlite:///{database} at revision {SCHEMA_REVISION}\n"
    assert (
        margin_monitor(config, "db", "upgrade").out
        == f"sqlite:///{database} is at revision {SCHEMA_REVISION} already\n"
    )
    assert margin_monitor(config, "db", "upgrade", "--json").json() == {
        "database": f"sqlite:///{database}",
        "from": SCHEMA_REVISION,
        "to": SCHEMA_REVISION,
    }


def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    margin_monitor(config, "db", "upgrade")
    with sqlite3.connect(tmp_path / "monitor.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    for command in ("upgrade", "check"):
        said = margin_monitor(config, "db", command)
        assert (said.code, said.out, len(said.err.splitlines())) == (69, "", 1)
        assert (
            f"revision 9999, newer than this program's {SCHEMA_REVISION}; install the newer margin-monitor" in said.err
        )


def test_check_answers_by_its_exit_code(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    missing = margin_monitor(config, "db", "check")
    assert (missing.code, missing.err.count("\n")) == (69, 1)
    assert "run `margin-monitor db upgrade`" in missing.err
    margin_monitor(config, "db", "upgrade")
    sound = margin_monitor(config, "db", "check")
    assert (sound.code, sound.out) == (0, f"sqlite:///{tmp_path / 'monitor.db'} is sound\n")
    with sqlite3.connect(tmp_path / "monitor.db") as connection:
        connection.execute("INSERT INTO samples (series, at, value) VALUES (7, 1, '1')")
    connection.close()
    broken = margin_monitor(config, "db", "check", "--json")
    assert broken.code == 1
    document = broken.json()
    assert not document["ok"]
    (item,) = document["items"]
    assert "samples" in item["detail"]
    assert "series" in item["detail"]


def test_a_backup_is_restored(tmp_path: Path) -> None:
    config, copy = write_config(tmp_path), tmp_path / "copy.db"
    margin_monitor(config, "db", "upgrade")
    assert margin_monitor(config, "db", "backup", str(copy)).code == 0
    again = margin_monitor(config, "db", "backup", str(copy))
    assert (again.code, again.err) == (1, f"{copy}: is already there; give another FILE\n")
    refused = margin_monitor(config, "db", "restore", str(copy))
    assert refused.err == f"{tmp_path / 'monitor.db'}: there is a database already; use --force to overwrite it\n"
    (tmp_path / "monitor.db").unlink()
    restored = margin_monitor(config, "db", "restore", str(copy))
    assert (restored.code, restored.err) == (0, "")
    assert restored.out.startswith(f"sqlite:///{tmp_path / 'monitor.db'} is {copy} now, revision {SCHEMA_REVISION}\n")
    assert margin_monitor(config, "db", "check").code == 0


def test_restore_names_the_upgrade_command(tmp_path: Path) -> None:
    config, copy = write_config(tmp_path), tmp_path / "copy.db"
    database_at_revision(f"sqlite:///{copy}", "0007")
    said = margin_monitor(config, "db", "restore", str(copy))
    assert said.code == 0
    assert f"it is older than this program ({SCHEMA_REVISION}): run `margin-monitor db upgrade`\n" in said.out
    refused = margin_monitor(config, "status")
    assert (refused.code, refused.err.count("\n")) == (69, 1)
    assert "has revision 0007" in refused.err
    assert margin_monitor(config, "db", "upgrade").code == 0
    assert json.loads(margin_monitor(config, "status", "--json").out)["daemon"]["paused"] is True


def test_prune_keeps_what_the_configuration_says(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    config.write_text(
        config.read_text().replace(
            "[[accounts]]", 'retain_samples = "30d"\nretain_hourly_samples = "60d"\n[[accounts]]'
        )
    )
    margin_monitor(config, "db", "upgrade")
    now = datetime.now(UTC)
    times = [now - timedelta(days=age) for age in (1, 29, 40, 90)]
    samples = tuple(Sample("cross", "", "margin_level", at, Decimal("1.5")) for at in times)
    asyncio.run(_write(tmp_path, JournalEntry("main", now, samples=samples)))
    said = margin_monitor(config, "db", "prune")
    assert (said.code, said.out) == (
        0,
        "dropped 1 row: samples are kept for 30d, those of hours for 60d, events for 400d\n",
    )
    with ReadStore.open(f"sqlite:///{tmp_path / 'monitor.db'}") as store:
        (series,) = store.read(read_history, "margin_level")
    assert [(now - point.at).days for point in series.points] == [40, 29, 1]


def test_prune_does_not_believe_a_clock_that_is_ahead(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    margin_monitor(config, "db", "upgrade")
    # Seen from the record, this machine's clock is 120 days ahead.
    newest = datetime.now(UTC) - timedelta(days=120)
    samples = tuple(
        Sample("cross", "", "margin_level", newest - timedelta(minutes=10 * number), Decimal(number))
        for number in range(50)
    )
    asyncio.run(_write(tmp_path, JournalEntry("main", newest, samples=samples)))
    said = margin_monitor(config, "db", "prune")
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert said.err.startswith(f"db prune: nothing is recorded since {newest:%Y-%m-%d %H:%M} UTC")
    assert "start the daemon" in said.err
    assert "add --force" in said.err
    with ReadStore.open(f"sqlite:///{tmp_path / 'monitor.db'}") as store:
        (series,) = store.read(read_history, "margin_level")
    assert len(series.points) == 50
    forced = margin_monitor(config, "db", "prune", "--force")
    assert forced.code == 0
    assert not forced.out.startswith("dropped 0 rows")


@pytest.mark.parametrize("words", [("backup", "copy.db"), ("restore", "copy.db")])
def test_postgresql_is_left_to_its_own_tools(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "copy.db").touch()
    config = write_config(tmp_path)
    config.write_text(
        config.read_text().replace(f"sqlite:///{tmp_path / 'monitor.db'}", "postgresql+psycopg://u@127.0.0.1/x")
    )
    said = margin_monitor(config, "db", *words)
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "use pg_" in said.err


@pytest.mark.parametrize("part", ["upgrade", "check", "backup", "restore", "prune"])
def test_every_part_has_its_help(tmp_path: Path, part: str) -> None:
    said = margin_monitor(tmp_path / "none.toml", "db", part, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"usage: margin-monitor db {part}")


async def _write(folder: Path, entry: JournalEntry) -> None:
    store = Store.open(f"sqlite:///{folder / 'monitor.db'}", create=False)
    await store.commit(entry)
    await store.close()
