"""Watching does not need the database: not at the start, not later; and what was told without it is recorded after."""

import asyncio
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select

from monitor.core.model.alert import AlertState
from monitor.runtime.account import account_failures
from monitor.sandbox.server import Sandbox
from monitor.store.schema import tables
from monitor.store.writes.id_allocation import FIRST_UNRECORDED_ALERT_ID
from tests.integration.store.test_failing_store import (
    ACTIONS,
    alerts_received,
    has_received,
    money_requests,
    small_disk,
)
from tests.support.command import margin_monitor
from tests.support.daemon import (
    InProcessDaemon,
    clock_of,
    daemon_process,
    eventually,
    in_process_daemon,
    starting_now,
    write_config,
)
from tests.support.faulty_proxy import proxy_to
from tests.support.postgres import own_server
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, http_sink

STARTED = "stream=market connected=True"


@pytest.fixture(autouse=True)
def stretched_timeouts() -> None:
    """The program's own bounds: they are what is tested."""


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Somebody else keeps the file locked: nothing can be written."""
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def crash_prices(box: Sandbox) -> None:
    """The account is in danger from now on."""
    box.user_actions.set_price("BTCUSDT", Decimal(41_000))


def recover(box: Sandbox) -> None:
    box.user_actions.set_price("BTCUSDT", Decimal(60_000))


async def has_text(sink: HttpSink, words: str) -> bool:
    return any(words in str(one.json()["text"]) for one in sink.received)


def set_aside_files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.glob("monitor.db.damaged-*")]


async def is_recording(here: InProcessDaemon) -> bool:
    return here.daemon.is_recording


async def test_damaged_database_is_set_aside_and_watching_goes_on(tmp_path: Path) -> None:
    database = tmp_path / "monitor.db"
    damage = b"not a database at all, " * 100
    database.write_bytes(damage)
    with http_sink() as sink:
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url}, more=ACTIONS)
            async with in_process_daemon(config, clock_of(box.sandbox), waits=False) as here:
                await here.wait_for_state(lambda state: state.cross and state.thresholds.cross)
                crash_prices(box.sandbox)
                await eventually(lambda: has_received(sink, "near-call"), 30)
                assert "Not recorded:" in str(alerts_received(sink, "near-call")[0]["text"])
                await eventually(lambda: has_text(sink, "db upgrade --fresh"))
                assert money_requests(box.sandbox) == []
                assert database.read_bytes() == damage

                said = await asyncio.to_thread(margin_monitor, config, "db", "upgrade", "--fresh")
                assert said.code == 0
                assert "kept the damaged file as" in said.out
                await eventually(lambda: is_recording(here), 30)
                await here.wait_for_alerts(lambda rows: any(r.alert.key.rule == "near-call" for r in rows), 30)
                (row,) = (row for row in await here.alerts() if row.alert.key.rule == "near-call")
                assert row.alert.id > FIRST_UNRECORDED_ALERT_ID
    (aside,) = set_aside_files(tmp_path)
    assert aside == damage


@pytest.mark.parametrize("what", ["silence", "alert"])
async def test_unreadable_row_does_not_stop_watching(tmp_path: Path, sqlite_template: Path, what: str) -> None:
    database = tmp_path / "monitor.db"
    shutil.copy(sqlite_template, database)
    odd = {
        "silence": (
            "silences",
            "INSERT INTO silences (matchers, starts_at, ends_at, author, comment, include_critical)"
            " VALUES ('nonsense', 0, 9999999999999, 'me', '', 0)",
        ),
        "alert": (
            "alerts",
            'INSERT INTO alerts (id, rule, account, scope, subject, state, severity, since, "when", clear, summary,'
            " labels, pending_s, escalated, gone) VALUES"
            " (1, 'thin', 'main', 'cross', '', 'firing', 'info', 0, '', '', '', 'nonsense', '0', 0, 0)",
        ),
    }
    table, row = odd[what]
    with closing(sqlite3.connect(database)) as other, other:
        other.execute(row)
    with http_sink() as sink:
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url}, more=ACTIONS)
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:
                await here.wait_for_state(lambda state: state.cross and state.thresholds.cross)
                await here.wait_for_state(lambda state: state.health.store_failing)
                crash_prices(box.sandbox)
                await eventually(lambda: has_received(sink, "near-call"), 30)
                assert "Not recorded:" in str(alerts_received(sink, "near-call")[0]["text"])
                assert money_requests(box.sandbox) == []
                with closing(sqlite3.connect(database)) as other, other:
                    other.execute(f"DELETE FROM {table}")
                await eventually(lambda: acted(box.sandbox), 30)
                await here.wait_for_alerts(lambda rows: any(r.alert.key.rule == "near-call" for r in rows), 30)


@pytest.mark.slow
async def test_known_alert_keeps_its_id_and_channels(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            clock = clock_of(box.sandbox)
            async with in_process_daemon(config, clock) as here:
                await here.wait_for_state(lambda state: state.cross and state.thresholds.cross)
                crash_prices(box.sandbox)
                await here.wait_for_alerts(lambda rows: any(r.alert.key.rule == "near-call" for r in rows))
                await eventually(lambda: has_received(sink, "near-call"))
            number = alerts_received(sink, "near-call")[0]["id"]
            other = sqlite3.connect(tmp_path / "monitor.db", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            async with in_process_daemon(config, clock, waits=False) as here:
                await here.wait_for_state(
                    lambda state: any(a.key.rule == "near-call" for a in state.alerts.values()), 30
                )
                (mine,) = (a for a in here.state().alerts.values() if a.key.rule == "near-call")
                assert mine.id != number
                assert not here.daemon.is_recording
                other.close()
                await here.wait_for_state(lambda state: any(a.id == number for a in state.alerts.values()), 30)
                recover(box.sandbox)
                await here.wait_for_alerts(
                    lambda rows: [r.alert.state for r in rows if r.alert.id == number] == [AlertState.RESOLVED], 30
                )


@pytest.mark.slow
async def test_start_without_the_database_continues_from_its_state(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url}, more=ACTIONS)
            clock = clock_of(box.sandbox)
            async with in_process_daemon(config, clock) as here:
                await here.wait_for_state(lambda state: state.cross and state.thresholds.cross)
            database = tmp_path / "monitor.db"
            other = sqlite3.connect(database, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            async with in_process_daemon(config, clock, waits=False) as here:
                await here.wait_for_state(lambda state: state.cross and state.thresholds.cross, 30)
                crash_prices(box.sandbox)
                await eventually(lambda: has_received(sink, "near-call"), 30)
                assert money_requests(box.sandbox) == []
                other.close()
                # What was told is recorded, and now it may act.
                await here.wait_for_alerts(lambda rows: any(r.alert.key.rule == "near-call" for r in rows), 30)
                await eventually(lambda: acted(box.sandbox), 30)


async def acted(box: Sandbox) -> bool:
    return money_requests(box) != []


@pytest.mark.slow
async def test_reload_during_a_database_lock_loses_nothing(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            async with daemon_process(config) as child:
                await child.wait_for_line(STARTED)
                with locked(tmp_path / "monitor.db"):
                    await child.wait_for_line("store.failing")
                    crash_prices(box.sandbox)
                    await eventually(lambda: has_received(sink, "near-call"), 30)
                    number = alerts_received(sink, "near-call")[0]["id"]
                    child.send(signal.SIGHUP)
                    await child.wait_for_line("config.reloaded", 60)
                await child.wait_for_line("store.taken_up", 60, times=2)
                recover(box.sandbox)
                await eventually(lambda: is_over(sink, number), 60)
                assert await child.stop() == 0


async def is_over(sink: HttpSink, number: object) -> bool:
    return any("RESOLVED" in one.json()["title"] and one.json()["id"] == number for one in sink.received)


async def test_ending_daemon_sends_one_final_notice(tmp_path: Path, sqlite_template: Path) -> None:
    database = tmp_path / "monitor.db"
    shutil.copy(sqlite_template, database)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with http_sink() as sink:
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            environ = {"STATE_DIRECTORY": str(tmp_path)}
            for _ in range(2):
                async with daemon_process(config, environ=environ) as child:
                    assert await child.wait_for_exit() == 69
    (last_words,) = sink.received
    assert "margin-monitor ends and watches no more" in last_words.json()["text"]
    assert "newer than this program's" in last_words.json()["text"]


@pytest.mark.slow
async def test_account_that_is_down_is_notified_by_the_daemon(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox() as box:
            secret = tmp_path / "secret.txt"
            main = box.ready.accounts[0]["api_secret"]
            secret.write_text(main)
            secret.chmod(0o600)
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            config.write_text(config.read_text().replace(f'"{main}"', f'"file:{secret}"'))
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:
                await here.wait_for_state(lambda state: state.cross)
            elsewhere = secret.rename(tmp_path / "elsewhere.txt")
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:
                # Without its secret the account can't even be opened.
                await eventually(lambda: has_received(sink, "account-failing"), 60)
                elsewhere.rename(secret)
                await here.wait_for_state(lambda state: state.cross, 60)


@pytest.mark.slow
async def test_full_disk_at_the_start_does_not_stop_alerts(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk, http_sink() as sink:
        disk.fail()
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, url=disk.url, channels={"phone": sink.url})
            async with in_process_daemon(config, clock_of(box.sandbox), waits=False) as here:
                await here.wait_for_state(lambda state: state.cross and state.thresholds.cross, 30)
                await eventually(lambda: has_text(sink, "The database can't be used"))
                crash_prices(box.sandbox)
                await eventually(lambda: has_received(sink, "near-call"), 30)
                assert "Not recorded:" in str(alerts_received(sink, "near-call")[0]["text"])
                disk.mend()
                await eventually(lambda: is_recording(here), 30)
                await here.wait_for_alerts(lambda rows: any(r.alert.key.rule == "near-call" for r in rows), 30)


@pytest.mark.slow
async def test_lost_commit_answer_does_not_block_a_plan(tmp_path: Path) -> None:
    with own_server() as server, proxy_to(server.socket) as line, http_sink() as sink:
        server.create_database("margin")
        url = f"postgresql+psycopg://tester@127.0.0.1:{line.port}/margin"
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, url=url, channels={"phone": sink.url}, more=ACTIONS)
            async with in_process_daemon(config, clock_of(box.sandbox), waits=False) as here:
                await here.wait_for_state(
                    lambda state: state.cross and state.thresholds.cross and state.wallets.get("spot"), 30
                )
                line.loses_answers_to = b"COMMIT"
                crash_prices(box.sandbox)
                await eventually(lambda: acted(box.sandbox), 60)
                await here.wait_for_alerts(lambda rows: any(r.alert.key.rule == "near-call" for r in rows), 30)
                assert line.loses_answers_to == b"", "no answer was lost"
                rows = [row for row in await here.alerts() if row.alert.key.rule == "near-call"]
                assert len(rows) == 1
                births = await here.store.read(births_of, rows[0].alert.id)
                assert births == 1


def births_of(connection: Connection, alert: int) -> int:
    """How often the alert was born, as the database has it."""
    table = tables.alert_transitions
    born = select(func.count()).where(table.c.alert == alert, table.c.from_state.is_(None))
    return int(connection.execute(born).scalar_one())


@pytest.mark.slow
async def test_refused_entry_is_notified_and_the_account_continues(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:
                await here.wait_for_state(lambda state: state.cross and state.thresholds.cross)
                # The numbers that come next belong to somebody else by now.
                with closing(sqlite3.connect(tmp_path / "monitor.db")) as other, other:
                    for number in range(1, 40):
                        other.execute(
                            "INSERT OR IGNORE INTO alerts (id, rule, account, scope, subject, state, severity, since,"
                            ' "when", clear, summary, labels, pending_s, escalated, gone) VALUES'
                            " (?, 'other', 'main', 'account', '', 'resolved', 'info', 0, '', '', '', '{}', '0', 0, 0)",
                            (number,),
                        )
                crash_prices(box.sandbox)
                await eventually(lambda: has_received(sink, "near-call"), 30)
                await here.wait_for_alerts(
                    lambda rows: any(r.alert.key.rule == "near-call" and r.alert.id >= 40 for r in rows), 60
                )


@pytest.mark.slow
async def test_where_the_database_goes_on_refusing_the_account_goes_on_unrecorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(account_failures, "UNRECORDED_BACKOFF_S", (45.0,))
    database = tmp_path / "monitor.db"
    with http_sink() as sink:
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url}, more=ACTIONS)
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:
                await here.wait_for_state(lambda state: state.cross and state.thresholds.cross)
                with closing(sqlite3.connect(database)) as other, other:
                    other.execute("CREATE TRIGGER none BEFORE INSERT ON alerts BEGIN SELECT RAISE(ABORT, 'none'); END")
                crash_prices(box.sandbox)
                await eventually(lambda: has_received(sink, "near-call"), 30)
                await eventually(lambda: has_received(sink, "cannot-record"), 120)
                assert "Not recorded:" in str(alerts_received(sink, "cannot-record")[0]["text"])
                assert [line.getMessage().startswith("account.restarting") for line in caplog.records].count(True) < 5
                assert here.state().health.store_failing
                assert money_requests(box.sandbox) == []
                with closing(sqlite3.connect(database)) as other, other:
                    other.execute("DROP TRIGGER none")
                await here.wait_for_alerts(lambda rows: any(r.alert.key.rule == "near-call" for r in rows), 90)
                await eventually(lambda: acted(box.sandbox), 60)


@pytest.mark.slow
async def test_half_a_minute_without_recording_is_an_alert(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:
                await here.wait_for_state(lambda state: state.cross and state.thresholds.cross)
                with locked(tmp_path / "monitor.db"):
                    await eventually(lambda: has_received(sink, "cannot-record"), 90)
                    assert "Not recorded:" in str(alerts_received(sink, "cannot-record")[0]["text"])
                number = alerts_received(sink, "cannot-record")[0]["id"]
                await eventually(lambda: is_over(sink, number), 60)


async def test_low_disk_space_is_reported(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, url=disk.url)
            said = await asyncio.to_thread(margin_monitor, config, "check", "--offline", "--json")
            rows = {row["name"]: row for row in said.json()["items"]}
            assert rows["space"]["result"] == "warning"
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:
                await here.wait_for_state(lambda state: state.health.store_space_low is True)
                await here.wait_for_state(lambda state: any(a.key.rule == "space-low" for a in state.alerts.values()))
