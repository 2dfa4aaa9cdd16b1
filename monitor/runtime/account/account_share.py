"""The accounts that this daemon watches: all of its configuration, or its share where several daemons divide them."""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from contextlib import suppress

from monitor.clock import Clock
from monitor.errors import StoreError
from monitor.runtime.account.account_owners import AccountOwners
from monitor.runtime.account.supervisor import WatchedAccount
from monitor.runtime.address_limits import AddressLimits
from monitor.store.store import Store
from monitor.store.writes.account_owners import read_account_owners

log = logging.getLogger(__name__)

DIVIDE_EVERY_S = 1.0
"""Machine seconds between two turns: each renews what this daemon holds."""

STOP_TRIES = 10
STOP_TRY_S = 1.0
"""Machine seconds until an account that does not stop is cancelled again."""


class AccountShare:
    """One task for each account that this daemon watches, started and stopped as daemons divide the accounts.

    Where the lease is that of the whole database, or while the database is not known, the share is every account: it
    is better watched twice than by nobody.
    """

    def __init__(
        self,
        accounts: Mapping[str, WatchedAccount],
        store: Store,
        clock: Clock,
        owners: AccountOwners,
        channels: tuple[str, ...],
        supervise: Callable[[str], Coroutine[None, None, None]],
        drop: Callable[[str], None],
        leaving: Callable[[], Collection[str]],
        limits: AddressLimits | None = None,
    ) -> None:
        """`supervise` runs an account until cancelled, `drop` forgets what is left of it.

        `leaving` returns the removed accounts whose orders this daemon still settles. `limits` are those of the
        address, which other daemons on this machine have as well.
        """
        self._accounts = accounts
        self._store = store
        self._clock = clock
        self._owners = owners
        self._channels = channels
        self._supervise = supervise
        self._drop = drop
        self._leaving = leaving
        self._limits = limits
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._surplus: frozenset[str] = frozenset()
        self._unrecovered: frozenset[str] = frozenset()
        self._dividing = asyncio.Lock()
        self._changed = asyncio.Event()
        self.held: dict[str, WatchedAccount] = dict(accounts)
        """The accounts of the share, by name; always the same object."""

    async def divide(self) -> None:
        """Divide the accounts with the other daemons once more; nothing where one daemon holds all. Raises StoreError.

        Orders that were being sent when the daemon before ended are in doubt from then on. Nothing is kept in memory of
        an account that another daemon may watch: it would be out of date when this one gets it back.
        """
        if self._store.is_shared:
            async with self._dividing:
                await self._divide()

    async def _divide(self) -> None:
        ending = self._tasks.keys() - self.held.keys()
        limits = self._limits
        usage = None if limits is None else limits.usage()
        division = await self._store.divide((*self._accounts, *self._leaving()), ending, usage)
        if limits is not None:
            for beside in division.usage:
                limits.observe(beside)
        self._surplus = frozenset(division.surplus) - frozenset(self._leaving())
        self._unrecovered = (self._unrecovered | division.taken) & division.held
        # What runs already, from memory, goes on.
        self._hold(division.held - self._surplus - (self._unrecovered - self._tasks.keys()))
        if self._unrecovered:
            await self._store.recover_interrupted(self._clock.now(), self._channels, self._unrecovered)
            self._unrecovered = frozenset()
            self._hold(division.held - self._surplus)
        for name in self._accounts.keys() - self.held.keys() - self._tasks.keys():
            self._drop(name)
        self._owners.set_elsewhere(await self._store.read(read_account_owners), self.held)

    async def run(self) -> None:
        """Run the accounts of the share until cancelled, and divide all with the other daemons each second."""
        async with asyncio.TaskGroup() as tasks:
            if self._store.is_shared:
                tasks.create_task(self._keep_dividing(), name="share")
            while True:
                self._changed.clear()
                for name in self.held:
                    if name not in self._tasks:
                        self._tasks[name] = tasks.create_task(self._supervise(name), name=f"account {name}")
                await self._stop_others()
                await self._changed.wait()

    async def _keep_dividing(self) -> None:
        """Divide until cancelled. Nothing else may delay it: a daemon that does not renew what it holds loses it."""
        while True:
            await asyncio.sleep(DIVIDE_EVERY_S)
            if not self._store.is_failing:
                # The store reports its own failure.
                with suppress(StoreError):
                    await self.divide()

    async def _stop_others(self) -> None:
        """Stop the accounts that are not of the share any more, and give back those that are more than the share."""
        for name in await self._stop([name for name in self._tasks if name not in self.held]):
            del self._tasks[name]
            self._drop(name)
        idle = self._surplus - self._tasks.keys()
        if idle:
            try:
                await self._store.give_back(idle)
            except StoreError as error:
                log.warning("share.not_given_back accounts=%s cause=%s", ",".join(sorted(idle)), error)

    def _hold(self, names: Collection[str]) -> None:
        """Set the accounts of the share, in the order of the configuration."""
        share = {name: account for name, account in self._accounts.items() if name in names}
        if share.keys() != self.held.keys():
            log.info("share.changed accounts=%d of=%d", len(share), len(self._accounts))
        self.held.clear()
        self.held.update(share)
        if self._surplus or self.held.keys() != self._tasks.keys():
            self._changed.set()

    async def _stop(self, names: Iterable[str]) -> list[str]:
        """Stop these accounts; return those that have stopped."""
        running = {name: self._tasks[name] for name in names}
        for _ in range(STOP_TRIES):
            for task in running.values():
                # A task that fails while it ends may go on: it is cancelled until it has ended.
                task.cancel()
            if not running or not (await asyncio.wait(running.values(), timeout=STOP_TRY_S))[1]:
                break
        for name, task in running.items():
            if not task.done():
                log.error("share.not_stopped account=%s", name)
        return [name for name, task in running.items() if task.done()]
