"""The daemon's session with its store: loading whenever the store can be used, and polling the commands of people."""

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
from monitor.core.model.events import CommandsRead
from monitor.core.model.journal import Notice
from monitor.errors import DaemonAlreadyRunning, PoolSharesSessions, StoreError, WrongDatabaseRevision
from monitor.runtime.account.account_share import AccountShare
from monitor.runtime.address_limits import AddressLimits
from monitor.runtime.id_allocator import IdAllocator
from monitor.store.db.units_of_work import find_bug
from monitor.store.store import Store
from monitor.store.writes import daemon_row, journal
from monitor.store.writes.commands import Commands

log = logging.getLogger(__name__)

OPEN_TIMEOUT_S = 10.0
"""Seconds that a start waits for a database that may only be slow; TROUBLE_TIMEOUT_S for one that fails."""

TROUBLE_TIMEOUT_S = 3.0
LEASE_TIMEOUT_S = 180.0
"""Machine seconds that another daemon may hold the database before this one ends."""

OPEN_CHECK_S = 0.1
POLL_EVERY_S = 0.4
"""Commands of people take effect within a second."""

SEEN_EVERY_S = 1.0
SPACE_EVERY_S = 30.0
SPACE_LOW_BYTES = 500_000_000
SPACE_LOW_SHARE = 0.05


MAX_RECORD_GAP = timedelta(minutes=1)
"""A record that was not extended for this long, at speed 1, has a gap."""


