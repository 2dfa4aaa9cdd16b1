"""The only source of time: exchange time, which a simulation may start elsewhere and run faster."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Exchange time. Everything stored, compared or waited for in the domain goes by it."""

    @property
    def speed(self) -> float:
        """Exchange seconds in one second of the machine."""
        ...

    def now(self) -> datetime:
        """The present moment, aware UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of exchange time."""
        ...


class SystemClock:
    """The machine's clock, or a timeline that began at `start` when the machine's clock said `anchor`.

    With the defaults it is simply UTC now. `anchor` (POSIX seconds) lets two processes share one timeline.
    """

    def __init__(self, start: datetime | None = None, speed: float = 1.0, *, anchor: float | None = None) -> None:
        if speed <= 0:
            raise ValueError("speed must be positive")
        if start is not None and start.tzinfo is None:
            raise ValueError("start must be aware")
        self._speed = speed
        self._anchor = time.time() if anchor is None else anchor
        self._start = start if start is not None else datetime.fromtimestamp(self._anchor, UTC)
        self._follows_machine = start is None and speed == 1.0

    @property
    def speed(self) -> float:
        return self._speed

    def now(self) -> datetime:
        if self._follows_machine:
            return datetime.now(UTC)
        return self._start + timedelta(seconds=(time.time() - self._anchor) * self._speed)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self._speed)


class ManualClock:
    """A clock that stands still until it is moved: for tests and for replaying recorded history."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    @property
    def speed(self) -> float:
        return 1.0

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Move the clock by `seconds` (negative: back)."""
        self._now += timedelta(seconds=seconds)


def machine_now() -> datetime:
    """The machine's own clock, aware UTC: only for schedulers and service managers, which live in machine time."""
    return datetime.now(UTC)
