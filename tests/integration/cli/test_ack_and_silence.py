"""`ack` and `silence`: what people order, with and without a daemon."""

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.core.model.alert import AlertState
from monitor.core.model.journal import JournalEntry
from monitor.core.numbers.durations import parse_since
from monitor.store.command_store import ReadStore
from monitor.store.store import Store
from monitor.store.writes.commands import read_commands
from tests.support.command import CommandOutput, margin_monitor, write_config
from tests.support.daemon import DaemonProcess, daemon_process, eventually, starting_now
from tests.support.daemon import write_config as daemon_config
from tests.support.examples.store_rows import alert
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, Received, http_sink

LABELLED = '\n[[rules]]\nname = "own"\nscope = "cross"\nwhen = "margin_level < 1.6"\nlabels = { team = "me" }\n'


@pytest.fixture
def config(tmp_path: Path, sqlite_template: Path) -> Path:
    """A config whose database exists and is empty."""
    shutil.copy(sqlite_template, tmp_path / "monitor.db")
    return write_config(tmp_path, LABELLED)


def test_an_ack_is_recorded_with_who_and_why(config: Path) -> None:
    _write(
        config, JournalEntry("main", datetime.now(UTC), alerts=(alert(17), alert(18, AlertState.RESOLVED, rule="thin")))
    )
    said = margin_monitor(config, "ack", "#17", "--comment", "on it", "--author", "ann")
    assert (said.code, said.out) == (0, "#17 (near-call) is taken by ann: no reminders, no escalation\n")
    shown = margin_monitor(config, "ack", "17", "--comment", "still on it", "--json").json()
    assert (shown["id"], shown["acked"]["comment"]) == (17, "still on it")
    assert shown["acked"]["by"]
    (ack,) = stored_commands(config).acks
    assert (ack.alert, ack.comment, ack.by) == (17, "still on it", shown["acked"]["by"])
    (listed,) = margin_monitor(config, "alerts", "--json").json()["items"]
    assert listed["acked"] == shown["acked"]


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("ack", "9", "--comment", "x"), 1, "there is no alert #9; `margin-monitor alerts` lists them"),
        (("ack", "18", "--comment", "x"), 1, "alert #18 is resolved already"),
        (("ack", "last", "--comment", "x"), 2, "ID: 'last' is not a whole number from 1 on"),
        (("ack", "17", "--comment", " "), 2, "--comment: it is empty; say in a few words why"),
        (("ack", "17"), 2, "the following arguments are required: --comment; see `margin-monitor ack --help`"),
        (("silence", "expire", "9"), 1, "there is no silence 9; `margin-monitor silence list` lists them"),
        (("silence", "end", "9"), 2, 'unknown command "silence end"; did you mean "add"?'),
    ],
)
def test_impossible_command_is_one_line(config: Path, words: tuple[str, ...], code: int, line: str) -> None:
    _write(config, JournalEntry("main", datetime.now(UTC), alerts=(alert(18, AlertState.RESOLVED),)))
    said = margin_monitor(config, *words)
    assert (said.code, said.out, said.err) == (code, "", f"{line}\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("near-call",), "'near-call' is no matcher; write rule=NAME, severity!=info or symbol=~REGEX"),
        (("symbol=~[",), "'symbol=~[' holds no regular expression (missing ]: [)"),
        (("rul=near-call",), 'no alert has a label "rul"; did you mean "rule"?'),
        (("rule=near-cal",), 'there is no rule "near-cal"; did you mean "near-call"?'),
        (("severity!=warn",), 'there is no severity "warn"; did you mean "warning"?'),
        (("account=mian",), 'there is no account "mian"; did you mean "main"?'),
        (("rule=thin", "--duration", "2"), "--duration: '2' has no unit; write 2s, 2m or 2h"),
        (("rule=thin", "--duration", "0s"), "--duration: it is no time at all; write it like 30m or 2h"),
    ],
)
def test_invalid_silence_is_one_line_and_silences_nothing(config: Path, words: tuple[str, ...], line: str) -> None:
    said = margin_monitor(config, "silence", "add", "--duration", "1h", "--comment", "x", *words)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert said.err.startswith(line)
    assert stored_commands(config).silences == ()


def test_a_silence_is_added_listed_and_expired(config: Path) -> None:
    words = ("rule=own", "severity!=info", 'symbol=~"BTC.*"', "team=me")
    before = datetime.now(UTC)
    made = margin_monitor(
        config, "silence", "add", *words, "--duration", "2h", "--comment", "my  work", "--author", "ann", "--json"
    ).json()
    assert [(m["name"], m["op"], m["value"]) for m in made["matchers"]] == [
        ("rule", "=", "own"),
        ("severity", "!=", "info"),
        ("symbol", "=~", "BTC.*"),
        ("team", "=", "me"),
    ]
    assert (made["author"], made["comment"], made["state"], made["include_critical"]) == (
        "ann",
        "my work",
        "active",
        False,
    )
    ends = parse_since(made["ends_at"], before)
    assert timedelta(hours=2) <= ends - before + timedelta(milliseconds=1) < timedelta(hours=2, seconds=30)
    assert margin_monitor(config, "silence", "list", "--json").json() == {"items": [made]}
    table = margin_monitor(config, "silence", "list").out
    assert "rule=own severity!=info" in table and "ann" in table and "(not critical)" in table
    number = str(made["id"])
    ended = margin_monitor(config, "silence", "expire", number, "--json").json()
    assert (ended["id"], ended["state"], ended["comment"]) == (made["id"], "expired", "my work")
    again = margin_monitor(config, "silence", "expire", number)
    assert (again.code, again.err) == (1, f"silence {number} is over already\n")
    assert margin_monitor(config, "silence", "list", "--json").json() == {"items": []}
    (over,) = margin_monitor(config, "silence", "list", "--all", "--json").json()["items"]
    assert (over["id"], over["state"]) == (made["id"], "expired")


