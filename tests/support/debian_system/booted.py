"""A Debian system that systemd has booted in a container (systemd-nspawn), on this machine's network."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.timeouts import DEADLINE_FACTOR

BOOT_TIMEOUT_S = 60.0
SHUTDOWN_TIMEOUT_S = 30.0
_BOOTED = ("running", "degraded")


@dataclass(frozen=True, slots=True)
class BootedDebian:
    """The system: its folder, and its first process as this machine numbers it."""

    root: Path
    init_pid: int

    def run(self, line: str, folder: str = "/root", timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a line by a shell of root within the system."""
        enter = ["nsenter", f"--target={self.init_pid}", "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--"]
        words = [*enter, "sh", "-c", f"cd {folder} && {line}"]
        environ = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
        limit = timeout_s * DEADLINE_FACTOR
        return subprocess.run(words, env=environ, capture_output=True, text=True, timeout=limit, check=False)


@contextlib.contextmanager
def booted_debian(root: Path) -> Iterator[BootedDebian]:
    """Boot the system in `root`; power it off at the end. Raises AssertionError when it has not booted in time."""
    words = ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--resolv-conf=copy-host"]
    named = [f"--directory={root}", "--machine=margin-monitor-test", "--link-journal=no", "--console=pipe"]
    with (root.parent / "console.log").open("w+") as console:
        process = subprocess.Popen([*words, *named], stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        try:
            yield _wait_for_boot(root, process)
        finally:
            process.terminate()
            try:
                process.wait(SHUTDOWN_TIMEOUT_S * DEADLINE_FACTOR)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for_boot(root: Path, process: subprocess.Popen[bytes]) -> BootedDebian:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    until = time.monotonic() + BOOT_TIMEOUT_S * DEADLINE_FACTOR
    state = "not started"
    while time.monotonic() < until and process.poll() is None:
        for number in filter(_is_init, children.read_text(encoding="ascii").split()):
            system = BootedDebian(root, int(number))
            state = system.run("systemctl is-system-running").stdout.strip()
            if state in _BOOTED:
                return system
        time.sleep(0.5)
    said = (root.parent / "console.log").read_text(encoding="utf-8", errors="replace")
    raise AssertionError(f"systemd has not booted ({state}): {said[-2000:]}")


def _is_init(number: str) -> bool:
    """Whether the process is a systemd with processes of its own: the container's first one."""
    try:
        is_apart = Path(f"/proc/{number}/ns/pid").readlink() != Path("/proc/self/ns/pid").readlink()
        return is_apart and Path(f"/proc/{number}/comm").read_text(encoding="utf-8").strip() == "systemd"
    except OSError:
        return False
