"""Notices that a clock jumped, and says what: a jump is an event, after which everything that waits looks again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal

from monitor.clock import JUMP_S, Clock

log = logging.getLogger(__name__)

LOOK_S = 0.5
"""Machine seconds from one look at the clocks to the next."""

TOLD_S = 5.0
"""Seconds of a jump from which on people are told."""

_TOGETHER_S = 0.05
"""Readings further apart are not of one moment: the machine did something else between them."""
_READINGS = 20

JumpKind = Literal["wall clock", "suspend", "correction"]

WORDS: dict[JumpKind, str] = {
    "wall clock": "the wall clock of this machine was set",
    "suspend": "this machine was suspended, or stood still",
    "correction": "the time was corrected by the exchange's",
}


@dataclass(frozen=True, slots=True)
class Jump:
    """What jumped, and by how many seconds: forward, or back where it is negative.

    `corrected_s` is by how much that changed the time in force, in exchange seconds.
    """

    kind: JumpKind
    seconds: float
    corrected_s: float = 0.0

    @property
    def text(self) -> str:
        """What people read."""
        way = "forward" if self.seconds > 0 else "back"
        return f"Clock jump: {WORDS[self.kind]} ({span_words(abs(self.seconds))} {way}). Everything is read anew."


@dataclass(frozen=True, slots=True)
class _Readings:
    wall_s: float
    steady_s: float
    awake_s: float
    corrected_s: float


@dataclass(slots=True)
class LastLook:
    """What the clocks of a process said when any of its watches looked last; None before the first."""

    readings: _Readings | None = None


class ClockWatch:
    """Compares the machine's clocks with each other, and the time in force with what measurements made of it."""

    def __init__(
        self, clock: Clock, jumped: Callable[[Jump], Awaitable[None]], last_look: LastLook | None = None
    ) -> None:
        """`jumped` is told of every jump, once.

        `last_look` is the one that the watch before this one in the same process kept: what jumped between the two is
        a jump as well.
        """
        self._clock = clock
        self._machine = clock.machine
        self._jumped = jumped
        self.last_look = last_look if last_look is not None else LastLook()
        if self.last_look.readings is None:
            self._last = self._read()

    async def run(self) -> None:
        """Until cancelled. What was measured before is no jump; what the machine's clocks did is."""
        self._last = replace(self._last, corrected_s=self._clock.corrected_s)
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Tell of what jumped since the last look."""
        for jump in self._jumps():
            log.warning("clock.jumped kind=%r seconds=%.3f", jump.kind, jump.seconds)
            if jump.kind != "correction":
                # The exchange knows: until it is asked the steady clock is believed, or the wall clock if none was.
                self._clock.follow_wall()
                self._clock.distrust()
                corrected_s = self._clock.corrected_s
                jump = replace(jump, corrected_s=corrected_s - self._last.corrected_s)
                self._last = replace(self._last, corrected_s=corrected_s)
            self._clock.wake_sleepers()
            await self._jumped(jump)

    @property
    def _last(self) -> _Readings:
        assert self.last_look.readings is not None
        return self.last_look.readings

    @_last.setter
    def _last(self, readings: _Readings) -> None:
        self.last_look.readings = readings

    def _jumps(self) -> list[Jump]:
        last, now = self._last, self._read()
        self._last = now
        passed_s = now.steady_s - last.steady_s
        found: list[Jump] = []
        if abs(stepped_s := now.wall_s - last.wall_s - passed_s) > JUMP_S:
            found.append(Jump("wall clock", stepped_s))
        if (slept_s := passed_s - (now.awake_s - last.awake_s)) > JUMP_S:
            found.append(Jump("suspend", slept_s))
        if abs(corrected_s := now.corrected_s - last.corrected_s) >= JUMP_S * self._clock.speed:
            found.append(Jump("correction", corrected_s, corrected_s))
        return found

    def _read(self) -> _Readings:
        """All clocks at one moment, as near as may be."""
        read, apart_s = self._read_once()
        for _ in range(_READINGS):
            if apart_s <= _TOGETHER_S:
                break
            read, apart_s = self._read_once()
        return read

    def _read_once(self) -> tuple[_Readings, float]:
        """The readings, and by how many seconds at most they are apart."""
        machine = self._machine
        before_s = machine.steady_s()
        read = _Readings(machine.wall_s(), machine.steady_s(), machine.awake_s(), self._clock.corrected_s)
        return read, machine.steady_s() - before_s


def span_words(seconds: float) -> str:
    """Such as 2.5 s, 10 min, 3.2 h, 56 years: a jump in the unit that fits it."""
    for word, size in (("years", 365.25 * 86400), ("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {word}"
    return f"{seconds:.3g} s"
