"""Every command line of the pages is run as a reader would run it, and ends as the page lets one expect."""

import asyncio
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from monitor.core.model.intent import Intent, IntentState, IntentStep
from monitor.core.model.journal import JournalEntry, Sample
from monitor.sandbox.scenario.scenario import ApiKeyPermissions, hmac_key
from monitor.sandbox.server import SandboxInfo
from monitor.store.store import Store
from tests.cli.setup.terminal import answer_questions
from tests.docs.pages import CHECKOUT, Block, blocks
from tests.docs.shell_lines import inline_commands, shell_lines
from tests.support.command import CommandOutput
from tests.support.daemon import eventually, starting_now
from tests.support.examples.store_rows import alert, intent
from tests.support.forked_command import run_forked
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, http_sink

_S = IntentState

CODES = {"margin-monitor init": 2, "margin-monitor rules lint": 1}
"""Exit codes other than 0: `init` asks, and here is no terminal (below there is one); `lint` misses a heartbeat."""

BEFORE = {
    "margin-monitor silence expire 1": ["margin-monitor silence add rule=thin --duration 1h --comment first"],
    "margin-monitor actions resume": ["margin-monitor actions pause"],
    "margin-monitor db restore monitor-backup.db --force": ["margin-monitor db backup monitor-backup.db"],
}
"""What a page had the reader do before."""

WITHOUT_CONFIG = re.compile(r"margin-monitor (init|demo|sandbox)\b")
FIRST_STEPS = ("check", "notify test", "db upgrade")
"""What the page *Start* has the reader run between `init` and `run`."""

BESIDE_A_DAEMON = re.compile(r"margin-monitor (status --check|drill )")
UNTIL_STOPPED = re.compile(r"margin-monitor (run|sandbox)\b")
LONG = re.compile(r"margin-monitor demo\b")

ELSEWHERE = {
    re.compile(r"\./dev (demo|test)\b"): "tests/packaging/test_documented_checkout.py",
    re.compile(r"\./dev release$"): "tests/packaging/test_release.py",
    re.compile(r"make bench|python -m benchmarks\."): "tests/benchmarks/test_documented_lines.py",
    re.compile(
        r"python3 -m venv |\S+/bin/pip install |ln -s |install (-D )?-m "
    ): "tests/packaging/test_documented_installation.py",
    re.compile(r"systemctl |systemd-"): "tests/systemd/test_documented_service.py",
    re.compile(r"podman (build|run) "): "tests/packaging/test_documented_image.py",
    re.compile(r"curl "): "tests/docs/test_documented_outputs.py",
}
"""Lines of a shell that another test runs, with its place."""

WAY = {
    _S.PROPOSED: (_S.PROPOSED,),
    _S.CONFIRMED: (_S.PLANNED, _S.SUBMITTING, _S.ACKNOWLEDGED, _S.CONFIRMED),
    _S.UNRESOLVED: (_S.PLANNED, _S.SUBMITTING, _S.UNCERTAIN, _S.UNRESOLVED),
}


OURS = [line for line in dict.fromkeys([*shell_lines(), *inline_commands()]) if line.startswith("margin-monitor ")]
SHORT = [line for line in OURS if not any(kind.match(line) for kind in (UNTIL_STOPPED, LONG, BESIDE_A_DAEMON))]


@pytest.fixture
async def ready() -> AsyncIterator[SandboxInfo]:
    """An exchange on loopback, and a key that can only read: enough for every command of the pages."""
    calm = starting_now()
    key = hmac_key("main", ApiKeyPermissions(margin=False, trading=False, transfer=False))
    reading = tuple(replace(account, keys=(key,)) for account in calm.accounts)
    async with sandbox(replace(calm, accounts=reading)) as running:
        yield running.ready


@pytest.fixture
def phone() -> Iterator[HttpSink]:
    """Where the messages arrive."""
    with http_sink() as sink:
        yield sink