def test_silence_output_names_silenced_and_spared_alerts(config: Path) -> None:
    _write(config, JournalEntry("main", datetime.now(UTC), alerts=(alert(17),)))
    add = ("silence", "add", "account=main", "--duration", "1h", "--comment", "x")
    spared = margin_monitor(config, *add).out.splitlines()
    assert spared[1:] == [
        "it holds for nothing that fires now",
        "critical alerts are spared: #17 (near-call); --include-critical keeps them quiet, too",
    ]
    held = margin_monitor(config, *add, "--include-critical").out.splitlines()
    assert held[1:] == ["of what fires now it keeps quiet: #17 (near-call)"]


@pytest.mark.parametrize("words", [("ack", "1", "--comment", "x"), ("silence", "list")])
def test_without_a_database_the_fix_is_named(tmp_path: Path, words: tuple[str, ...]) -> None:
    said = margin_monitor(write_config(tmp_path), *words)
    assert (said.code, said.err.count("\n")) == (69, 1)
    assert "margin-monitor db upgrade" in said.err


RULES = """\
[[rules]]
name = "taken"
scope = "cross"
when = "margin_level < 9"
repeat = "1s"

[[rules]]
name = "quiet"
scope = "cross"
when = "margin_level < 8"
repeat = "1s"
"""


@pytest.mark.slow
async def test_running_daemon_applies_commands_within_a_second(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox(starting_now()) as exchange:
            config = daemon_config(
                tmp_path, exchange.ready, channels={"phone": f"{sink.url}/"}, more=RULES, first="default_rules = false"
            )
            async with daemon_process(config) as daemon:
                await _until(
                    lambda: _times_notified(sink, "quiet") >= 2 and _times_notified(sink, "taken") >= 2, daemon
                )
                ids = {
                    item["rule"]: str(item["id"]) for item in (await _run(config, "alerts", "--json")).json()["items"]
                }
                await _run(config, "ack", ids["taken"], "--comment", "on it", "--author", "ann")
                made = await _run(
                    config, "silence", "add", "rule=quiet", "--duration", "1h", "--comment", "x", "--json"
                )
                silence = str(made.json()["id"])
                await _until_shown(config, "taken", lambda item: item["acked"] and item["acked"]["by"] == "ann")
                await _until_shown(config, "quiet", lambda item: item["silenced_by"] == int(silence))
                # Three reminders' time: what is acknowledged or silenced says nothing.
                before = len(sink.received)
                with pytest.raises(AssertionError):
                    await asyncio.to_thread(sink.wait_for_count, before + 1, 3)
                ended = asyncio.get_running_loop().time()
                await _run(config, "silence", "expire", silence)
                await _until(lambda: len(sink.received) > before, daemon)
                assert asyncio.get_running_loop().time() - ended < 5
                assert {rule for one in sink.received[before:] for rule in firing_rules(one)} == {"quiet"}
                assert await daemon.stop() == 0


def _times_notified(sink: HttpSink, rule: str) -> int:
    return sum(rule in firing_rules(one) for one in sink.received)


def firing_rules(told: Received) -> list[str]:
    """The rules that a message is about: those that fire together are told together. A notice is about none."""
    return [str(each["rule"]) for each in told.json().get("alerts", [told.json()]) if "rule" in each]


async def _until(holds: Any, daemon: DaemonProcess) -> None:
    async def looked() -> bool:
        return bool(holds())

    await eventually(looked, 30, given_up=lambda: daemon.process.returncode is not None, story=lambda: daemon.text)


async def _until_shown(config: Path, rule: str, holds: Any) -> None:
    """The alert of the rule as `alerts` shows it, at most two seconds after the order."""

    async def looked() -> bool:
        items = (await _run(config, "alerts", "--json")).json()["items"]
        return any(item["rule"] == rule and holds(item) for item in items)

    await eventually(looked, 5)


async def _run(config: Path, *words: str) -> CommandOutput:
    said = await asyncio.to_thread(margin_monitor, config, *words)
    assert said.code == 0, said.err
    return said


def stored_commands(config: Path) -> Any:
    with ReadStore.open(f"sqlite:///{config.parent / 'monitor.db'}") as store:
        orders = store.read(read_commands, datetime.now(UTC))
    assert orders is not None
    return orders.event


def _write(config: Path, entry: JournalEntry) -> None:
    async def write() -> None:
        store = Store.open(f"sqlite:///{config.parent / 'monitor.db'}", create=False)
        await store.commit(entry)
        await store.close()

    asyncio.run(write())
