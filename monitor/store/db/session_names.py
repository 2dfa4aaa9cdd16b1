"""Names of database sessions, and whether the process behind a name is still alive."""

import hashlib
import itertools
import os
from functools import cache
from pathlib import Path

PROGRAM_NAME = "margin-monitor"


_numbers = itertools.count(1)


def new_session_name() -> str:
    """Return a session name for one holder in this process, unique among all holders of all processes."""
    return f"{PROGRAM_NAME} {_machine_id()}.{os.getpid()}.{_process_start(os.getpid())}.{next(_numbers)}"


def is_process_gone(name: str) -> bool:
    """Return whether the process that opened the session of that name has ended.

    False for a process of another machine or container, which can't be known here.
    """
    parts = name.removeprefix(f"{PROGRAM_NAME} ").split(".")
    if len(parts) != 4 or parts[0] != _machine_id() or not parts[1].isdigit():
        return False
    return _process_start(int(parts[1])) != parts[2]


@cache
def _machine_id() -> str:
    """Return an id of this machine since its boot, and of the container whose process numbers are seen here."""
    parts = [
        _read_text(Path("/proc/sys/kernel/random/boot_id")),
        _read_text(Path("/etc/machine-id")),
        os.uname().nodename,
    ]
    try:
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    except OSError:
        # Where a process number may be any process's, none is taken for dead.
        parts.append(os.urandom(8).hex())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _process_start(pid: int) -> str:
    """Return the start of the process in the kernel's count; empty when it does not exist or has ended."""
    fields = _read_text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return "" if len(fields) < 20 or fields[0] in "ZX" else fields[19]


def _read_text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
