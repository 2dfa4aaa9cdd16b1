"""The lines of *As a service*, typed one after the other by root of a Debian system that systemd has booted."""

import asyncio
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.errors import ExitCode
from monitor.sandbox.scenario.scenario import ApiKeyPermissions, hmac_key
from monitor.sandbox.server import SandboxInfo
from tests.docs.documented_setup import documented_setup
from tests.docs.pages import CHECKOUT, PAGES, Block, blocks, inline_code
from tests.docs.shell_lines import shell_lines
from tests.support.daemon import starting_now
from tests.support.debian_system.booted import BootedDebian, booted_debian
from tests.support.debian_system.root import make_debian_root, require_root_and
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, Received, http_sink
from tests.support.timeouts import DEADLINE_FACTOR

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

PACKAGES = ("systemd", "systemd-sysv", "dbus", "procps", "python3-venv", "sudo")
NOT_COPIED = (".git", ".venv*", "__pycache__", ".*_cache", ".hypothesis", "dist", "build", "site", "tests")
SOURCE = "/root/checkout"
FOLDER = "/etc/margin-monitor"
UNITS = "/etc/systemd/system"
SECRETS = ("binance-key", "binance-secret", "phone-url")

OF_SYSTEMD = ("systemctl ", "systemd-run ", "systemd-sysusers", "systemd-tmpfiles")
IN_TEXT = ("systemctl status margin-monitor", "systemctl reload margin-monitor", "systemctl stop margin-monitor")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BootedDebian]:
    """A booted Debian with the checkout in root's home."""
    require_root_and("mmdebstrap", "systemd-nspawn", "nsenter")
    folder = tmp_path_factory.mktemp("machine")
    root = folder / "root"
    try:
        make_debian_root(root, PACKAGES)
        shutil.copytree(CHECKOUT, root / SOURCE.lstrip("/"), ignore=shutil.ignore_patterns(*NOT_COPIED))
        with booted_debian(root) as booted:
            yield booted
    finally:
        shutil.rmtree(root, ignore_errors=True)


def test_every_line_of_systemd_is_on_the_page_or_known() -> None:
    """What the other tests type is all that the pages show."""
    page = [line for block in page_blocks() for line in block.text.splitlines()]
    assert {line for line in shell_lines() if line.startswith(OF_SYSTEMD)} <= set(page)
    codes = {code for path in PAGES for code in inline_code(path) if code.startswith("systemctl ")}
    assert codes == set(IN_TEXT)


async def test_page_leads_to_a_service_that_warns_reloads_stops_and_reports_its_end(system: BootedDebian) -> None:
    calm = starting_now()
    key = hmac_key("main", ApiKeyPermissions(margin=False, trading=False, transfer=False))
    reading = tuple(replace(account, keys=(key,)) for account in calm.accounts)
    with http_sink() as phone:
        async with sandbox(replace(calm, accounts=reading)) as running:
            await asyncio.to_thread(_set_up, system, running.ready, phone)
            await asyncio.to_thread(_use, system, phone)


def page_blocks() -> list[Block]:
    """The shell blocks of the section, in their order."""
    page = CHECKOUT / "docs" / "operations.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    first, last = lines.index("## As a service"), lines.index("## Files")
    return [block for block in blocks("sh") if block.page == page and first < block.line <= last]


def _set_up(system: BootedDebian, ready: SandboxInfo, phone: HttpSink) -> None:
    """Type every line; after the blocks that put units in their places, do what the words below them say."""
    for block in page_blocks():
        for line in block.text.splitlines():
            type_line(system, line)
        if "margin-monitor.service /etc/" in block.text:
            _write_configuration(system, ready, phone)
            _name_secrets(system, "margin-monitor.service")
        if "margin-monitor-failed@.service /etc/" in block.text:
            _name_secrets(system, "margin-monitor-failed@.service")


def _use(system: BootedDebian, phone: HttpSink) -> None:
    """The service as its owner meets it: a drill, a reload, a stop, and the end that a refused key makes."""
    type_line(system, "sudo -u margin-monitor margin-monitor drill near-call")
    phone.wait_for(lambda received: says(received, "DRILL"), 60)
    status, reload, stop = IN_TEXT
    assert system.run("systemctl is-active margin-monitor").stdout == "active\n"
    type_line(system, reload)
    wait_until(lambda: "config.reloaded" in system.run("journalctl --unit margin-monitor").stdout)
    wait_until(lambda: "Active: active (running)" in type_line(system, status))
    type_line(system, stop)
    assert ending(system) == {"Result": "success", "ExecMainStatus": "0"}
    _write_secret(system, "binance-secret", "of another key")
    assert system.run("systemctl start margin-monitor").returncode != 0
    phone.wait_for(lambda received: says(received, "margin-monitor has ended and is not started again"), 60)
    assert ending(system)["ExecMainStatus"] == str(int(ExitCode.KEY_REFUSED))


def type_line(system: BootedDebian, line: str) -> str:
    """Run a line of the page in the checkout, and return what it prints. Raises AssertionError for an exit code."""
    done = system.run(line, SOURCE, timeout_s=400)
    assert done.returncode == 0, f"{line}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def wait_until(holds: Callable[[], bool], within_s: float = 30) -> None:
    """Wait until `holds` returns True. Raises AssertionError after the time-out (see DEADLINE_FACTOR)."""
    until = time.monotonic() + within_s * DEADLINE_FACTOR
    while not holds():
        assert time.monotonic() < until, f"not within {within_s} s"
        time.sleep(0.5)


def ending(system: BootedDebian) -> dict[str, str]:
    """What systemd knows of the last run of the service."""
    shown = system.run("systemctl show margin-monitor -p Result -p ExecMainStatus").stdout
    return dict(line.split("=", 1) for line in shown.splitlines())


def says(received: list[Received], words: str) -> bool:
    return any(words.encode() in one.body for one in received)


def _write_configuration(system: BootedDebian, ready: SandboxInfo, phone: HttpSink) -> None:
    """The configuration of the page, before the exchange on loopback, and its secrets."""
    text, secrets = documented_setup(ready, phone)
    path = _inside(system, f"{FOLDER}/config.toml")
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)
    for name, value in secrets.items():
        _write_secret(system, name, value)


def _write_secret(system: BootedDebian, name: str, value: str) -> None:
    path = _inside(system, f"{FOLDER}/credentials/{name}")
    path.touch(mode=0o600)
    path.write_text(value, encoding="utf-8")


def _name_secrets(system: BootedDebian, unit: str) -> None:
    """Remove the `#` before the secrets that are there."""
    path = _inside(system, f"{UNITS}/{unit}")
    text = path.read_text(encoding="utf-8")
    for name in SECRETS:
        text = text.replace(f"#LoadCredential={name}:", f"LoadCredential={name}:")
    assert "\nLoadCredential=phone-url:" in text
    path.write_text(text, encoding="utf-8")


def _inside(system: BootedDebian, path: str) -> Path:
    return system.root / path.lstrip("/")
