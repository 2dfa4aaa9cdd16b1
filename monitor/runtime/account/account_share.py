"""The accounts that this daemon watches: all of its configuration, or its share where several daemons divide them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping

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

STOP_TRY_S = 10.0
"""Machine seconds until an account that does not stop is cancelled again; that cuts short what it has to write."""

STOP_TRIES = 3
"""Tries to stop an account, after which that is logged."""


class AccountShare:
    """One task for each account that this daemon watches, started and stopped as daemons divide the accounts.

    Where the lease is that of the whole database, or while the database is not known, the share is every account: it
    is better watched twice than by nobody. Otherwise each account that this daemon holds is watched, settled
    (`leaving`), or being stopped to be given back: nothing that fails leaves it held and unwatched.
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
        wake_channels: Callable[[Iterable[str]], None],
        limits: AddressLimits | None = None,
    ) -> None:
        """`supervise` runs an account until cancelled, `drop` forgets what is left of it.

        `leaving` returns the removed accounts whose orders this daemon still settles. `wake_channels` is called with
        channels that may have something to send. `limits` are those of the address, which other daemons on this machine
        have as well.
        """
        self._accounts = accounts
        self._store = store
        self._clock = clock
        self._owners = owners
        self._channels = channels
        self._supervise = supervise
        self._drop = drop
        self._leaving = leaving
        self._wake_channels = wake_channels
        self._limits = limits
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ending: set[str] = set()
        self._surplus: frozenset[str] = frozenset()
        self._elsewhere: frozenset[str] = frozenset()
        self._dividing = asyncio.Lock()
        self._changed = asyncio.Event()
        self.held: dict[str, WatchedAccount] = dict(accounts)
        """The accounts of the share, by name; always the same object."""

        self.is_dividing = False
        """True while it divides the accounts each second, and so renews what this daemon holds."""

    async def divide(self) -> None:
        """Divide the accounts with the other daemons once more; nothing where one daemon holds all. Raises StoreError.

        Orders that were being sent when the daemon before ended are in doubt from then on. Nothing is kept in memory of
        an account that another daemon may watch: it would be out of date when this one gets it back.
        """
        if self._store.is_shared:
            await self._divide()
            await self._read_owners()

    async def run(self) -> None:
        """Run the accounts of the share until cancelled, and divide all with the other daemons each second."""
        async with asyncio.TaskGroup() as tasks:
            if self._store.is_shared:
                tasks.create_task(self._keep_dividing(), name="share")
                tasks.create_task(self._keep_doing(self._read_owners, "owners.unread"), name="owners")
            while True:
                self._changed.clear()
                for name in self.held:
                    if name not in self._tasks:
                        self._tasks[name] = tasks.create_task(self._supervise(name), name=f"account {name}")
                for name in self._tasks.keys() - self.held.keys() - self._ending:
                    self._ending.add(name)
                    tasks.create_task(self._end(name), name=f"end of {name}")
                await self._give_back()
                await self._changed.wait()

    async def _keep_dividing(self) -> None:
        self.is_dividing = True
        try:
            await self._keep_doing(self._divide, "share.not_divided", self._go_on)
        finally:
            self.is_dividing = False

    async def _keep_doing(
        self, turn: Callable[[], Awaitable[None]], failed: str, while_failing: Callable[[], None] = lambda: None
    ) -> None:
        """Take such a turn each second until cancelled, or `while_failing` where the store fails.

        A turn that fails for another reason is logged as `failed`, once for each message.
        """
        told = ""
        while True:
            await asyncio.sleep(DIVIDE_EVERY_S)
            if self._store.is_failing:
                while_failing()
                continue
            try:
                await turn()
                told = ""
            except StoreError as error:
                if error.message != told and not self._store.is_failing:
                    log.error("%s cause=%s", failed, error)
                    told = error.message

    async def _divide(self) -> None:
        """Take one turn. It waits for no stop and no read: a daemon that does not renew what it holds loses it."""
        async with self._dividing:
            ending = self._tasks.keys() - self.held.keys()
            limits = self._limits
            usage = None if limits is None else limits.usage()
            # What another daemon has in its configuration as well is settled by that one.
            wanted = (*self._accounts, *(frozenset(self._leaving()) - self._elsewhere))
            division = await self._store.divide(wanted, ending, usage)
            if limits is not None:
                for beside in division.usage:
                    limits.observe(beside)
            self._elsewhere = division.elsewhere
            self._surplus = frozenset(division.surplus) - (frozenset(self._leaving()) - division.elsewhere)
            if division.taken:
                # What runs already, from memory, goes on.
                self._hold(division.held - self._surplus - (division.taken - self._tasks.keys()))
                await self._recover(division.taken)
            self._hold(division.held - self._surplus)
            for name in self._accounts.keys() - self.held.keys() - self._tasks.keys():
                self._drop(name)

    async def _recover(self, taken: frozenset[str]) -> None:
        """Record that orders that were being sent by the last holder are in doubt, and send what it has left unsent.

        Where that fails the account is watched all the same: its executor sees to such orders as well.
        """
        failed = {} if (cause := await self._try_to_recover(taken)) is None else dict.fromkeys(sorted(taken), cause)
        for name in list(failed):
            if self._store.is_failing or len(taken) == 1:
                break
            if (cause := await self._try_to_recover((name,))) is None:
                del failed[name]
            else:
                failed[name] = cause
        for name, cause in failed.items():
            log.error("share.not_recovered account=%s cause=%s", name, cause)
        self._wake_channels(self._channels)

    async def _try_to_recover(self, accounts: Collection[str]) -> StoreError | None:
        try:
            await self._store.recover_interrupted(self._clock.now(), self._channels, accounts)
        except StoreError as error:
            return error
        return None

    def _go_on(self) -> None:
        """Go on with all accounts that this daemon holds, also those that it was to give back."""
        self._surplus = frozenset()
        self._hold(self.held.keys() | self._store.held_accounts)

    async def _read_owners(self) -> None:
        self._owners.set_elsewhere(await self._store.read(read_account_owners), self.held)

    async def _end(self, name: str) -> None:
        """Stop an account, however long that takes, and forget it."""
        task = self._tasks[name]
        tries = 0
        while not task.done():
            # A task that fails while it ends may go on: it is cancelled until it has ended.
            task.cancel()
            await asyncio.wait([task], timeout=STOP_TRY_S)
            tries += 1
            if not task.done() and tries % STOP_TRIES == 0:
                log.error("share.not_stopped account=%s", name)
        del self._tasks[name]
        self._ending.discard(name)
        self._drop(name)
        self._changed.set()

    async def _give_back(self) -> None:
        """Give back the accounts above the share that have stopped."""
        if not self._surplus - self._tasks.keys():
            return
        # A turn that is under way may want them to be watched.
        async with self._dividing:
            if not (idle := self._surplus - self._tasks.keys()):
                return
            try:
                await self._store.give_back(idle)
                self._surplus -= idle
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
