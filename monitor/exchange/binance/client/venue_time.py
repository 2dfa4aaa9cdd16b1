"""The venue's time, as far as we know it: our clock plus the offset last measured."""

import time
from datetime import datetime, timedelta

from monitor.clock import Clock

JUMP_S = 1.0
"""Seconds by which our clock may stray from steady time before its offset is worth nothing."""


class VenueTime:
    """Shared by everything that signs for one account."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.offset: timedelta | None = None
        self._anchor: tuple[datetime, float] | None = None

    def now(self) -> datetime:
        """What the venue's clock should say now; our own clock before the first measurement."""
        return self.clock.now() + (self.offset or timedelta())

    def measured(self, server: datetime, sent_at: datetime, received_at: datetime) -> timedelta:
        """Note the server time of an answer; both stamps by our clock, the round trip taken as symmetric."""
        self._anchor = (self.clock.now(), time.monotonic())
        self.offset = server - (sent_at + (received_at - sent_at) / 2)
        return self.offset

    @property
    def has_jumped(self) -> bool:
        """Whether our clock was set, or stood still with the machine, since the offset was measured."""
        if self._anchor is None:
            return False
        began, steady_s = self._anchor
        passed_s = (self.clock.now() - began).total_seconds() / self.clock.speed
        return abs(passed_s - (time.monotonic() - steady_s)) > JUMP_S
