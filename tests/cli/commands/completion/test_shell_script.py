"""The completion scripts, in the shells that read them."""

import contextlib
import os
import select
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.cli.commands.completion import SHELLS
from monitor.cli.parser import COMMANDS, PROGRAM
from tests.support.cli_process import fork_terminal, run_cli


def find_shell(name: str) -> str:
    """The path of a shell; without it the test is skipped, except in CI."""
    found = shutil.which(name)
    if found is None:
        assert os.environ.get("CI") != "true", f"{name} is missing; install the Debian package {name}"
        pytest.skip(f"{name} is missing (Debian package {name})")
    return found


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The scripts by shell, each in a file."""
    folder = tmp_path_factory.mktemp("scripts")
    for shell in SHELLS:
        printed = run_cli(folder, "completion", shell)
        assert (printed.code, printed.stderr) == (0, "")
        (folder / shell).write_text(printed.stdout, encoding="utf-8")
    return {shell: folder / shell for shell in SHELLS}


def completed_by_bash(script: Path, words: list[str], folder: Path) -> list[str]:
    """The proposals of bash for the last of the words, from the function that the script registers."""
    program = f"""
        source {shlex.quote(str(script))}
        registered=$(complete -p {PROGRAM})
        function=${{registered##*-F }}; function=${{function%% *}}
        COMP_WORDS=({shlex.join(words)})
        COMP_CWORD={len(words) - 1}
        "$function" {PROGRAM} "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    command = [find_shell("bash"), "--norc", "--noprofile", "-c", program]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=60)
    assert ended.stderr == ""
    return ended.stdout.split()


def test_bash_completes_every_command(scripts: dict[str, Path], tmp_path: Path) -> None:
    assert set(completed_by_bash(scripts["bash"], [PROGRAM, ""], tmp_path)) == set(COMMANDS)


@pytest.mark.parametrize(
    ("words", "proposals"),
    [
        (["sta"], ["status"]),
        (["status", "--wa"], ["--watch"]),
        (["status", "--conf"], ["--config"]),
        (["--log-level", "w"], ["warning"]),
        (["silence", ""], ["add", "list", "expire"]),
        (["rules", "back"], ["backtest"]),
        (["rules", "backtest", "--portf"], ["--portfolio"]),
        (["interest", "--by", ""], ["day", "asset"]),
        (["history", "liquidation_pr"], ["liquidation_price"]),
        (["call", "get_margin_acc"], ["get_margin_account"]),
        (["completion", "f"], ["fish"]),
        (["--config", "con"], ["config.toml"]),
        (["db", "backup", "con"], ["config.toml"]),
        (["init", "--systemd", "fol"], ["folder"]),
    ],
)
def test_bash_proposes_commands_options_values_and_files(
    scripts: dict[str, Path], words: list[str], proposals: list[str], tmp_path: Path
) -> None:
    (tmp_path / "config.toml").touch()
    (tmp_path / "folder").mkdir()
    assert completed_by_bash(scripts["bash"], [PROGRAM, *words], tmp_path) == proposals


@pytest.mark.parametrize(
    ("line", "proposal"), [("sta", "status"), ("silence exp", "expire"), ("interest --by d", "day")]
)
def test_fish_completes_the_line(scripts: dict[str, Path], line: str, proposal: str, tmp_path: Path) -> None:
    program = f"source {scripts['fish']}; complete -C {shlex.quote(f'{PROGRAM} {line}')}"
    command = [find_shell("fish"), "--no-config", "-c", program]
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "dumb"}
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=60)
    assert ended.stderr == ""
    assert [line.split("\t")[0] for line in ended.stdout.splitlines()] == [proposal]


@contextlib.contextmanager
def interactive_zsh(tmp_path: Path) -> Iterator[int]:
    """A zsh on a terminal of its own; the number of the file to write to and read from."""
    shell = find_shell("zsh")
    pid, terminal = fork_terminal()
    if pid == 0:
        os.execve(shell, ["zsh", "-f", "-i"], {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "dumb"})
    try:
        yield terminal
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)


def read_until(terminal: int, wanted: str) -> str:
    """What appears on the terminal up to the wanted text. Fails after a minute without it."""
    shown = ""
    deadline = time.monotonic() + 60
    while wanted not in shown:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"zsh did not show {wanted!r}: {shown[-2000:]!r}"
        shown += os.read(terminal, 65536).decode(errors="replace")
    return shown


@pytest.mark.parametrize(("line", "completed"), [("stat", "status"), ("silence exp", "silence expire")])
def test_zsh_completes_the_line(scripts: dict[str, Path], line: str, completed: str, tmp_path: Path) -> None:
    with interactive_zsh(tmp_path) as terminal:
        os.write(terminal, b"autoload -U compinit; compinit -u -D; unsetopt zle_bracketed_paste; PS1=\n")
        os.write(terminal, f'eval "$(cat {scripts["zsh"]})"; print read"y"\n'.encode())
        read_until(terminal, "ready")
        os.write(terminal, f"{PROGRAM} {line}\t".encode())
        read_until(terminal, f"{PROGRAM} {completed} ")


def test_unknown_shell_is_one_line(tmp_path: Path) -> None:
    refused = run_cli(tmp_path, "completion", "powershell")
    assert refused.code == 2
    assert refused.stderr.startswith('shell can\'t be "powershell"; did you mean "')
    assert refused.stderr.count("\n") == 1
