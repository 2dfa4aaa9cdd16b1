"""Which process a database session belongs to, told by the session's name, and whether that process still lives."""

import hashlib
import itertools
import os
from functools import cache
from pathlib import Path

PROGRAM = "margin-monitor"


_numbers = itertools.count(1)


def new_name() -> str:
    """A name for the sessions of one holder in this process; no other holder, in any process, has the same."""
    return f"{PROGRAM} {_machine()}.{os.getpid()}.{_started(os.getpid())}.{next(_numbers)}"


def is_gone(name: str) -> bool:
    """Whether the process that opened the session of that name lives no more.

    False for one of another machine or container, of which nothing can be known here.
    """
    parts = name.removeprefix(f"{PROGRAM} ").split(".")
    if len(parts) != 4 or parts[0] != _machine() or not parts[1].isdigit():
        return False
    return _started(int(parts[1])) != parts[2]


@cache
def _machine() -> str:
    """This machine since it was started, and the container in it whose process numbers are seen here."""
    parts = [_text(Path("/proc/sys/kernel/random/boot_id")), _text(Path("/etc/machine-id")), os.uname().nodename]
    try:
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    except OSError:
        # Where process numbers may be anybody's, none is taken for dead.
        parts.append(os.urandom(8).hex())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _started(pid: int) -> str:
    """When the process started, in the kernel's own count; empty when there is none, or it has ended."""
    fields = _text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return "" if len(fields) < 20 or fields[0] in "ZX" else fields[19]


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
