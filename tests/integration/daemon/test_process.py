"""`margin-monitor run` as its service manager sees it: exit codes, signals, and nothing secret in its output."""

import asyncio
import json
import shutil
import signal
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.scenario import hmac_key
from monitor.store.command_store import ReadStore
from monitor.store.readers.alerts import read_alerts
from monitor.store.readers.events import read_events
from monitor.store.readers.status import read_status_rows
from tests.support.daemon import (
    STARTS_WITHIN_S,
    DaemonProcess,
    daemon_process,
    eventually,
    starting_now,
    write_config,
)
from tests.support.sandbox import sandbox
from tests.support.sinks import http_sink

STARTED = "stream=market connected=True"


def last_line(child: DaemonProcess) -> str:
    return child.lines[-1] if child.lines else ""


async def test_sigterm_ends_it_cleanly_with_everything_committed(tmp_path: Path, database_url: str) -> None:
    async with sandbox(starting_now()) as box:
        config = write_config(tmp_path, box.ready, url=database_url)
        async with daemon_process(config, is_new=True) as child:
            await child.wait_for_line(STARTED)
            box.sandbox.user_actions.borrow("main", "USDT", Decimal(1))
            await eventually(lambda: is_debt_recorded(database_url, "30001"))
            assert await child.stop(signal.SIGTERM, within_s=5) == 0
    with ReadStore.open(database_url) as store:
        texts = {row.payload for row in store.read(read_events, limit=None)}
        daemon = store.read(read_status_rows).daemon
    assert {event.text for event in box.sandbox.sent_events} == texts
    assert daemon is not None
    assert not daemon.running


async def is_debt_recorded(url: str, borrowed: str) -> bool:
    with ReadStore.open(url) as store:
        documents = [json.loads(row.document) for row in store.read(read_status_rows).documents]
    return any(
        row["borrowed"] == borrowed
        for document in documents
        for row in (document.get("cross") or {}).get("balances", ())
    )


async def test_sigterm_stops_the_daemon_while_the_exchange_hangs_at_the_start(tmp_path: Path) -> None:
    async with sandbox(starting_now(), faults=[Fault("hang", count=0)]) as box:
        config = write_config(tmp_path, box.ready)
        async with daemon_process(config) as child:
            await eventually(lambda: was_asked(box.sandbox.requests))
            assert await child.stop(signal.SIGTERM, within_s=5) == 0


async def was_asked(requests: list[object] | object) -> bool:
    return bool(requests)


@pytest.mark.slow
async def test_second_instance_waits_and_takes_over(tmp_path: Path) -> None:
    async with sandbox(starting_now()) as box:
        config = write_config(tmp_path, box.ready)
        async with daemon_process(config) as first:
            await first.wait_for_line("daemon.started")
            async with daemon_process(config) as second:
                await second.wait_for_line("lease.waiting")
                assert "another margin-monitor" in second.text
                assert await first.stop() == 0
                await second.wait_for_line("daemon.started")
                assert await second.stop() == 0


async def test_a_refused_key_ends_the_start_with_77(tmp_path: Path) -> None:
    async with sandbox(starting_now()) as box:
        account = {**box.ready.accounts[0], "api_secret": hmac_key("somebody else").api_secret}
        config = write_config(tmp_path, replace(box.ready, accounts=(account,)))
        async with daemon_process(config, is_new=True) as child:
            assert await child.wait_for_exit(STARTS_WITHIN_S) == 77
            assert 'accounts "main": the exchange refuses the key' in last_line(child)
            assert account["api_secret"] not in child.text
            assert account["api_key"] not in child.text


@pytest.mark.slow
async def test_a_key_refused_later_is_an_alert_and_no_exit(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            async with daemon_process(config) as child:
                await child.wait_for_line(STARTED)
                box.sandbox.add_fault(Fault("key_revoked", path="/sapi/*", count=0))
                await asyncio.to_thread(
                    sink.wait_for, lambda received: any(one.json()["rule"] == "key-refused" for one in received)
                )
                box.sandbox.clear_faults()
                await asyncio.to_thread(
                    sink.wait_for, lambda received: any("RESOLVED" in one.json()["title"] for one in received)
                )
                assert await child.stop() == 0


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda text: text.replace("[schedule]", "[schedul]"), "schedule"),
        (lambda text: text.replace('cross = "1s"', "cross = 1"), "schedule.cross"),
        (lambda text: text + '\n[[rules]]\nname = "x"\nscope = "cross"\nwhen = "margin_lvl < 2"\n', "margin_l"),
    ],
)
async def test_a_bad_config_is_refused_with_78(tmp_path: Path, spoil: Callable[[str], str], says: str) -> None:
    async with sandbox(starting_now()) as box:
        config = write_config(tmp_path, box.ready)
        config.write_text(spoil(config.read_text()))
        async with daemon_process(config) as child:
            assert await child.wait_for_exit() == 78
            assert len(child.lines) == 1
            assert says in last_line(child)


