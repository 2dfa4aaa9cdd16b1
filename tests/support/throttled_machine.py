"""Machine time for an exchange that runs faster than its machine: a busy machine slows it down."""

import asyncio
import contextlib
import functools
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

from monitor.clock import MachineClock

TICK_S = 0.004
MAX_STEP_S = 0.02
"""The most time that passes between two readings: a process without a processor for longer could not use the rest."""


@functools.cache
def _scheduler_file(process: int) -> int | None:
    """The open file in which the system counts how long the process's main thread ran and waited; None without one."""
    try:
        return os.open(Path(f"/proc/{process}/schedstat"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def queued_s() -> float:
    """Seconds for which the main thread had work to do and no processor; zero where the system does not count them."""
    file = _scheduler_file(os.getpid())
    return 0.0 if file is None else int(os.pread(file, 128, 0).split()[1]) / 1e9


class ThrottledMachine(MachineClock):
    """The time during which this process was able to work, in seconds since 1970 when it began.

    At twenty times the speed, half a second without a processor would be ten seconds in which the exchange went on and
    nobody read anything: as if the network had been cut. With an eighth of a processor everything takes eight times as
    long: what the exchange's time-outs leave an idle machine they leave to that one, too.
    """

    def __init__(self) -> None:
        self._passed_s = time.time()
        self._looked_s = time.monotonic()
        self._queued_s = queued_s()

    def wall_s(self) -> float:
        now_s, waited_s = time.monotonic(), queued_s()
        worked_s = now_s - self._looked_s - (waited_s - self._queued_s)
        self._passed_s += min(max(worked_s, 0.0), MAX_STEP_S)
        self._looked_s, self._queued_s = now_s, waited_s
        return self._passed_s

    def steady_s(self) -> float:
        return self.wall_s()

    def awake_s(self) -> float:
        return self.wall_s()

    def skip(self, seconds: float) -> None:
        """Let that much time pass at once."""
        self._passed_s += seconds

    @contextlib.asynccontextmanager
    async def ticking(self) -> AsyncIterator[None]:
        """Let time pass during the context, although nobody reads it."""
        looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            looking.cancel()

    async def _look(self) -> None:
        while True:
            self.wall_s()
            await asyncio.sleep(TICK_S)
