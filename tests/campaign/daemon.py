"""The real daemon as a process that can be killed, on the sandbox's time.

Forked from a server that has imported everything, so that a life begins in a moment; what runs in it is what
`margin-monitor run` runs.
"""

import mmap
import multiprocessing
import os
import signal
import struct
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from monitor.cli.commands.run import run_daemon
from monitor.cli.log_setup import start_logging
from monitor.clock import MachineClock, SystemClock
from monitor.config.loading import load_config
from monitor.errors import MonitorError
from monitor.runtime.event_loop import run_event_loop
from monitor.sandbox.virtual_clock import VirtualClockSettings

# What is only imported when it is needed: the server has it before the first life begins.
PRELOADED = (
    "monitor.exchange.binance.binance_account",
    "monitor.notify.factory",
    "monitor.runtime.daemon",
    "monitor.store.store",
    "monitor.store.db.schema_migration",
    "tests.campaign.daemon",
)

_SIZE = 8

_context = multiprocessing.get_context("forkserver")


class WallClock:
    """By how many seconds the wall clock of a daemon's machine is wrong, and for how many that machine has slept: two
    numbers in a file that both sides share."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(2 * _SIZE))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 2 * _SIZE)
        self.path = path

    @property
    def wrong_s(self) -> float:
        wrong: float = struct.unpack("d", self._memory[:_SIZE])[0]
        return wrong

    @wrong_s.setter
    def wrong_s(self, seconds: float) -> None:
        self._memory[:_SIZE] = struct.pack("d", seconds)

    @property
    def slept_s(self) -> float:
        slept: float = struct.unpack("d", self._memory[_SIZE:])[0]
        return slept

    @slept_s.setter
    def slept_s(self, seconds: float) -> None:
        self._memory[_SIZE:] = struct.pack("d", seconds)


class _WrongMachine(MachineClock):
    """This machine, with another wall clock, and as if it had slept besides."""

    def __init__(self, wall: WallClock) -> None:
        self._wall = wall

    def wall_s(self) -> float:
        return super().wall_s() + self._wall.wrong_s + self._wall.slept_s

    def steady_s(self) -> float:
        return super().steady_s() + self._wall.slept_s


@dataclass(slots=True)
class DaemonProcess:
    """One life of the daemon. `killed_at` is the machine's moment at which it was ended from outside."""

    process: ForkServerProcess
    log: Path
    began: float = field(default_factory=time.monotonic)
    killed_at: float | None = None

    @property
    def is_over(self) -> bool:
        return self.process.exitcode is not None

    @property
    def has_started(self) -> bool:
        """Whether it runs: before that it does not listen to signals."""
        return self.has_logged("daemon.started")

    def has_logged(self, word: str) -> bool:
        """Whether its log has the word."""
        return self.count(word) > 0

    def count(self, word: str) -> int:
        """How often its log has the word."""
        try:
            return self.log.read_text(encoding="utf-8").count(word)
        except OSError:
            return 0

    def kill(self) -> None:
        """As the machine does it when memory runs out: at once."""
        self.killed_at = self.killed_at or time.monotonic()
        self.process.kill()
        self.process.join(10)

    def stop(self) -> None:
        """Asks it to end in good order."""
        self.send(signal.SIGTERM)

    def send(self, number: signal.Signals) -> None:
        """Sends it a signal while it lives."""
        if self.process.pid is not None and not self.is_over:
            os.kill(self.process.pid, number)


def start_daemon(config: Path, timeline: VirtualClockSettings, log: Path, wall: Path | None = None) -> DaemonProcess:
    """A new life, already on its way. `wall`: the file of its wall clock, where that is wrong."""
    _context.set_forkserver_preload(list(PRELOADED))
    process = _context.Process(target=_run_daemon, args=(config, timeline, log, wall))
    process.start()
    return DaemonProcess(process, log)


def _run_daemon(config: Path, timeline: VirtualClockSettings, log: Path, wall: Path | None) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    start_logging("text", "info")
    machine = None if wall is None else _WrongMachine(WallClock(wall))
    start = datetime.fromtimestamp(timeline.start, UTC)
    clock = SystemClock(start, timeline.speed, anchor=timeline.anchor, machine=machine)
    try:
        run_event_loop(lambda: run_daemon(load_config(config, {}), clock))
    except MonitorError as error:
        print(f"ended: {error}", file=sys.stderr)
        sys.exit(int(error.exit_code))
