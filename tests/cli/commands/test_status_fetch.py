"""`status --fetch` as a user runs it, against an exchange in another process."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from monitor.sandbox.server import SandboxInfo
from monitor.store.command_store import CommandStore
from monitor.store.writes import bans
from tests.support.command import margin_monitor
from tests.support.daemon import write_config
from tests.support.sandbox import SandboxProcess, sandbox_process

pytestmark = pytest.mark.slow


def _config(folder: Path, template: Path, child: SandboxProcess) -> Path:
    shutil.copy(template, folder / "monitor.db")
    return write_config(folder, msgspec.convert(child.ready, SandboxInfo))


async def test_a_fetch_reads_the_exchange_without_a_daemon(tmp_path: Path, sqlite_template: Path) -> None:
    async with sandbox_process("calm") as child:
        config = _config(tmp_path, sqlite_template, child)
        document = margin_monitor(config, "status", "--fetch", "--json").json()
        checked = margin_monitor(config, "status", "--fetch", "--check", "--max-age", "30s")
    (account,) = document["accounts"]
    assert account["cross"]["margin_level"].startswith("1.8333")
    assert account["cross"]["age_s"] < 30
    assert document["daemon"]["running"] is False
    assert checked.code == 0
    # Nothing of it was recorded.
    (account,) = margin_monitor(config, "status", "--json").json()["accounts"]
    assert account["state"] == "unknown"


async def test_fetch_from_a_dead_exchange_exits_69_with_recorded_figures(tmp_path: Path, sqlite_template: Path) -> None:
    async with sandbox_process("calm") as child:
        config = _config(tmp_path, sqlite_template, child)
    said = margin_monitor(config, "status", "--fetch")
    assert said.code == 69
    assert "main: nothing is known yet" in said.out
    assert "account main" in said.err.splitlines()[-1]
    said = margin_monitor(config, "status", "--fetch", "--json")
    assert (said.code, said.json()["error"]["code"]) == (69, "exchange_unreachable")


async def test_a_remembered_ban_holds_for_a_fetch(tmp_path: Path, sqlite_template: Path) -> None:
    async with sandbox_process("calm") as child:
        config = _config(tmp_path, sqlite_template, child)
        with CommandStore.open(f"sqlite:///{tmp_path}/monitor.db") as store:
            store.execute(bans.save_ban, datetime.now(UTC) + timedelta(hours=1))
        said = margin_monitor(config, "status", "--fetch")
        asked = await child.read_admin("requests")
    assert said.code == 69
    assert asked == []


async def test_without_a_database_the_exchange_is_not_asked(tmp_path: Path) -> None:
    async with sandbox_process("calm") as child:
        config = write_config(
            tmp_path, msgspec.convert(child.ready, SandboxInfo), url=f"sqlite:///{tmp_path}/monitor.db"
        )
        said = margin_monitor(config, "status", "--fetch")
        asked = await child.read_admin("requests")
    assert said.code == 69
    assert "db upgrade" in said.err
    assert asked == []
