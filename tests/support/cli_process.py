"""The command as a user runs it: a process of its own with an environment of its own."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
