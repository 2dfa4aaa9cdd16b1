"""Machine time for an exchange that runs faster than its machine: a busy machine slows it down."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from monitor.clock import MachineClock

TICK_S = 0.004
MAX_STEP_S = 0.02
"""The most time that passes between two readings: a process without a processor for longer could not use the rest."""


class ThrottledMachine(MachineClock):
    """The time during which this process was able to work, in seconds since 1970 when it began.

    At twenty times the speed, half a second without a processor would be ten seconds in which the exchange went on and
    nobody read anything: as if the network had been cut.
    """

    def __init__(self) -> None:
        self._passed_s = time.time()
        self._looked_s = time.monotonic()

    def wall_s(self) -> float:
        now_s = time.monotonic()
        self._passed_s += min(now_s - self._looked_s, MAX_STEP_S)
        self._looked_s = now_s
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
