"""Processes whose wall clock is another one than the machine's: Debian's package faketime."""

from pathlib import Path

import pytest

LIBRARY = next(iter(map(str, Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), "")
needs_faketime = pytest.mark.skipif(not LIBRARY, reason="libfaketime is missing: install Debian's package faketime")


def off_by(said: str) -> dict[str, str]:
    """The environment of a process whose wall clock is off by `said`, such as +5m, and nothing else of it."""
    return {"LD_PRELOAD": LIBRARY, "FAKETIME": said, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
