"""Remembers across restarts until when the exchange wants nothing more from this address."""

import logging
from datetime import datetime, timedelta
from typing import Protocol

from monitor.clock import Clock
from monitor.errors import StoreError
from monitor.store.store import Store
from monitor.store.writes import bans

log = logging.getLogger(__name__)

SAME = timedelta(seconds=1)
"""Two ends this close are one: the time was corrected by a trifle in between."""


class Banned(Protocol):
    """What knows of bans while the program runs, in seconds of the clock (`elapsed_s`)."""

    @property
    def banned_until_s(self) -> float | None: ...

    def ban(self, until_s: float) -> None: ...


class BanBook:
    """The ban of the address, in the database and in what all accounts share."""

    def __init__(self, shared: Banned, store: Store, clock: Clock) -> None:
        self._shared = shared
        self._store = store
        self._clock = clock
        self._written: datetime | None = None

    async def recall(self) -> None:
        """Obey what was remembered, before anything is asked of the exchange; again when the time jumped."""
        ban = await self._store.read(bans.read)
        if ban is not None:
            self._written = ban.until
            self._shared.ban(self._clock.elapsed_s() + ban.left(self._clock.now()).total_seconds())

    async def keep(self) -> None:
        """Write down a ban that is new, or whose end is known better now. One that can't be written is tried again."""
        until_s = self._shared.banned_until_s
        until = None if until_s is None else self._clock.moment_of(until_s)
        if until is None or (self._written is not None and abs(until - self._written) < SAME):
            return
        try:
            await self._store.order(bans.remember, until, self._written, self._clock.now())
        except StoreError as error:
            log.error("ban.unrecorded until=%s cause=%s", until.isoformat(timespec="seconds"), error)
            return
        self._written = until
