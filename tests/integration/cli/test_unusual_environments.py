"""No home directory, a stdout that is full or closed, a full disk, folders with odd names: one line, and its mend."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.integration.store.test_failing_store import small_disk
from tests.support.command import margin_monitor, write_config

ROOT = Path(__file__).parents[3]
NOBODY = 54_321
"""A user without an entry, and so without a home."""


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "monitor", *words]


def run_in_shell(words: Sequence[str], shell: str = "") -> tuple[int, str]:
    """The exit code and what came on stderr; `shell` is what a shell makes of the command's streams."""
    line = " ".join(words) + shell
    done = subprocess.run(["sh", "-c", line], cwd=ROOT, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def run_as_nobody(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["setpriv", f"--reuid={NOBODY}", "--clear-groups", *words],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root may be somebody else")
@pytest.mark.parametrize("words", [("status",), ("run",)])
def test_user_without_a_home_gets_one_line(words: tuple[str, ...]) -> None:
    if run_as_nobody(sys.executable, "-c", "import monitor").returncode:
        pytest.skip("nobody else may run this interpreter, or read this checkout")
    done = run_as_nobody(*command(*words))
    assert done.returncode == 78
    assert "no configuration found" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [("--help",), ("db", "upgrade", "--json")])
def test_full_stdout_is_reported_in_one_line(tmp_path: Path, words: tuple[str, ...]) -> None:
    config = write_config(tmp_path)
    code, said = run_in_shell(command("--config", str(config), *words), " > /dev/full")
    assert (code, said) == (
        1,
        "stdout: can't be written: No space left on device; free some space, or let it go elsewhere\n",
    )


def test_closed_stdout_is_reported_in_one_line(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    code, said = run_in_shell(command("--config", str(config), "db", "upgrade"), " >&-")
    assert code == 1
    assert said == "stdout: it is closed; let it go somewhere, if only to /dev/null\n"
    # What it did is done.
    assert margin_monitor(config, "db", "check").code == 0


def test_a_closed_stderr_changes_no_exit_code(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    assert run_in_shell(command("--config", str(config), "status"), " > /dev/null 2>&-") == (69, "")


def test_full_disk_is_reported_in_one_line(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        config = write_config(tmp_path / "disk")
        disk.fail()
        said = margin_monitor(config, "db", "upgrade")
        assert said.code in (1, 69)
        assert "bug" not in said.err
        assert len(said.err.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a%20b", "what?", "half%2Fway", "Ünïcode #1"])
def test_the_database_lies_in_the_folder_that_is_named_whatever_its_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    config = write_config(tmp_path)
    config.write_text(config.read_text().replace(f"sqlite:///{tmp_path / 'monitor.db'}", "sqlite:///monitor.db"))
    environ = {"PATH": os.environ["PATH"], "STATE_DIRECTORY": str(folder), "LC_ALL": "C.UTF-8"}
    for words in (("db", "upgrade"), ("check", "--offline")):
        done = subprocess.run(
            command("--config", str(config), *words), cwd=ROOT, env=environ, capture_output=True, text=True, check=False
        )
        assert "there is none yet" not in done.stdout
        assert done.returncode in (0, 1), done.stderr
    assert (folder / "monitor.db").stat().st_size > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["config.toml", name])
    shutil.rmtree(folder)
