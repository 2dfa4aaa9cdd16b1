"""Clocks: the exchange's time, counted on a steady clock that nobody sets. The only source of time."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

JUMP_S = 0.5
"""Machine seconds. A smaller correction never turns time back: it stands still until the corrected time is reached."""

MAX_DRIFT = 100e-6
"""Maximum drift between two clocks with time servers of their own, as a share of the time that passes."""

SHORT_ROUND_TRIP_S = 0.05
"""A round trip so short that another measurement gains nothing: the time is known to half of the round trip."""


NOTED_TOLERANCE_S = 1.0
"""Maximum error of a noted moment, in seconds."""


@dataclass(frozen=True, slots=True)
class SteadyClockReading:
    """Seconds of the steady clock, and the base that they count from: another one after each start of the machine."""

    base: str
    seconds: float


class MachineClock:
    """The clocks of this machine, in seconds."""

    @property
    def steady_base(self) -> str:
        """Name of the moment that `steady_s` counts from; empty where it has none."""
        with suppress(OSError):
            return f"{_BOOT.read_text().strip()} {_TIME_NAMESPACE.readlink()}"
        return ""

    def wall_s(self) -> float:
        """Return POSIX seconds by the wall clock, which people and time servers set."""
        return time.time()

    def steady_s(self) -> float:
        """Return seconds since an arbitrary moment, time of a suspended machine included where the system counts it."""
        return time.clock_gettime(_STEADY)

    def awake_s(self) -> float:
        """Return seconds since an arbitrary moment without suspended time; waits of the event loop use this clock."""
        return time.monotonic()


class Clock(Protocol):
    """Exchange time. Everything stored, compared or waited for in the domain uses this time."""

    @property
    def machine(self) -> MachineClock:
        """The machine whose clocks are read."""

    @property
    def speed(self) -> float:
        """Exchange seconds in one second of the machine."""

    def now(self) -> datetime:
        """Return the present moment of the exchange as far as it is known, aware UTC."""

    def elapsed_s(self) -> float:
        """Return exchange seconds since an arbitrary moment, for waits and spans: nothing sets or corrects them.

        All clocks of one speed on one machine return the same.
        """

    def moment_of(self, elapsed_s: float) -> datetime:
        """Return the moment at which `elapsed_s` was read, by the present estimate of the time."""

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of exchange time."""

    def record_measurement(self, server: datetime, sent_s: float, received_s: float) -> None:
        """Correct the time by a server time that was read between two readings of `elapsed_s`."""

    def invalidate(self) -> None:
        """Let the next measurement replace the present estimate, even if the measurement is less exact."""

    def read_steady(self) -> SteadyClockReading | None:
        """Return the steady clock's reading; None where its base has no name, or the time is the wall clock's guess."""

    def resume_from(self, at: datetime, then: SteadyClockReading) -> bool:
        """Continue from a moment noted with a reading, until the time is measured. Return False for another base."""

    def follow_wall_clock(self) -> None:
        """Take the wall clock's time where the exchange's time was never measured."""

    def wake_sleepers(self) -> None:
        """Wake all sleepers so that they read the clock again: the machine may have been suspended."""

    @property
    def offset(self) -> timedelta | None:
        """Exchange time minus the wall clock; None before the first measurement."""

    @property
    def corrected_s(self) -> float:
        """Sum of all corrections so far, in exchange seconds."""

    @property
    def is_settled(self) -> bool:
        """True if the time in force was measured and nothing has contradicted it since."""

    @property
    def is_exact(self) -> bool:
        """True if the time in force came from a round trip too short to be improved on."""


@dataclass(frozen=True, slots=True)
class _Estimate:
    """The exchange's time `at` at `elapsed_s`, exact to half of `round_trip_s`; a guess where that is None."""

    at: datetime
    elapsed_s: float
    round_trip_s: float | None = None


