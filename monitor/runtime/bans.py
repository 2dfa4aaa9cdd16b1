"""Remembers across restarts until when the exchange wants nothing more from this address."""

import logging
from datetime import datetime
from typing import Protocol

from monitor.errors import StoreError
from monitor.store import bans
from monitor.store.store import Store

log = logging.getLogger(__name__)


class Banned(Protocol):
    """What knows of bans while the program runs."""

    @property
    def banned_until(self) -> datetime | None: ...

    def ban(self, until: datetime) -> None: ...


class BanBook:
    """The ban of the address, in the database and in what all accounts share."""

    def __init__(self, shared: Banned, store: Store) -> None:
        self._shared = shared
        self._store = store
        self._written: datetime | None = None

    async def recall(self) -> None:
        """Obey from now on what was remembered, before anything is asked of the exchange."""
        until = await self._store.read(bans.banned_until)
        if until is not None:
            self._written = until
            self._shared.ban(until)

    async def keep(self) -> None:
        """Write down a ban that is new. One that can't be written is tried again."""
        until = self._shared.banned_until
        if until is None or until == self._written:
            return
        try:
            await self._store.order(bans.remember, until)
        except StoreError as error:
            log.error("ban.unrecorded until=%s cause=%s", until.isoformat(timespec="seconds"), error)
            return
        self._written = until
