"""The venue's time, as far as we know it: our clock plus the best offset measured."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from monitor.clock import Clock

JUMP_S = 1.0
"""Seconds by which our clock may stray from steady time before its offset is worth nothing."""

DRIFT = 100e-6
"""By so much of the time that passes two clocks may part, each kept by its own time servers."""

SHORT_S = 0.05
"""A round trip that leaves nothing to gain from another measurement: the offset is known to half of it."""


class VenueTime:
    """Shared by everything that signs for one account. `steady` counts seconds, whatever our clock is set to."""

    def __init__(self, clock: Clock, steady: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._steady = steady
        self.offset: timedelta | None = None
        self._round_trip: timedelta | None = None
        self._anchor: tuple[datetime, float] | None = None

    def now(self) -> datetime:
        """What the venue's clock should say now; our own clock before the first measurement."""
        return self.clock.now() + (self.offset or timedelta())

    def measured(self, server: datetime, sent_at: datetime, received_at: datetime) -> timedelta:
        """The offset in force after the server time of an answer; both stamps by our clock.

        The server read its clock somewhere in the round trip, so the midpoint is wrong by half of it at most. The
        offset in force stays when it is known better than that, its age considered, and nothing contradicts it.
        """
        round_trip = abs(received_at - sent_at)
        offset = server - (sent_at + (received_at - sent_at) / 2)
        if self._is_better(offset, round_trip):
            self._anchor = (self.clock.now(), self._steady())
            self._round_trip = round_trip
            self.offset = offset
        return self.offset if self.offset is not None else offset

    def distrust(self) -> None:
        """Let the next measurement replace the offset in force, however it was made."""
        self._round_trip = None

    @property
    def is_settled(self) -> bool:
        """Whether the offset in force was measured and nothing has spoken against it since."""
        return self._round_trip is not None and not self.has_jumped

    @property
    def is_exact(self) -> bool:
        """Whether the offset in force came from a round trip too short to be improved on."""
        return self._round_trip is not None and self._round_trip.total_seconds() <= SHORT_S * self.clock.speed

    @property
    def has_jumped(self) -> bool:
        """Whether our clock was set, or stood still with the machine, since the offset was measured."""
        return self._strayed_s() > JUMP_S

    def _is_better(self, offset: timedelta, round_trip: timedelta) -> bool:
        if self.offset is None or self._round_trip is None or self._anchor is None or self.has_jumped:
            return True
        age = abs(self.clock.now() - self._anchor[0])
        doubt = self._round_trip / 2 + age * DRIFT + timedelta(seconds=self._strayed_s() * self.clock.speed)
        half = round_trip / 2
        # Where both can't be true one of the clocks was set, and the newer measurement is the one that knows.
        return half <= doubt or abs(offset - self.offset) > half + doubt

    def _strayed_s(self) -> float:
        if self._anchor is None:
            return 0.0
        began, steady_s = self._anchor
        passed_s = (self.clock.now() - began).total_seconds() / self.clock.speed
        return abs(passed_s - (self._steady() - steady_s))
