"""Processes whose clocks are others than the machine's: a wrong wall clock, and a machine that was suspended."""

import struct
from pathlib import Path

import pytest

LIBRARY = next(iter(map(str, Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), "")
needs_faketime = pytest.mark.skipif(not LIBRARY, reason="libfaketime is missing: install Debian's package faketime")


def wall_clock_offset(said: str) -> dict[str, str]:
    """The environment of a process whose wall clock is off by `said`, such as +5m, and nothing else of it."""
    return {"LD_PRELOAD": LIBRARY, "FAKETIME": said, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


class FakeClocks:
    """The clocks of one Python process, set while it runs.

    The wall clock is faked by the library, which leaves the steady ones alone. What the time of a suspended machine
    adds to CLOCK_BOOTTIME, while CLOCK_MONOTONIC stands still, the interpreter adds at its start-up hook.
    """

    def __init__(self, folder: Path, wall_s: int) -> None:
        """`wall_s` is by how much the wall clock is off at first."""
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
            # Reading the file at each look at a clock would cost more than all else that the process does.
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": str(hooks),
        }

    def set_wall(self, seconds: int) -> None:
        """By so much the wall clock is off from now on."""
        self._wall_s = seconds
        new = self._wall.with_suffix(".new")
        new.write_text(f"{seconds:+d}s\n")
        new.replace(self._wall)

    def suspend(self, seconds: int) -> None:
        """The machine was suspended so long: wall clock and CLOCK_BOOTTIME went on. The process must be stopped."""
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