async def test_a_newer_database_is_refused_with_69(tmp_path: Path, sqlite_template: Path) -> None:
    database = tmp_path / "monitor.db"
    shutil.copy(sqlite_template, database)
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    async with sandbox(starting_now()) as box, daemon_process(write_config(tmp_path, box.ready)) as child:
        assert await child.wait_for_exit() == 69
        assert "newer than this program's" in last_line(child)


async def test_unreachable_postgresql_is_reported_and_watching_starts(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://tester@/none?host={tmp_path}"
    with http_sink() as sink:
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, url=url, channels={"phone": sink.url})
            async with daemon_process(config) as child:
                await child.wait_for_line(STARTED)
                assert "check that the server runs" in child.text
                await asyncio.to_thread(
                    sink.wait_for, lambda got: any("The database can't be used" in one.json()["text"] for one in got)
                )
                assert await child.stop() == 0


@pytest.mark.slow
async def test_an_unreachable_exchange_is_not_final(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            box.sandbox.add_fault(Fault("status", status=503, count=0))
            for stream in ("account", "risk", "market"):
                box.sandbox.add_fault(Fault("refuse", stream=stream))
            async with daemon_process(config) as child:
                await child.wait_for_line("daemon.started")
                await asyncio.to_thread(
                    sink.wait_for, lambda received: any(one.json()["rule"] == "blind" for one in received), 30
                )
                box.sandbox.clear_faults()
                await child.wait_for_line(STARTED)
                await eventually(lambda: is_debt_recorded(f"sqlite:///{tmp_path}/monitor.db", "30000"))
                assert await child.stop() == 0


RULE = """
[[rules]]
name = "below-two"
scope = "cross"
when = "margin_level < 2"
severity = "info"
"""


@pytest.mark.slow
async def test_sighup_takes_a_new_rule_on_and_refuses_a_broken_config(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            async with daemon_process(config) as child:
                await child.wait_for_line(STARTED)
                good = config.read_text()
                config.write_text(good + "\n[nonsense]\n")
                child.send(signal.SIGHUP)
                await child.wait_for_line("config.reload_failed")
                assert "daemon.stopped" not in child.text, "the old one is meant to go on undisturbed"
                await asyncio.to_thread(
                    sink.wait_for,
                    lambda got: any("The new configuration was refused" in one.json()["text"] for one in got),
                )

                config.write_text(good + RULE)
                child.send(signal.SIGHUP)
                await child.wait_for_line("config.reloaded")
                await asyncio.to_thread(
                    sink.wait_for, lambda received: any(one.json().get("rule") == "below-two" for one in received)
                )
                config.write_text(good)
                child.send(signal.SIGHUP)
                await child.wait_for_line("config.reloaded", times=2)
                await asyncio.to_thread(sink.wait_for, lambda received: "RESOLVED" in received[-1].json()["title"])
                assert await child.stop() == 0


@pytest.mark.slow
async def test_no_secret_reaches_the_log_or_the_database(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox(starting_now()) as box:
            token = "a-token-nobody-may-read"
            config = write_config(tmp_path, box.ready, channels={"phone": f"{sink.url}/{token}"}, more=RULE)
            async with daemon_process(config, "--log-level", "debug") as child:
                await child.wait_for_line(STARTED)
                await asyncio.to_thread(sink.wait_for_count, 1)
                box.sandbox.user_actions.borrow("main", "USDT", Decimal(1))
                # Trouble is where secrets slip out: refused, cut, unreadable, unreachable.
                troubles = {"cut_before": 3, "malformed": 1, "key_revoked": 1, "status": 3, "hang": 3}
                for what, count in troubles.items():
                    box.sandbox.add_fault(Fault(what, path="/sapi/v1/margin/account", form="html", count=count))
                for stream in ("account", "risk", "market"):
                    box.sandbox.add_fault(Fault("malform", stream=stream, count=1))
                box.sandbox.user_actions.borrow("main", "USDT", Decimal(1))
                await child.wait_for_line("read.failed", times=5)
                for stream in ("account", "risk", "market"):
                    box.sandbox.add_fault(Fault("drop", stream=stream))
                await child.wait_for_line("connected=False")
                await eventually(lambda: is_debt_recorded(f"sqlite:///{tmp_path}/monitor.db", "30002"), 30)
                assert await child.stop() == 0
        account = box.ready.accounts[0]
        secrets = [account["api_secret"], account["api_key"], token, "signature=", "listenKey", "listenToken="]
        stored = files_of_the_database(tmp_path)
        with ReadStore.open(f"sqlite:///{tmp_path}/monitor.db") as store:
            assert store.read(read_alerts, include_closed=True)
        for secret in secrets:
            assert secret not in child.text, secret
            assert secret.encode() not in stored, secret


def files_of_the_database(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("monitor.db*"))
