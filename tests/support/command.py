"""Runs of the program as a user does: another process, its own config file and state folder."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.examples.document_types import check_printed
from tests.support.forked_command import run_forked

CONFIG = """\
[storage]
url = "sqlite:///{database}"

[[accounts]]
name = "main"
api_key = "key"
api_secret = "secret"
"""

NO_PAGE = '\n[http]\nlisten = ""\n'
"""Tests run side by side: only one of them could have the default port."""


@dataclass(frozen=True, slots=True)
class CommandOutput:
    """The output of a command and its exit code."""

    code: int
    out: str
    err: str
    words: tuple[str, ...] = ()

    def json(self) -> Any:
        """The document that was printed, held against its type."""
        document = json.loads(self.out)
        check_printed(self.words, document)
        return document


def write_config(folder: Path, more: str = "") -> Path:
    """Write a minimal config to `folder`, readable by its owner alone; its database is `monitor.db` there."""
    path = folder / "config.toml"
    path.write_text(CONFIG.format(database=folder / "monitor.db") + more + ("" if "[http]" in more else NO_PAGE))
    path.chmod(0o600)
    return path


def margin_monitor(config: Path, *words: str, environ: Mapping[str, str] | None = None) -> CommandOutput:
    """Run one command to its end."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(config.parent), "LANG": "C.UTF-8", **(environ or {})}
    return CommandOutput(*run_forked(["--config", str(config), *words], environment), words)
