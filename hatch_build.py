"""A file in the wheel and in the sdist: the commit that they were built from."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILE = "COMMIT"
TARGETS = {"wheel": f"monitor/_shipped/{FILE}", "sdist": FILE}


class CommitHook(BuildHookInterface):  # type: ignore[type-arg]  # its configuration is of no interest
    """Adds the commit to what is built; nothing where it is not known."""

    _folder: Path | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        commit = find_commit(Path(self.root))
        # An editable installation lies in its checkout, which knows its own commit.
        if not commit or version == "editable":
            return
        self._folder = Path(tempfile.mkdtemp(prefix="margin-monitor-build-"))
        (self._folder / FILE).write_text(f"{commit}\n", encoding="utf-8")
        build_data["force_include"][str(self._folder / FILE)] = TARGETS[self.target_name]

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder)


def find_commit(root: Path) -> str:
    """The commit by $MARGIN_MONITOR_COMMIT, by the file of an sdist, or by git; empty where it is not known."""
    named = os.environ.get("MARGIN_MONITOR_COMMIT", "").strip()
    if named:
        return named
    if (root / FILE).is_file():
        return (root / FILE).read_text(encoding="utf-8").strip()
    if not (root / ".git").exists():
        return ""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"]
    try:
        said = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.stdout.strip()
