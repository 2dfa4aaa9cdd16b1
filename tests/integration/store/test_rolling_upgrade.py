"""Two versions of the program, with two versions of the schema, on one database: one of them writes, and says why."""

import asyncio
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from monitor.errors import DaemonAlreadyRunning, StoreError, WrongDatabaseRevision
from monitor.store.command_store import CommandStore
from monitor.store.db import connections as opening
from monitor.store.db.connections import SCHEMA_REVISION
from monitor.store.db.schema_migration import find_problems
from monitor.store.store import Store
from monitor.store.writes.pause_switch import set_paused
from tests.integration.channels.test_final_notices import final_notices
from tests.support.command import margin_monitor
from tests.support.daemon import CHECKOUT, daemon_process, eventually, starting_now, write_config
from tests.support.examples.store_rows import NOW
from tests.support.postgres import own_server
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, http_sink
from tests.support.timeouts import SOON_S

NEWER = f"{int(SCHEMA_REVISION) + 1:04d}"
MIGRATION = f'''
import os
import time
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "{NEWER}"
down_revision = "{SCHEMA_REVISION}"


def upgrade():
    op.add_column("alerts", sa.Column("origin", sa.Text, nullable=False, server_default="here"))
    wait = Path(os.environ.get("UPGRADE_WAITS", "/nowhere"))
    if wait.exists():
        wait.with_suffix(".begun").touch()
        while wait.exists():
            time.sleep(0.02)
'''
RULE = """
[[rules]]
name = "always"
scope = "cross"
when = "margin_level < 100"
severity = "warning"
"""
NEWER_WORDS = f"has revision {NEWER}, newer than this program's {SCHEMA_REVISION}; install the newer margin-monitor"
OLDER_WORDS = f"has revision {SCHEMA_REVISION}, this program needs {NEWER}; run `margin-monitor db upgrade`"


