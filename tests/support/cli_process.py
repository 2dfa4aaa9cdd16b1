"""The command as a user runs it: a process of its own with an environment of its own, or a terminal."""

import json
import os
import pty
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.forked_command import run_forked

ENDS_WITHIN_S = 60


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The exit code and output of a command."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """The JSON on stdout."""
        return json.loads(self.stdout)


def run_cli(home: Path, *words: str, environ: Mapping[str, str] | None = None) -> CommandResult:
    """Run `margin-monitor` with these words in `home`, which is also $HOME."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", **(environ or {})}
    return CommandResult(*run_forked(words, environment, folder=home, timeout_s=ENDS_WITHIN_S))


def open_terminal() -> tuple[int, int]:
    """The two ends of a new terminal: ours, and that of the program. Skips the test where the machine has none left."""
    try:
        return pty.openpty()
    except OSError as error:
        pytest.skip(f"no terminal is left: {error}")


def fork_terminal() -> tuple[int, int]:
    """Fork into a terminal: 0 in the child, else its process id, and our end. Skips the test like `open_terminal`."""
    try:
        return pty.fork()
    except OSError as error:
        pytest.skip(f"no terminal is left: {error}")