@pytest.fixture
async def home(tmp_path: Path, sqlite_template: Path, ready: SandboxInfo, phone: HttpSink) -> Path:
    """The home of somebody who followed the pages: configuration, secrets, a database with something in it."""
    folder = tmp_path / ".config" / "margin-monitor"
    folder.mkdir(parents=True)
    (account,) = ready.accounts
    secrets = {"key": account["api_key"], "secret": account["api_secret"], "phone-url": _channel_url(phone)}
    for name, secret in secrets.items():
        _write(folder / name, secret)
    _write(folder / "config.toml", _config(ready))
    state = tmp_path / ".local" / "state" / "margin-monitor"
    state.mkdir(parents=True)
    shutil.copy(sqlite_template, state / "margin-monitor.db")
    (tmp_path / "floor.test.toml").write_text(_block("[[tests]]"), encoding="utf-8")
    (tmp_path / "portfolio.toml").write_text(_block("[cross]"), encoding="utf-8")
    (tmp_path / "BTCUSDT.csv").write_text("1760130000000,60000,60000,50000,51000,1\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("line", shell_lines())
def test_every_line_of_a_shell_block_is_run(line: str) -> None:
    others = [pattern for pattern in ELSEWHERE if pattern.match(line)]
    assert len(others) == (0 if line in OURS else 1)


def test_every_exception_is_needed() -> None:
    unused = {pattern.pattern for pattern in ELSEWHERE if not any(map(pattern.match, shell_lines()))}
    assert unused == set()


@pytest.mark.parametrize("place", ELSEWHERE.values())
def test_other_test_is_there(place: str) -> None:
    assert (CHECKOUT / place).is_file()


@pytest.mark.parametrize("block", blocks("text"), ids=lambda block: block.place)
def test_text_hides_no_command(block: Block) -> None:
    hidden = re.compile(
        r"^(\$ |margin-monitor |\./dev |python|pip|podman|docker|curl|make|systemctl|sudo)", re.MULTILINE
    )
    assert not hidden.search(block.text)


@pytest.mark.parametrize("line", SHORT)
async def test_the_command_ends_as_the_page_says(line: str, home: Path) -> None:
    if WITHOUT_CONFIG.match(line):
        (home / ".config" / "margin-monitor" / "config.toml").unlink()
    await _store_state(home, _state_for(line))
    for earlier in BEFORE.get(line, []):
        said = await asyncio.to_thread(_run, home, earlier)
        assert said.code == 0, said.err
    said = await asyncio.to_thread(_run, home, line)
    assert said.code == CODES.get(line, 0), f"{said.out}\n{said.err}"
    assert "Traceback" not in said.err


@pytest.mark.slow
async def test_run_watches_until_stopped_and_takes_the_commands_that_need_it(home: Path) -> None:
    assert "margin-monitor run" in OURS
    beside = [line for line in OURS if BESIDE_A_DAEMON.match(line)]
    (check,) = (line for line in beside if "status" in line)
    process = _start(home, "margin-monitor run")
    try:

        async def is_known() -> bool:
            return (await asyncio.to_thread(_run, home, check)).code == 0

        await eventually(is_known, 60, given_up=lambda: process.poll() is not None)
        for drill in (line for line in beside if line != check):
            said = await asyncio.to_thread(_run, home, drill)
            assert said.code == 0, f"{drill}: {said.err}"
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 20) == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
async def test_start_page_leads_to_a_first_alert(tmp_path: Path, ready: SandboxInfo, phone: HttpSink) -> None:
    steps = [line for block in blocks("sh") if block.page.name == "start.md" for line in block.text.splitlines()]
    own = [line for line in steps if line.startswith("margin-monitor ")]
    assert own == [f"margin-monitor {word}" for word in ("init", *FIRST_STEPS, "run", "drill near-call")]
    await asyncio.to_thread(_answer_init, tmp_path, ready, phone)
    assert len(phone.received) == 1
    path = tmp_path / ".config" / "margin-monitor" / "config.toml"
    # Here the exchange stands at another address than the real one, which also has streams; the rule is added by hand.
    text = path.read_text(encoding="utf-8").replace(f'rest_url = "{ready.rest_url}"', _addresses(ready))
    path.write_text(text + _block('name = "first"'), encoding="utf-8")
    for word in FIRST_STEPS:
        said = await asyncio.to_thread(_run, tmp_path, f"margin-monitor {word}")
        assert said.code == 0, f"{said.out}\n{said.err}"
    process = _start(tmp_path, "margin-monitor run")
    try:
        await asyncio.to_thread(phone.wait_for, lambda received: any(b"first" in one.body for one in received), 60)
        drill = await asyncio.to_thread(_run, tmp_path, "margin-monitor drill near-call")
        assert drill.code == 0, drill.err
        await asyncio.to_thread(phone.wait_for, lambda received: any(b"DRILL" in one.body for one in received), 60)
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.mark.parametrize("line", [line for line in OURS if line.startswith("margin-monitor sandbox")])
async def test_sandbox_command_names_its_address(line: str, tmp_path: Path) -> None:
    process = _start(tmp_path, line)
    try:
        assert process.stdout is not None
        first = await asyncio.to_thread(process.stdout.readline)
        assert first.startswith('{"rest_url":"http://127.0.0.1:')
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 20) == 0
    finally:
        process.kill()
        process.communicate()