class SystemClock:
    """The exchange's time by the machine's steady clock, or a timeline that began at `start`.

    Until the first measurement the time is a guess by the wall clock: `start`, and from then on `speed` times what has
    passed since the wall clock showed `anchor` (POSIX seconds), which lets two processes share one timeline. With the
    defaults the guess is UTC.
    """

    def __init__(
        self,
        start: datetime | None = None,
        speed: float = 1.0,
        *,
        anchor: float | None = None,
        machine: MachineClock | None = None,
    ) -> None:
        if speed <= 0:
            raise ValueError("speed must be positive")
        if start is not None and start.tzinfo is None:
            raise ValueError("start must be aware")
        self._machine = machine if machine is not None else MachineClock()
        self._speed = speed
        self._anchor = self._machine.wall_s() if anchor is None else anchor
        self._start = start if start is not None else datetime.fromtimestamp(self._anchor, UTC)
        self._estimate = _Estimate(self.wall(), self.elapsed_s())
        self._is_trusted = False
        self._latest: datetime | None = None
        self._corrected_s = 0.0
        self._sleepers: set[asyncio.Future[None]] = set()

    @property
    def machine(self) -> MachineClock:
        return self._machine

    @property
    def speed(self) -> float:
        return self._speed

    def wall(self) -> datetime:
        """Return the wall clock's time on this clock's timeline."""
        return self._start + timedelta(seconds=(self._machine.wall_s() - self._anchor) * self._speed)

    def now(self) -> datetime:
        now = self.moment_of(self.elapsed_s())
        if self._latest is not None and now < self._latest:
            return self._latest
        self._latest = now
        return now

    def elapsed_s(self) -> float:
        return self._machine.steady_s() * self._speed

    def moment_of(self, elapsed_s: float) -> datetime:
        return self._estimate.at + timedelta(seconds=elapsed_s - self._estimate.elapsed_s)

    async def sleep(self, seconds: float) -> None:
        due_s = self.elapsed_s() + seconds
        while (left_s := due_s - self.elapsed_s()) > 0:
            await self._sleep_machine(left_s / self._speed)

    async def _sleep_machine(self, machine_s: float) -> None:
        loop = asyncio.get_running_loop()
        waker = loop.create_future()
        timer = loop.call_later(machine_s, _wake, waker)
        self._sleepers.add(waker)
        try:
            await waker
        finally:
            timer.cancel()
            self._sleepers.discard(waker)

    def wake_sleepers(self) -> None:
        for waker in list(self._sleepers):
            _wake(waker)

    def record_measurement(self, server: datetime, sent_s: float, received_s: float) -> None:
        """Correct the time by a server time that was read between two readings of `elapsed_s`.

        The server read its clock somewhere in the round trip, so the midpoint is wrong by half of it at most. The
        estimate in force stays where it is more exact than that, its age considered, and nothing contradicts it.
        """
        measured = _Estimate(server, (sent_s + received_s) / 2, received_s - sent_s)
        if self._is_better(measured):
            self._correct(measured)
            self._is_trusted = True

    def invalidate(self) -> None:
        self._is_trusted = False

    def read_steady(self) -> SteadyClockReading | None:
        base = self._machine.steady_base
        if not base or self._estimate.round_trip_s is None:
            return None
        return SteadyClockReading(base, self._machine.steady_s())

    def resume_from(self, at: datetime, then: SteadyClockReading) -> bool:
        if self._speed != 1 or then.base != self._machine.steady_base or then.seconds > self._machine.steady_s():
            return False
        self.record_measurement(at, then.seconds - NOTED_TOLERANCE_S, then.seconds + NOTED_TOLERANCE_S)
        self.invalidate()
        return True

    def follow_wall_clock(self) -> None:
        if self._estimate.round_trip_s is None:
            self._correct(_Estimate(self.wall(), self.elapsed_s()))

    @property
    def offset(self) -> timedelta | None:
        """Exchange time minus the wall clock; None before the first measurement."""
        return None if self._estimate.round_trip_s is None else self.now() - self.wall()

    @property
    def corrected_s(self) -> float:
        return self._corrected_s

    @property
    def is_settled(self) -> bool:
        return self._is_trusted

    @property
    def is_exact(self) -> bool:
        round_trip_s = self._estimate.round_trip_s
        return self._is_trusted and round_trip_s is not None and round_trip_s <= SHORT_ROUND_TRIP_S * self._speed

    def _is_better(self, measured: _Estimate) -> bool:
        known_s, round_trip_s = self._estimate.round_trip_s, measured.round_trip_s
        if not self._is_trusted or known_s is None or round_trip_s is None:
            return True
        doubt_s = known_s / 2 + abs(measured.elapsed_s - self._estimate.elapsed_s) * MAX_DRIFT
        # Where both can't be true the exchange's clock was set: then the newer measurement is right.
        return round_trip_s / 2 <= doubt_s or abs(self._error_s(measured)) > round_trip_s / 2 + doubt_s

    def _error_s(self, measured: _Estimate) -> float:
        return (measured.at - self.moment_of(measured.elapsed_s)).total_seconds()

    def _correct(self, measured: _Estimate) -> None:
        error_s = self._error_s(measured)
        self._corrected_s += error_s
        self._estimate = measured
        if abs(error_s) >= JUMP_S * self._speed:
            self._latest = None


def machine_now() -> datetime:
    """Return the machine's own clock, aware UTC: only for schedulers and service managers, which use machine time."""
    return datetime.now(UTC)


def _wake(waker: "asyncio.Future[None]") -> None:
    if not waker.done():
        waker.set_result(None)


_BOOT = Path("/proc/sys/kernel/random/boot_id")
_TIME_NAMESPACE = Path("/proc/self/ns/time")
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
