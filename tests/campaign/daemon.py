"""The real daemon as a process that can be killed, on the sandbox's time.

Forked from a server that has imported everything, so that a life begins in a moment; what runs in it is what
`margin-monitor run` runs.
"""

import multiprocessing
import os
import signal
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from monitor.cli.logs import start_logging
from monitor.cli.run import run_loop, serve
from monitor.clock import SystemClock
from monitor.config.loading import load_config
from monitor.errors import MonitorError
from monitor.sandbox.timeline import TimelineSettings

# What is only imported when it is needed: the server has it before the first life begins.
PRELOADED = (
    "monitor.exchange.binance.venue",
    "monitor.notify.building",
    "monitor.runtime.daemon",
    "monitor.store.store",
    "monitor.store.migrate",
    "tests.campaign.daemon",
)

_context = multiprocessing.get_context("forkserver")


@dataclass(slots=True)
class Life:
    """One life of the daemon."""

    process: ForkServerProcess
    log: Path

    @property
    def is_over(self) -> bool:
        return self.process.exitcode is not None

    def kill(self) -> None:
        """As the machine does it when memory runs out: at once."""
        self.process.kill()
        self.process.join(10)

    def stop(self) -> None:
        """Asks it to end in good order."""
        if self.process.pid is not None and not self.is_over:
            os.kill(self.process.pid, signal.SIGTERM)


def begin(config: Path, timeline: TimelineSettings, log: Path) -> Life:
    """A new life, already on its way."""
    _context.set_forkserver_preload(list(PRELOADED))
    process = _context.Process(target=_live, args=(config, timeline, log))
    process.start()
    return Life(process, log)


def _live(config: Path, timeline: TimelineSettings, log: Path) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    start_logging("text", "info")
    clock = SystemClock(datetime.fromtimestamp(timeline.start, UTC), timeline.speed, anchor=timeline.anchor)
    try:
        run_loop(lambda: serve(load_config(config, {}), clock))
    except MonitorError as error:
        print(f"ended: {error}", file=sys.stderr)
        sys.exit(int(error.exit_code))
