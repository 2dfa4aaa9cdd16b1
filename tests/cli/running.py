"""The command as a user runs it: a process of its own with an environment of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENDS_WITHIN_S = 60


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """The JSON on stdout."""
        return json.loads(self.stdout)


def cli(home: Path, *words: str, environ: Mapping[str, str] | None = None) -> Ran:
    """Run `margin-monitor` with these words in `home`, which is also $HOME."""
    ended = subprocess.run(
        [sys.executable, "-m", "monitor", *words],
        cwd=home,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", **(environ or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=ENDS_WITHIN_S,
        check=False,
    )
    return Ran(ended.returncode, ended.stdout, ended.stderr)