@pytest.fixture(scope="module")
def newer_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of this program with one migration more."""
    folder = tmp_path_factory.mktemp("newer")
    for part in ("monitor", "migrations", "config", "systemd"):
        shutil.copytree(CHECKOUT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    module = folder / "monitor" / "store" / "db" / "connections.py"
    wanted = f'SCHEMA_REVISION = "{SCHEMA_REVISION}"'
    source = module.read_text()
    assert wanted in source
    module.write_text(source.replace(wanted, f'SCHEMA_REVISION = "{NEWER}"'))
    (folder / "migrations" / "versions" / f"{NEWER}_origins.py").write_text(MIGRATION)
    return folder


def upgrade_command(program: Path, config: Path, **environ: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "monitor", "--config", str(config), "db", "upgrade"],
        cwd=program,
        env={"PATH": os.environ["PATH"], "HOME": str(config.parent), "LC_ALL": "C.UTF-8", **environ},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def upgraded(program: Path, config: Path) -> tuple[int, str]:
    """The exit code of an upgrade by this version of the program, and its result or its error.

    The session of a daemon that has just ended may have to be ended, too, which is logged.
    """
    with upgrade_command(program, config) as running:
        out, err = running.communicate(timeout=SOON_S)
        return running.returncode, (err if running.returncode else out).strip()


@contextmanager
def upgrade_under_way(program: Path, config: Path) -> Iterator["subprocess.Popen[str]"]:
    """An upgrade that has changed a table and is not done before the end of the block."""
    wait = config.with_suffix(".wait")
    wait.touch()
    with upgrade_command(program, config, UPGRADE_WAITS=str(wait)) as running:
        try:
            while not wait.with_suffix(".begun").exists():
                assert running.poll() is None, running.communicate()
            yield running
        finally:
            wait.unlink(missing_ok=True)
            running.wait(SOON_S)


def notified(sink: HttpSink) -> int:
    return sum(one.json().get("rule") == "always" for one in sink.received)


async def exit_of_run(config: Path, program: Path = CHECKOUT) -> tuple[int, str]:
    """The exit code of a daemon that does not stay, and its last line."""
    async with daemon_process(config, environ={"STATE_DIRECTORY": str(config.parent)}, checkout=program) as child:
        return await child.wait_for_exit(60), child.lines[-1]


@pytest.mark.slow
async def test_rolling_upgrade_of_two_machines_loses_nothing(tmp_path: Path, newer_program: Path) -> None:
    with own_server() as server, http_sink() as phone:
        server.create_database("margin")
        async with sandbox(starting_now()) as box:
            url = server.url("margin")
            config = write_config(tmp_path, box.ready, url=url, channels={"phone": phone.url}, more=RULE)
            environ = {"STATE_DIRECTORY": str(tmp_path)}
            async with daemon_process(config, environ=environ) as old:
                await old.wait_for_line("stream=market connected=True")
                await asyncio.to_thread(phone.wait_for, lambda received: notified(phone) == 1, SOON_S)
                code, line = await asyncio.to_thread(upgraded, newer_program, config)
                assert (code, line.count("\n")) == (73, 0)
                assert f"another margin-monitor (pid {old.process.pid} on " in line
                assert "while no daemon writes: stop it, and run `margin-monitor db upgrade` again" in line
                code, line = await exit_of_run(config, newer_program)
                assert (code, OLDER_WORDS in line) == (69, True)
                assert (await asyncio.to_thread(margin_monitor, config, "status", "--check")).code == 0
                assert await old.stop() == 0
            code, line = await asyncio.to_thread(upgraded, newer_program, config)
            assert (code, line) == (0, f"upgraded {url} from revision {SCHEMA_REVISION} to {NEWER}")
            async with daemon_process(config, environ=environ, checkout=newer_program) as new:
                # The upgrade counted as a taking, and the old daemon had given the lease back.
                await new.wait_for_line("lease.taken epoch=3 sends_in_s=0.0")
                await new.wait_for_line("stream=market connected=True")
                code, line = await exit_of_run(config)
                assert (code, NEWER_WORDS in line) == (69, True)
                for words in (("status",), ("alerts",), ("actions", "pause"), ("db", "upgrade")):
                    said = await asyncio.to_thread(margin_monitor, config, *words)
                    assert (said.code, NEWER_WORDS in said.err, said.err.count("\n")) == (69, True, 1)
                assert await new.stop() == 0
        assert notified(phone) == 1, "the alert goes on under the newer version"
        with server.connect("margin") as connection:
            alerts = connection.execute("SELECT state, origin FROM alerts WHERE rule = 'always'").fetchall()
            assert alerts == [("firing", "here")]


async def test_daemon_whose_schema_is_changed_stops_writing_and_ends(tmp_path: Path, database_url: str) -> None:
    with http_sink() as phone:
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, url=database_url, channels={"phone": phone.url})
            async with daemon_process(config, environ={"STATE_DIRECTORY": str(tmp_path)}) as child:
                await child.wait_for_line("stream=market connected=True")
                engine = opening.writing_engine(opening.parse_url(database_url))
                with engine.begin() as connection:
                    connection.execute(text(f"UPDATE alembic_version SET version_num = '{NEWER}'"))
                engine.dispose()
                assert await child.wait_for_exit(60) == 69
                assert NEWER_WORDS in child.lines[-1]
    (said,) = final_notices(phone)
    assert NEWER_WORDS in said


async def test_daemon_and_command_that_meet_an_upgrade_write_nothing(
    tmp_path: Path, database_url: str, newer_program: Path
) -> None:
    config = tmp_path / "config.toml"
    config.touch(mode=0o600)
    config.write_text(
        f'[storage]\nurl = "{database_url}"\n[[accounts]]\nname = "main"\napi_key = "a"\napi_secret = "b"\n'
    )
    with CommandStore.open(database_url) as commands:
        commands.execute(set_paused, True, "ann", NOW)
        with upgrade_under_way(newer_program, config):
            old = Store.attach(database_url)
            await eventually(lambda: _fails_with(old, DaemonAlreadyRunning))
            with pytest.raises(StoreError):
                commands.execute(set_paused, False, "ann", NOW)
        await eventually(lambda: _fails_with(old, WrongDatabaseRevision))
        with pytest.raises(WrongDatabaseRevision, match=NEWER_WORDS):
            commands.execute(set_paused, False, "ann", NOW)
        await old.close()
    engine = opening.reading_engine(opening.parse_url(database_url))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT paused FROM control")).scalar()
        assert connection.execute(text("SELECT count(*) FROM leases")).scalar() == 0
    engine.dispose()


async def _fails_with(store: Store, kind: type[StoreError]) -> bool:
    return isinstance(store.failure, kind)


def test_command_that_is_writing_holds_an_upgrade_back(tmp_path: Path, database_url: str, newer_program: Path) -> None:
    config = tmp_path / "config.toml"
    config.touch(mode=0o600)
    config.write_text(
        f'[storage]\nurl = "{database_url}"\n[[accounts]]\nname = "main"\napi_key = "a"\napi_secret = "b"\n'
    )
    is_writing, may_end = threading.Event(), threading.Event()

    def write(connection: Connection) -> None:
        set_paused(connection, True, "ann", NOW)
        is_writing.set()
        may_end.wait(SOON_S)

    with CommandStore.open(database_url) as commands:
        thread = threading.Thread(target=commands.execute, args=(write,))
        thread.start()
        is_writing.wait(SOON_S)
        code, line = upgraded(newer_program, config)
        may_end.set()
        thread.join()
    assert (code, line.count("\n")) == (69, 0)
    assert "end the program that keeps it locked" in line or "another program is changing it" in line
    assert find_problems(database_url) == []
    assert upgraded(newer_program, config)[0] == 0
