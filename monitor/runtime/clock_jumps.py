"""Detection of clock jumps: each jump is an event, after which everything that waits is checked again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from monitor.clock import JUMP_S, Clock

log = logging.getLogger(__name__)

JUMP_CHECK_EVERY_S = 0.5
"""Machine seconds between two checks of the clocks."""

NOTIFY_FROM_S = 5.0
"""Seconds of a jump from which on people are notified."""

_MAX_READING_SPREAD_S = 0.05
"""Readings further apart are not of one moment: the machine did something else between them."""
_MAX_READINGS = 20

JumpKind = Literal["wall clock", "suspend", "correction"]

JUMP_TEXTS: dict[JumpKind, str] = {
    "wall clock": "the wall clock of this machine was set",
    "suspend": "this machine was suspended, or stood still",
    "correction": "the time was corrected by the exchange's",
}


@dataclass(frozen=True, slots=True)
class Jump:
    """One jump of a clock by `seconds`: forward, or back where negative.

    `corrected_s` is the change of the time in force that came with it, in exchange seconds.
    """

    kind: JumpKind
    seconds: float
    corrected_s: float = 0.0

    @property
    def text(self) -> str:
        """The words of the notice."""
        way = "forward" if self.seconds > 0 else "back"
        return f"Clock jump: {JUMP_TEXTS[self.kind]} ({format_jump(abs(self.seconds))} {way}). Everything is read anew."


@dataclass(frozen=True, slots=True)
class _ClockReadings:
    wall_s: float
    steady_s: float
    awake_s: float
    corrected_s: float


@dataclass(slots=True)
class LastClockCheck:
    """The readings of the last clock check by any watch of this process; None before the first.

    `unreported` are the jumps that it found and that no watch has reported yet: a reload may end one in between.
    """

    readings: _ClockReadings | None = None
    unreported: list[Jump] = field(default_factory=list)


class ClockJumpWatch:
    """Comparison of the machine's clocks with each other, and of the time in force with measured corrections."""

    def __init__(
        self, clock: Clock, on_jump: Callable[[Jump], Awaitable[None]], last_check: LastClockCheck | None = None
    ) -> None:
        """`on_jump` is called once for every jump.

        `last_check` is that of the previous watch in the same process: a jump between the two watches is found as well.
        """
        self._clock = clock
        self._machine = clock.machine
        self._on_jump = on_jump
        self.last_check = last_check if last_check is not None else LastClockCheck()
        if self.last_check.readings is None:
            self._last = self._read()

    async def run(self) -> None:
        """Check the clocks until cancelled. Corrections measured before the call are no jumps."""
        self._last = replace(self._last, corrected_s=self._clock.corrected_s)
        while True:
            await asyncio.sleep(JUMP_CHECK_EVERY_S)
            await self.check()

    async def check(self) -> None:
        """Report every jump since the last check, and those that an earlier watch left unreported."""
        found = self._find_jumps()
        for jump in found:
            log.warning("clock.jumped kind=%r seconds=%.3f", jump.kind, jump.seconds)
        unreported = self.last_check.unreported
        unreported += found
        while unreported:
            jump = unreported.pop(0)
            if jump.kind != "correction":
                # The exchange knows the time. Until it is asked the steady clock holds, or the wall clock if nothing
                # was measured.
                self._clock.follow_wall_clock()
                self._clock.invalidate()
                corrected_s = self._clock.corrected_s
                jump = replace(jump, corrected_s=corrected_s - self._last.corrected_s)
                self._last = replace(self._last, corrected_s=corrected_s)
            self._clock.wake_sleepers()
            await self._on_jump(jump)

    @property
    def _last(self) -> _ClockReadings:
        assert self.last_check.readings is not None
        return self.last_check.readings

    @_last.setter
    def _last(self, readings: _ClockReadings) -> None:
        self.last_check.readings = readings

    def _find_jumps(self) -> list[Jump]:
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

    def _read(self) -> _ClockReadings:
        """Return readings of all clocks at one moment, as nearly as possible."""
        read, apart_s = self._read_once()
        for _ in range(_MAX_READINGS):
            if apart_s <= _MAX_READING_SPREAD_S:
                break
            read, apart_s = self._read_once()
        return read

    def _read_once(self) -> tuple[_ClockReadings, float]:
        """Return the readings, and the most seconds that can lie between the first and the last of them."""
        machine = self._machine
        before_s = machine.steady_s()
        read = _ClockReadings(machine.wall_s(), machine.steady_s(), machine.awake_s(), self._clock.corrected_s)
        return read, machine.steady_s() - before_s


def format_jump(seconds: float) -> str:
    """Return the length of a jump in the unit that fits, such as 2.5 s, 10 min, 3.2 h, 56 years."""
    for word, size in (("years", 365.25 * 86400), ("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {word}"
    return f"{seconds:.3g} s"
