"""A clock that stands still until a test moves it."""

import asyncio
from datetime import datetime

from monitor.clock import MachineClock, SystemClock


class ManualMachine(MachineClock):
    """Clocks that stand still until they are moved."""

    def __init__(self, wall_s: float) -> None:
        self._wall_s = wall_s
        self._steady_s = 0.0
        self._awake_s = 0.0
        self.base = ""

    @property
    def steady_base(self) -> str:
        return self.base

    def wall_s(self) -> float:
        return self._wall_s

    def steady_s(self) -> float:
        return self._steady_s

    def awake_s(self) -> float:
        return self._awake_s

    def pass_time(self, seconds: float) -> None:
        """Move all clocks forward by `seconds`."""
        self._wall_s += seconds
        self._steady_s += seconds
        self._awake_s += seconds

    def set_wall(self, seconds: float) -> None:
        """Set the wall clock forward by `seconds` (negative: back)."""
        self._wall_s += seconds

    def suspend(self, seconds: float) -> None:
        """Suspend the machine for `seconds`: the clock of the event loop's waits (`awake_s`) stands still."""
        self._wall_s += seconds
        self._steady_s += seconds


class ManualClock(SystemClock):
    """A clock that stands still until it is moved: for tests and for replaying recorded history."""

    def __init__(self, start: datetime) -> None:
        self.manual_machine = ManualMachine(start.timestamp())
        super().__init__(start, machine=self.manual_machine)

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Move the clock by `seconds` (negative: back)."""
        self.manual_machine.pass_time(seconds)
        if seconds < 0:
            self._latest = None
