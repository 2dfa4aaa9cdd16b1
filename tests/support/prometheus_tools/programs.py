"""Prometheus and its promtool, from Debian's package `prometheus`."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MISSING = "Prometheus is not installed: apt-get install prometheus"


def find_program(name: str) -> Path:
    """Return the path of `prometheus` or `promtool`. Skips the test when it is missing, fails it in CI."""
    found = shutil.which(name)
    if found is not None:
        return Path(found)
    if os.environ.get("CI") == "true":
        pytest.fail(MISSING)
    pytest.skip(MISSING)


def run_promtool(*words: str | Path, stdin: str = "", folder: Path | None = None) -> tuple[int, str]:
    """Return exit code and output of a promtool command."""
    done = subprocess.run(
        [find_program("promtool"), *words],
        input=stdin,
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
