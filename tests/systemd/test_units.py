"""The service units, judged by systemd's own tools where they are installed."""

import configparser
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.errors import ExitCode
from tests.support.cli_process import run_cli

EXPOSURE_AT_MOST = 15
"""Tenths, by `systemd-analyze security`: from 0, wholly enclosed, to 100."""

SERVICES = ("margin-monitor.service", "margin-monitor@main.service", "margin-monitor-failed@main.service")
"""The services by the names under which systemd starts them."""


@pytest.fixture
def units(tmp_path: Path) -> Iterator[Path]:
    """The units as `init` writes them."""
    assert run_cli(tmp_path, "init", "--systemd", "units").code == 0
    yield tmp_path / "units"


def tool(name: str) -> str:
    """The path of a program of systemd; the test is skipped where there is none, except in CI."""
    found = shutil.which(name)
    if found is None:
        assert os.environ.get("CI") != "true", f"{name} is missing; install the Debian package systemd"
        pytest.skip(f"{name} is missing (Debian package systemd)")
    return found


def ask(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


def named_instance(units: Path, name: str) -> Path:
    """The unit under the name of an instance, as a link in /etc would give it."""
    unit = units / name
    if not unit.exists():
        unit.symlink_to(f"{name.partition('@')[0]}@.service")
    return unit


@pytest.mark.parametrize("name", SERVICES)
def test_service_unit_passes_systemd_verify(name: str, units: Path) -> None:
    said = ask(tool("systemd-analyze"), "verify", "--man=no", named_instance(units, name))
    assert (said.returncode, said.stderr) == (0, "")


@pytest.mark.parametrize("name", SERVICES)
def test_service_is_sandboxed(name: str, units: Path) -> None:
    service = named_instance(units, name)
    said = ask(tool("systemd-analyze"), "security", "--offline=yes", f"--threshold={EXPOSURE_AT_MOST}", service)
    assert said.returncode == 0, said.stdout


@pytest.mark.slow
def test_exposure_is_printed(units: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in SERVICES:
        said = ask(tool("systemd-analyze"), "security", "--offline=yes", named_instance(units, name))
        last = said.stdout.strip().splitlines()[-1]
        assert "Overall exposure level" in last
        with capsys.disabled():
            print(f"\n{last}")


def test_instance_and_last_notice_are_enclosed_like_the_service(units: Path) -> None:
    def enclosure(name: str) -> set[str]:
        text = (units / name).read_text(encoding="utf-8")
        return set(text.partition("NoNewPrivileges=")[2].partition("[Install]")[0].splitlines()) - {""}

    assert enclosure("margin-monitor.service") == enclosure("margin-monitor@.service")
    assert enclosure("margin-monitor.service") == enclosure("margin-monitor-failed@.service")


def test_failure_starts_the_last_notice_with_the_same_configuration(units: Path) -> None:
    main, instance = _unit(units, "margin-monitor.service"), _unit(units, "margin-monitor@.service")
    assert main["Unit"]["OnFailure"] == "margin-monitor-failed@config.service"
    assert instance["Unit"]["OnFailure"] == "margin-monitor-failed@%i.service"
    assert instance["Service"]["ExecStart"].endswith(" --config /etc/margin-monitor/%i.toml run")
    assert instance["Service"]["StateDirectory"] == "margin-monitor/%i"
    notice = _unit(units, "margin-monitor-failed@.service")["Service"]
    command, _, words = notice["ExecStart"].partition(" ")
    assert words == "--config /etc/margin-monitor/%i.toml notify failed"
    assert os.access(command, os.X_OK)


def test_the_static_user_and_its_folders_are_made(units: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    made = ask(tool("systemd-sysusers"), f"--root={root}", units / "margin-monitor.sysusers.conf")
    assert made.returncode == 0, made.stderr
    (line,) = [line for line in (root / "etc" / "passwd").read_text().splitlines() if "margin-monitor" in line]
    name, _, number, *_, home, shell = line.split(":")
    assert (name, home, shell.rpartition("/")[2]) == ("margin-monitor", "/var/lib/margin-monitor", "nologin")
    if os.geteuid() != 0:
        pytest.skip("only root can make folders for another user")
    made = ask(tool("systemd-tmpfiles"), f"--root={root}", "--create", units / "margin-monitor.tmpfiles.conf")
    assert made.returncode == 0, made.stderr
    state = (root / "var" / "lib" / "margin-monitor").stat()
    assert (state.st_uid, state.st_mode & 0o777) == (int(number), 0o700)
    assert (root / "etc" / "margin-monitor" / "credentials").stat().st_mode & 0o777 == 0o700


def test_the_service_runs_the_command_of_this_installation(units: Path) -> None:
    service = _service(units)
    command, word = service["ExecStart"].split()
    assert (Path(command).name, word) == ("margin-monitor", "run")
    assert os.access(command, os.X_OK)


def test_exit_codes_that_need_a_person_do_not_restart(units: Path) -> None:
    needs_a_person = {ExitCode.ANOTHER_INSTANCE, ExitCode.KEY_REFUSED, ExitCode.CONFIG}
    assert {int(code) for code in _service(units)["RestartPreventExitStatus"].split()} == needs_a_person


def _service(units: Path) -> configparser.SectionProxy:
    return _unit(units, "margin-monitor.service")["Service"]


def _unit(units: Path, name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read(units / name)
    return parser
