"""The version of the program with the commit that it was built from."""

import contextlib
import subprocess
from pathlib import Path

from monitor import __version__
from monitor.resources import packaged_path

_GIT_TIMEOUT_S = 5


def describe_version() -> str:
    """The version, and in brackets the commit where it is known."""
    commit = read_commit(packaged_path())
    return f"{__version__} ({commit})" if commit else __version__


def read_commit(folder: Path) -> str:
    """The commit of the files in a folder: the build noted it, a checkout asks git. Empty where neither knows it.

    It ends in `-dirty` when files differ from the commit.
    """
    with contextlib.suppress(OSError):
        return (folder / "COMMIT").read_text(encoding="utf-8").strip()
    if not (folder / ".git").exists():
        return ""
    command = ["git", "--no-optional-locks", "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=_GIT_TIMEOUT_S)
        return said.stdout.strip()
    return ""
