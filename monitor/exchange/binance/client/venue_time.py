"""The venue's time, as far as we know it: our clock plus the offset last measured."""

from datetime import datetime, timedelta

from monitor.clock import Clock


class VenueTime:
    """Shared by everything that signs for one account."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.offset: timedelta | None = None

    def now(self) -> datetime:
        """What the venue's clock should say now; our own clock before the first measurement."""
        return self.clock.now() + (self.offset or timedelta())

    def measured(self, server: datetime, sent_at: datetime, received_at: datetime) -> timedelta:
        """Note the server time of an answer; both stamps by our clock, the round trip taken as symmetric."""
        self.offset = server - (sent_at + (received_at - sent_at) / 2)
        return self.offset
