"""Processes with other clocks than the machine's: a wrong wall clock, and a machine that was suspended."""

import struct
from pathlib import Path

import pytest

LIBRARY = next(iter(map(str, Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), "")
needs_faketime = pytest.mark.skipif(not LIBRARY, reason="libfaketime is missing: install Debian's package faketime")


def wall_clock_offset(said: str) -> dict[str, str]:
    """The environment of a process whose wall clock alone is off by `said`, such as +5m."""
    return {"LD_PRELOAD": LIBRARY, "FAKETIME": said, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


class FakeClocks:
    """The clocks of one Python process, set while it runs.

    The wall clock is faked by the library, which leaves monotonic clocks alone. The time of a suspended machine, in
    which CLOCK_BOOTTIME goes on and CLOCK_MONOTONIC stops, is added by the interpreter's start-up hook.
    """

    def __init__(self, folder: Path, wall_s: int) -> None:
        """`wall_s` is the initial error of the wall clock in seconds."""
        folder.mkdir(parents=True)
        self._wall, self._slept = folder / "wall", folder / "slept"
        self._wall_s, self._slept_s = wall_s, 0
        self._slept.write_bytes(struct.pack("d", 0.0))
        self.set_wall(wall_s)
        hooks = folder / "hooks"
        hooks.mkdir()
        (hooks / "sitecustomize.py").write_text(_HOOK.format(path=str(self._slept)))
        self.environ = {
            "LD_PRELOAD": LIBRARY,
            "FAKETIME_TIMESTAMP_FILE": str(self._wall),
            # Reading the file at each use of a clock would cost more than everything else in the process.
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": str(hooks),
        }

    def set_wall(self, seconds: int) -> None:
        """Set the error of the wall clock."""
        self._wall_s = seconds
        new = self._wall.with_suffix(".new")
        new.write_text(f"{seconds:+d}s\n")
        new.replace(self._wall)

    def suspend(self, seconds: int) -> None:
        """Simulate a suspended machine: wall clock and CLOCK_BOOTTIME went on. The process must be stopped."""
        self._slept_s += seconds
        with self._slept.open("r+b") as file:
            file.write(struct.pack("d", float(self._slept_s)))
        self.set_wall(self._wall_s + seconds)


_HOOK = """
import mmap
import struct
import time

with open({path!r}, "rb") as file:
    slept = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
real = time.clock_gettime


def clock_gettime(which):
    at = real(which)
    return at + struct.unpack("d", slept[:8])[0] if which == time.CLOCK_BOOTTIME else at


time.clock_gettime = clock_gettime
"""
