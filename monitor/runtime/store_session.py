"""What the daemon as a whole has with its store: taking it up whenever it can be had, and reading what people order."""

import asyncio
import logging
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from monitor.clock import Clock
from monitor.core.model.events import OperatorRead
from monitor.errors import AnotherInstance, OtherRevision, StoreError
from monitor.runtime.bans import BanBook
from monitor.runtime.id_numbers import Numbers
from monitor.store.store import Store
from monitor.store.writes import daemon_row
from monitor.store.writes.commands import Orders

log = logging.getLogger(__name__)

OPENS_WITHIN_S = 10.0
"""A start waits so long for a database that may only be slow, and TROUBLED_S for one that is in trouble."""

TROUBLED_S = 3.0
LEASE_PATIENCE_S = 180.0
"""So long (machine seconds) another daemon may hold the database before this one ends."""

LOOK_S = 0.1
PACE_S = 0.4
"""What people order holds within a second."""

SEEN_EVERY_S = 1.0
SPACE_EVERY_S = 30.0
SPACE_LOW_BYTES = 500_000_000
SPACE_LOW_SHARE = 0.05


GAP = timedelta(minutes=1)
"""A record that was not extended for so long, at speed 1, has a gap."""


class Lease:
    """How long another daemon has been holding the database, which is not for ever to be waited for."""

    def __init__(self, patience_s: float = LEASE_PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._since: float | None = None

    def watch(self, trouble: StoreError | None) -> None:
        """Raises what no waiting mends: a database of another version, and in the end another daemon's."""
        if isinstance(trouble, OtherRevision):
            raise trouble
        if not isinstance(trouble, AnotherInstance):
            self._since = None
            return
        if self._since is None:
            self._since = time.monotonic()
            log.warning("lease.waiting for_s=%d cause=%s", self._patience_s, trouble)
        if time.monotonic() - self._since > self._patience_s:
            raise trouble


async def opened(store: Store, lease_patience_s: float = LEASE_PATIENCE_S) -> bool:
    """Whether the store can be used at the start; False: the daemon begins without it.

    Raises OtherRevision, and AnotherInstance once it was waited for long enough.
    """
    lease = Lease(lease_patience_s)
    started = time.monotonic()
    while (trouble := store.trouble) is not None or store.failing:
        lease.watch(trouble)
        patience_s = OPENS_WITHIN_S if store.is_opening else TROUBLED_S
        # One that has been failing for longer than this looks at it was waited for already.
        waited_s = max(time.monotonic() - started, store.failing_for_s or 0.0)
        if waited_s > patience_s and not isinstance(trouble, AnotherInstance):
            log.error("store.absent cause=%s", trouble)
            return False
        await asyncio.sleep(LOOK_S)
    return True


class Storekeeper:
    """Takes the store up, at the start or as soon as it can be had, and then looks after it."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        version: str,
        channels: tuple[str, ...],
        bans: BanBook | None,
        numbers: Numbers,
        obey: Callable[[Orders], None],
        taken_up: Callable[[bool], Awaitable[None]],
        folder: Path | None,
        recorded: Callable[[], Iterable[str]],
        reopen: Callable[[str, datetime], None],
    ) -> None:
        """`obey` is given what people ordered. `taken_up` is awaited once the store has become known (True), and then
        again and again. `folder` is where the database lies. `recorded` tells the accounts of which the store knows all
        that was done, `reopen` is told of a gap in the record of one that began at a moment."""
        self._store = store
        self._clock = clock
        self._version = version
        self._channels = channels
        self._bans = bans
        self._numbers = numbers
        self._obey = obey
        self._taken_up = taken_up
        self._folder = folder
        self._recorded = recorded
        self._reopen = reopen
        self._extended: dict[str, datetime] = {}
        self._lease = Lease()
        self._changes: int | None = None
        self._orders_seen: int | None = None
        self._seen_at = self._measured_at = float("-inf")
        self._fresh: OperatorRead | None = None
        self.operator: OperatorRead | None = None
        self.space_low: bool | None = None
        self._not_taken_up: StoreError | None = None

    @property
    def trouble(self) -> StoreError | None:
        """Why the store can't be used, None while it can or nobody knows."""
        return self._store.trouble or self._not_taken_up

    @property
    def is_known(self) -> bool:
        """Whether what the store knows was taken up."""
        return self._changes is not None and self._changes == self._store.changes

    def fresh_orders(self) -> OperatorRead | None:
        """What people ordered since this was last asked; None: nothing new."""
        fresh, self._fresh = self._fresh, None
        return fresh

    async def open(self) -> bool:
        """Whether the store can be used; the time and a ban that it knows of hold from now on.

        Raises what no waiting mends.
        """
        if not await opened(self._store):
            return False
        await self._resume_time()
        await self.recall_bans()
        return True

    async def run(self) -> None:
        """Until cancelled. A store that fails is waited for, however long. Raises what no waiting mends."""
        while True:
            self._lease.watch(self._store.trouble)
            if not self._store.failing:
                if not self.is_known:
                    await self.take_up()
                else:
                    await self._look_after()
            await self._measure()
            await asyncio.sleep(PACE_S)

    async def take_up(self) -> bool:
        """Announce this daemon, look what the one before left in the middle, and let everybody go on from there."""
        changes, now = self._store.changes, self._clock.now()
        try:
            await self._store.announce(os.getpid(), now, self._version, self._clock.reading())
            recovered = await self._store.recover(now, self._channels)
            await self.recall_bans()
            self._orders_seen = None
            # Before any account is looked at: what is silenced or taken stays so.
            await self._look_for_orders()
            self._numbers.go_on_from(await self._store.next_ids(now))
            self._changes = changes
            self._extended = {}
            await self._taken_up(True)
        except StoreError as error:
            self._changes = None
            if self._not_taken_up is None or self._not_taken_up.message != error.message:
                log.error("store.not_taken_up cause=%s", error, exc_info=error.__cause__)
            self._not_taken_up = error
            return False
        self._not_taken_up = None
        log.info("store.taken_up in_doubt=%d", len(recovered))
        return True

    async def _resume_time(self) -> None:
        """Go on from the time that the daemon before this one knew: the exchange may not be there to be asked."""
        try:
            if await self._store.read(daemon_row.resume, self._clock):
                log.info("clock.resumed at=%s", self._clock.now().isoformat(timespec="milliseconds"))
        except StoreError as error:
            log.error("clock.not_resumed cause=%s", error)

    async def recall_bans(self) -> None:
        if self._bans is not None:
            try:
                await self._bans.recall()
            except StoreError as error:
                log.error("ban.unknown cause=%s", error)

    async def _look_after(self) -> None:
        try:
            await self._look_for_orders()
            await self._taken_up(False)
        except StoreError as error:
            log.error("orders.unreadable cause=%s", error)
        now_s = time.monotonic()
        if now_s - self._seen_at < SEEN_EVERY_S:
            return
        self._seen_at = now_s
        with suppress(StoreError):
            # The store says itself that it fails, and every commit does.
            await self._extend(self._clock.now())
        if self._bans is not None:
            await self._bans.keep()

    async def _extend(self, now: datetime) -> None:
        """Say that the daemon is there, and that the records of the accounts have no gap up to now. Raises StoreError.

        One that was not extended for long has a gap, whatever happened meanwhile; and a database that has lost what it
        was told is taken up like another one.
        """
        recorded: dict[str, datetime | None] = {}
        for account in self._recorded():
            last = self._extended.get(account)
            if last is not None and now - last > GAP * self._clock.speed:
                log.warning("record.gap account=%s since=%s", account, last)
                del self._extended[account]
                self._reopen(account, last)
            else:
                recorded[account] = last
        done = await self._store.seen(now, self._clock.reading(), recorded)
        self._extended |= dict.fromkeys(done.extended, now)
        for account in done.behind:
            log.error("record.behind account=%s since=%s", account, self._extended.pop(account))
        if done.behind:
            self._changes = None

    async def _look_for_orders(self) -> None:
        orders = await self._store.orders(self._clock.now(), self._orders_seen)
        if orders is None:
            return
        self._orders_seen = orders.changes
        self.operator = self._fresh = orders.read
        self._obey(orders)

    async def _measure(self) -> None:
        """How much is free where the database lies."""
        if self._folder is None or time.monotonic() - self._measured_at < SPACE_EVERY_S:
            return
        self._measured_at = time.monotonic()
        folder = self._folder
        try:
            self.space_low = await self._store.beside(lambda: is_space_low(folder))
        except (StoreError, OSError) as error:
            self.space_low = None
            log.warning("space.unknown folder=%s cause=%s", folder, error)


def is_space_low(folder: Path) -> bool:
    """Whether so little is free that recording may end soon. Raises OSError."""
    disk = shutil.disk_usage(folder)
    return disk.free < SPACE_LOW_BYTES or disk.free < disk.total * SPACE_LOW_SHARE
