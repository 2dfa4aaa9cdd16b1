"""The exchange's limits of this address: its ban, kept across restarts, and weight, known to all daemons behind it."""

import logging
from datetime import datetime, timedelta
from typing import Protocol

from monitor.clock import Clock
from monitor.errors import StoreError
from monitor.records.address_usage import AddressUsage
from monitor.store.store import Store
from monitor.store.writes import bans

log = logging.getLogger(__name__)

SAME_END_TOLERANCE = timedelta(seconds=1)
"""Two ends of a ban this close are the same ban: a small correction of the time lies between the measurements."""


class LimitHolder(Protocol):
    """The holder of the limits in memory; the end of a ban in seconds of the clock (`elapsed_s`)."""

    @property
    def banned_until_s(self) -> float | None: ...

    def ban(self, until_s: float) -> None: ...

    def address_usage(self, now: datetime) -> AddressUsage: ...

    def observe_address(self, usage: AddressUsage) -> None: ...


class AddressLimits:
    """The limits of the address, both in the database and in the memory that all accounts share."""

    def __init__(self, holder: LimitHolder, store: Store, clock: Clock, address: str = bans.ANY_ADDRESS) -> None:
        """`address` is the name under which a ban is recorded: another address may not be banned."""
        self._address = address
        self._holder = holder
        self._store = store
        self._clock = clock
        self._saved: datetime | None = None

    async def restore(self) -> None:
        """Apply the recorded ban: before the first request, after a jump of the time, and after another's ban."""
        ban = await self._store.read(bans.read_ban, self._address)
        if ban is not None:
            self._saved = ban.until
            self._holder.ban(self._clock.elapsed_s() + ban.remaining(self._clock.now()).total_seconds())

    async def save(self) -> None:
        """Record a ban that is new or whose end is known better. A failed write is tried again with the next call."""
        until_s = self._holder.banned_until_s
        until = None if until_s is None else self._clock.moment_of(until_s)
        if until is None or (self._saved is not None and abs(until - self._saved) < SAME_END_TOLERANCE):
            return
        try:
            await self._store.execute(bans.save_ban, until, self._saved, self._clock.now(), self._address)
        except StoreError as error:
            log.error("ban.unrecorded until=%s cause=%s", until.isoformat(timespec="seconds"), error)
            return
        self._saved = until

    def usage(self) -> AddressUsage:
        """Return the weight that the address has used in the present minute, for other daemons."""
        return self._holder.address_usage(self._clock.now())

    def observe(self, usage: AddressUsage) -> None:
        """Count what other daemons on this address have used as well."""
        self._holder.observe_address(usage)