class LeaseWait:
    """The time that another daemon has held the database, which is waited for within a limit."""

    def __init__(self, timeout_s: float = LEASE_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._since: float | None = None

    def check(self, trouble: StoreError | None) -> None:
        """Raise errors that waiting can't cure: a wrong revision, and after the limit another daemon's lease."""
        if isinstance(trouble, WrongDatabaseRevision):
            raise trouble
        if not isinstance(trouble, DaemonAlreadyRunning):
            self._since = None
            return
        if self._since is None:
            self._since = time.monotonic()
            log.warning("lease.waiting for_s=%d cause=%s", self._timeout_s, trouble)
        if time.monotonic() - self._since > self._timeout_s:
            raise trouble


async def wait_until_open(store: Store, lease_timeout_s: float = LEASE_TIMEOUT_S) -> bool:
    """Return whether the store can be used at the start; False: the daemon begins without it.

    Raises WrongDatabaseRevision and PoolSharesSessions at once, and DaemonAlreadyRunning after `lease_timeout_s`.
    """
    lease = LeaseWait(lease_timeout_s)
    started = time.monotonic()
    while (trouble := store.failure) is not None or store.is_failing:
        lease.check(trouble)
        if isinstance(trouble, PoolSharesSessions):
            # Later it is a database that fails: the watch goes on without it.
            raise trouble
        patience_s = OPEN_TIMEOUT_S if store.is_opening else TROUBLE_TIMEOUT_S
        # A store that has failed for longer than this loop runs was already waited for.
        waited_s = max(time.monotonic() - started, store.failing_for_s or 0.0)
        if waited_s > patience_s and not isinstance(trouble, DaemonAlreadyRunning):
            log.error("store.absent cause=%s", trouble)
            return False
        await asyncio.sleep(OPEN_CHECK_S)
    return True


class StoreSession:
    """The store as the daemon uses it: loaded at the start or as soon as it can be used, then polled."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        version: str,
        channels: tuple[str, ...],
        limits: AddressLimits | None,
        id_numbers: IdAllocator,
        on_commands: Callable[[Commands], None],
        on_loaded: Callable[[bool], Awaitable[None]],
        folder: Path | None,
        recorded_accounts: Callable[[], Iterable[str]],
        reopen_record: Callable[[str, datetime], None],
        share: AccountShare | None = None,
    ) -> None:
        """`on_commands` is called with new commands of people.

        `on_loaded` is awaited with True once the store is loaded, and with False at every poll after that. `folder`
        holds the database. `recorded_accounts` returns the accounts whose actions the store knows completely.
        `reopen_record` is called with an account and the time at which a gap in its record began. `share` divides the
        accounts with other daemons.
        """
        self._store = store
        self._clock = clock
        self._version = version
        self._channels = channels
        self._limits = limits
        self._id_numbers = id_numbers
        self._on_commands = on_commands
        self._on_loaded = on_loaded
        self._folder = folder
        self._recorded_accounts = recorded_accounts
        self._reopen_record = reopen_record
        self._share = share
        self._was_leader = False
        self._ids_connects = 0
        self._extended_at: dict[str, datetime] = {}
        self._lease = LeaseWait()
        self._known_changes: int | None = None
        self._commands_seen: int | None = None
        self._newest_change = 0
        self._seen_at = self._measured_at = float("-inf")
        self._new_commands: CommandsRead | None = None
        self.commands: CommandsRead | None = None
        self.space_low: bool | None = None
        self._load_error: StoreError | None = None
        self._woken = asyncio.Event()

    @property
    def trouble(self) -> StoreError | None:
        """The reason why the store can't be used; None while it can be used or nothing is known."""
        return self._store.failure or self._load_error

    @property
    def is_known(self) -> bool:
        """True if the content of the store is loaded."""
        return self._known_changes is not None and self._known_changes == self._store.replacement_count

    def wake(self) -> None:
        """Poll the commands of people at once: one was just written by this process."""
        self._woken.set()

    def take_new_commands(self) -> CommandsRead | None:
        """Return the commands that are new since the last call; None: nothing new."""
        new, self._new_commands = self._new_commands, None
        return new

    async def open(self) -> bool:
        """Return whether the store can be used; the time and a ban that it knows hold from now on.

        Raises errors that waiting can't cure.
        """
        if not await wait_until_open(self._store):
            return False
        await self._resume_time()
        await self.restore_bans()
        return True

    async def run(self) -> None:
        """Keep the store loaded and polled until cancelled. A failing store is waited for without limit.

        Raises errors that waiting can't cure.
        """
        while True:
            self._lease.check(self._store.failure)
            if not self._store.is_failing:
                if not self.is_known:
                    await self.load()
                else:
                    await self._poll()
            await self._check_space()
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_EVERY_S):
                    await self._woken.wait()
            self._woken.clear()

    async def load(self) -> bool:
        """Register this daemon, recover the intents that the previous one left unfinished, and start the accounts.

        Return False where the store fails.
        """
        changes, now = self._store.replacement_count, self._clock.now()
        epoch = None if self._store.lease is None else self._store.lease.epoch
        try:
            if self._share is not None:
                await self._share.divide()
            await self._register()
            own = self._store.held_accounts if self._store.is_shared else None
            recovered = await self._store.recover_interrupted(now, self._channels, own)
            await self.restore_bans()
            self._commands_seen = None
            # Before any account is evaluated, so that acks and silences hold.
            await self._poll_commands()
            await self._refresh_ids()
            self._known_changes = changes
            self._extended_at = {}
            await self._on_loaded(True)
            if self._store.lease is not None:
                self._store.lease.take_up(epoch)
        except StoreError as error:
            self._known_changes = None
            if self._load_error is None or self._load_error.message != error.message:
                log.error("store.not_taken_up cause=%s", error, exc_info=find_bug(error))
            self._load_error = error
            return False
        self._load_error = None
        log.info("store.taken_up in_doubt=%d", len(recovered))
        return True

    async def _share_accounts(self) -> None:
        """Follow what has changed of this daemon's share; nothing where one daemon holds all. Raises StoreError."""
        if not self._store.is_shared:
            return
        self._extended_at = {name: at for name, at in self._extended_at.items() if name in self._store.held_accounts}
        if self._id_numbers.needs_block or self._store.connects != self._ids_connects:
            # A server that lags behind may not know of the block.
            await self._refresh_ids()
        if self._store.is_leader and not self._was_leader:
            # What is done once a database is done here from now on, and needs the commands in force.
            self._commands_seen = None
        if self._store.is_leader != self._was_leader:
            await self._register()

    async def _refresh_ids(self) -> None:
        connects = self._store.connects
        await self._id_numbers.refresh(self._store, self._clock.now())
        self._ids_connects = connects

    async def _register(self) -> None:
        await self._store.register_daemon(os.getpid(), self._clock.now(), self._version, self._clock.read_steady())
        self._was_leader = self._store.is_leader

    async def _resume_time(self) -> None:
        """Continue from the time that the previous daemon knew: the exchange may not be reachable."""
        try:
            if await self._store.read(daemon_row.resume_clock, self._clock):
                log.info("clock.resumed at=%s", self._clock.now().isoformat(timespec="milliseconds"))
        except StoreError as error:
            log.error("clock.not_resumed cause=%s", error)

    async def restore_bans(self) -> None:
        if self._limits is not None:
            try:
                await self._limits.restore()
            except StoreError as error:
                log.error("ban.unknown cause=%s", error)

    async def _poll(self) -> None:
        try:
            await self._poll_commands()
            await self._on_loaded(False)
        except StoreError as error:
            log.error("orders.unreadable cause=%s", error)
        now_s = time.monotonic()
        if now_s - self._seen_at < SEEN_EVERY_S:
            return
        self._seen_at = now_s
        # The store reports its own failure, and every commit does.
        with suppress(StoreError):
            await self._share_accounts()
        with suppress(StoreError):
            await self._extend_records(self._clock.now())
        if self._limits is not None:
            await self._limits.save()
            if self._store.is_shared:
                # Of another daemon on this address.
                await self.restore_bans()

    async def _extend_records(self, now: datetime) -> None:
        """Record that the daemon is alive and that the accounts' records have no gap up to now. Raises StoreError.

        A record that was not extended for long has a gap, whatever happened meanwhile. A database that has lost rows is
        loaded again like another database.
        """
        recorded: dict[str, datetime | None] = {}
        for account in self._recorded_accounts():
            if self._store.is_shared and account not in self._store.held_accounts:
                continue
            last = self._extended_at.get(account)
            if last is not None and now - last > MAX_RECORD_GAP * self._clock.speed:
                log.warning("record.gap account=%s since=%s", account, last)
                del self._extended_at[account]
                self._reopen_record(account, last)
            else:
                recorded[account] = last
        done = await self._store.update_last_seen(now, self._clock.read_steady(), recorded)
        self._extended_at |= dict.fromkeys(done.extended, now)
        for account in done.behind:
            log.error("record.behind account=%s since=%s", account, self._extended_at.pop(account))
        if done.behind:
            self._known_changes = None

    async def _poll_commands(self) -> None:
        commands = await self._store.read_commands(self._clock.now(), self._commands_seen)
        if commands is not None and self._is_pause_lost(commands):
            await self._pause_again()
            commands = await self._store.read_commands(self._clock.now())
        if commands is None:
            return
        self._commands_seen = self._newest_change = commands.change_number
        self.commands = self._new_commands = commands.event
        self._on_commands(commands)

    def _is_pause_lost(self, commands: Commands) -> bool:
        """Return whether the pause ended without a command: each command counts the change number up."""
        was_paused = self.commands is not None and self.commands.paused
        return was_paused and not commands.event.paused and commands.change_number <= self._newest_change

    async def _pause_again(self) -> None:
        """Pause all actions as before in a database that has lost that, such as a standby that lagged."""
        words = "the database had lost that all actions were paused; they are paused again"
        log.error("pause.lost why=%r", words)
        now = self._clock.now()
        notices = (Notice("critical", words, self._channels, now),) if self._channels else ()
        await self._store.execute(journal.pause_with_notices, f"margin-monitor: {words}", notices, now)

    async def _check_space(self) -> None:
        """Measure the free space where the database lies."""
        if self._folder is None or time.monotonic() - self._measured_at < SPACE_EVERY_S:
            return
        self._measured_at = time.monotonic()
        folder = self._folder
        try:
            self.space_low = await self._store.run_file_work(lambda: is_space_low(folder))
        except (StoreError, OSError) as error:
            self.space_low = None
            log.warning("space.unknown folder=%s cause=%s", folder, error)


def is_space_low(folder: Path) -> bool:
    """Return whether so little space is free that recording may end soon. Raises OSError."""
    disk = shutil.disk_usage(folder)
    return disk.free < SPACE_LOW_BYTES or disk.free < disk.total * SPACE_LOW_SHARE
