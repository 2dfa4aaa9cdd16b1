"""Remembers across restarts until when the exchange wants nothing more from this address."""

import logging
from datetime import datetime, timedelta
from typing import Protocol

from monitor.clock import Clock
from monitor.errors import StoreError
from monitor.store.store import Store
from monitor.store.writes import bans

log = logging.getLogger(__name__)

SAME_END_TOLERANCE = timedelta(seconds=1)
"""Two ends this close are one: the time was corrected by a trifle in between."""


class BanHolder(Protocol):
    """What knows of bans while the program runs, in seconds of the clock (`elapsed_s`)."""

    @property
    def banned_until_s(self) -> float | None: ...

    def ban(self, until_s: float) -> None: ...


class BanMemory:
    """The ban of the address, in the database and in what all accounts share."""

    def __init__(self, holder: BanHolder, store: Store, clock: Clock) -> None:
        self._holder = holder
        self._store = store
        self._clock = clock
        self._saved: datetime | None = None

    async def restore(self) -> None:
        """Obey what was remembered, before anything is asked of the exchange; again when the time jumped."""
        ban = await self._store.read(bans.read_ban)
        if ban is not None:
            self._saved = ban.until
            self._holder.ban(self._clock.elapsed_s() + ban.remaining(self._clock.now()).total_seconds())

    async def save(self) -> None:
        """Write down a ban that is new, or whose end is known better now. One that can't be written is tried again."""
        until_s = self._holder.banned_until_s
        until = None if until_s is None else self._clock.moment_of(until_s)
        if until is None or (self._saved is not None and abs(until - self._saved) < SAME_END_TOLERANCE):
            return
        try:
            await self._store.execute(bans.save_ban, until, self._saved, self._clock.now())
        except StoreError as error:
            log.error("ban.unrecorded until=%s cause=%s", until.isoformat(timespec="seconds"), error)
            return
        self._saved = until