def _block(with_line: str) -> str:
    """The configuration of the pages that has this line."""
    (found,) = (block.text for block in blocks("toml") if with_line in block.text.splitlines())
    return found


def _state_for(line: str) -> IntentState:
    """Where the intent stands when a reader would use the command."""
    if re.search(r"actions (approve|reject)", line):
        return _S.PROPOSED
    return _S.UNRESOLVED if "actions resolve" in line else _S.CONFIRMED


async def _store_state(home: Path, state: IntentState) -> None:
    """Alert #17 fires, intent 3 stands at `state`, and some levels are recorded."""
    now = datetime.now(UTC)
    store = Store.open(f"sqlite:///{home}/.local/state/margin-monitor/margin-monitor.db", create=False)
    try:
        level = Sample("cross", "", "margin_level", now, Decimal("1.5"))
        await store.commit(JournalEntry("main", now, alerts=(alert(17),), samples=(level,)))
        await store.commit(_new_intent(replace(intent(3, state), created_at=now), now))
    finally:
        await store.close()


def _new_intent(intent: Intent, now: datetime) -> JournalEntry:
    way = (None, *WAY[intent.state])
    steps = tuple(IntentStep(intent.id, a, b, now, "") for a, b in pairwise(way) if b is not None)
    return JournalEntry(intent.account, now, intents=(intent,), intent_steps=steps)


def _answer_init(home: Path, ready: SandboxInfo, phone: HttpSink) -> None:
    """Answer the questions of `init`, which ends with a green check."""
    (account,) = ready.accounts
    answers = [
        ("Name of the account", ""),
        ("API key", account["api_key"]),
        ("private key", ""),
        ("API secret", account["api_secret"]),
        ("Isolated pairs", ""),
        ("Where to send alerts", _channel_url(phone)),
        ("Name of the channel", ""),
        ("Send a test message", ""),
        ("One more channel", ""),
        ("Create the database", ""),
    ]
    session = answer_questions(home, ("init", "--rest-url", ready.rest_url), answers)
    assert session.code == 0, session.screen


def _channel_url(phone: HttpSink) -> str:
    return f"json://{phone.url.partition('://')[2]}"


def _addresses(ready: SandboxInfo) -> str:
    return f"""\
rest_url = "{ready.rest_url}"
ws_api_url = "{ready.ws_api_url}"
market_stream_url = "{ready.market_stream_url}"
risk_stream_url = "{ready.risk_stream_url}\""""


def _config(ready: SandboxInfo) -> str:
    return f"""\
[exchange]
{_addresses(ready)}

[[accounts]]
name = "main"
api_key = "file:key"
api_secret = "file:secret"

[[channels]]
name = "phone"
url = "file:phone-url"
"""


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def _start(home: Path, line: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "monitor", *shlex.split(line)[1:]],
        cwd=home,
        env=_environ(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _run(home: Path, line: str, timeout_s: float = 60) -> CommandOutput:
    return CommandOutput(*run_forked(shlex.split(line)[1:], _environ(home), folder=home, timeout_s=timeout_s))


def _environ(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8"}
