"""Accounts that a reload removed from the configuration while orders are in flight: read until these are settled."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.clock import Clock
from monitor.core.alerting.evaluation import close_abandoned
from monitor.core.alerting.lifecycle import ChannelRouting
from monitor.core.engine.step import Policy
from monitor.core.model.alert import Severity
from monitor.core.model.events import Event, IntentUpdated
from monitor.core.model.intent import IN_FLIGHT_STATES, Intent
from monitor.core.model.journal import JournalEntry
from monitor.core.state.account_state import AccountState
from monitor.core.state.account_update import apply_account_event
from monitor.errors import StoreError
from monitor.exchange.port import Exchange
from monitor.runtime.account.supervisor import WatchedAccount
from monitor.runtime.orders.executor import Executor
from monitor.runtime.orders.orphans import escalate_orphans
from monitor.store.readers.alerts import read_alerts
from monitor.store.readers.holders import read_recently_held
from monitor.store.readers.open_accounts import read_open_accounts
from monitor.store.store import Store
from monitor.store.writes import intents as intent_rows

log = logging.getLogger(__name__)

SETTLED_CHECK_EVERY_S = 0.5
"""Machine seconds between two reads of the orders from the database."""

SETTLE_RETRY_S = 5.0

UNWATCHED_FOR = timedelta(minutes=15)
"""Time for which no daemon has held an account that is not in the configuration of this one."""

LOOK_EVERY_S = 60.0


class RemovedAccounts:
    """Removed accounts with the keys of the previous configuration. Nothing is decided or sent for them."""

    def __init__(
        self,
        accounts: Mapping[str, WatchedAccount],
        channels: tuple[str, ...],
        store: Store,
        clock: Clock,
        is_store_known: Callable[[], bool],
        notify: Callable[[Severity, str], Awaitable[None]],
        wake_channels: Callable[[Iterable[str]], None],
        on_change: Callable[[], None],
    ) -> None:
        """`notify` sends a notice to all `channels`; `wake_channels` is called with channels that have work.

        `on_change` is called when an order has changed: an account of another name may count it.
        """
        self._accounts = dict(accounts)
        self._channels = channels
        self._store = store
        self._clock = clock
        self._is_store_known = is_store_known
        self._notify = notify
        self._wake_channels = wake_channels
        self._on_change = on_change
        self._announced: set[str] = set()
        self._closing: frozenset[str] = frozenset()
        self._look_at_s = float("-inf")

    @property
    def accounts(self) -> Mapping[str, WatchedAccount]:
        """The accounts with orders that are not settled yet."""
        return dict(self._accounts)

    @property
    def names_in_use(self) -> frozenset[str]:
        """The accounts with orders that are not settled yet, and those that are just being closed."""
        return self._closing.union(self._accounts)

    async def close_unconfigured(self, accounts: Mapping[str, WatchedAccount], *, again: bool) -> None:
        """Close the alerts of all accounts but `accounts`, and see to their orders (`escalate_orphans`).

        Done once, or `again`. Of several daemons one does so, every minute, for accounts that nobody has watched for
        UNWATCHED_FOR: another daemon may have them in its configuration, and only be restarting. Raises StoreError.
        """
        if not self._store.is_leader or (time.monotonic() < self._look_at_s and not again):
            return
        left = await self._store.read(read_open_accounts) - accounts.keys()
        if self._store.is_shared:
            left -= await self._store.read(read_recently_held, UNWATCHED_FOR)
        now = self._clock.now()
        self._closing = frozenset(left)
        try:
            own = await self._store.take(left) if self._store.is_shared else left
            await _close_alerts(self._store, own, accounts, now)
            await escalate_orphans(self._store, own, self._accounts, self._channels, now)
        finally:
            self._closing = frozenset()
            if self._store.is_shared:
                await self._store.give_back(left - self._accounts.keys())
        self._look_at_s = time.monotonic() + LOOK_EVERY_S if self._store.is_shared else float("inf")
        self._wake_channels(self._channels)

    async def settle(self, name: str) -> None:
        """Settle all orders of the account; then close its exchange session and drop it."""
        while True:
            try:
                await self._until_settled(name)
                break
            except (Exception, ExceptionGroup):
                log.exception("leaving.restarting account=%s in_s=%s", name, SETTLE_RETRY_S)
                await asyncio.sleep(SETTLE_RETRY_S)
        del self._accounts[name]
        log.info("leaving.dropped account=%s", name)
        if name in self._announced:
            await self._notify("info", f"Account {name}: nothing is under way any more, it is dropped.")

    async def _until_settled(self, name: str) -> None:
        account = self._accounts[name]
        known = _RemovedState(name, self._clock, self._on_change)
        known.update_intents(await self._read_intents(name))
        exchange = account.open_exchange()
        try:
            executor = self._executor(account.policy, exchange, known)
            await self._announce(name, executor.unsettled)
            while executor.unsettled:
                async with asyncio.TaskGroup() as tasks:
                    # Another daemon that has taken the account settles its orders.
                    is_held = self._store.holds(name)
                    looking = tasks.create_task(executor.run(), name=f"leaving {name}") if is_held else None
                    while executor.unsettled and self._store.holds(name) is is_held:
                        await asyncio.sleep(SETTLED_CHECK_EVERY_S)
                        known.update_intents(await self._read_intents(name))
                    if looking is not None:
                        looking.cancel()
        finally:
            with suppress(Exception):
                await asyncio.wait_for(exchange.aclose(), timeout=5)

    def _executor(self, policy: Policy, exchange: Exchange, known: "_RemovedState") -> Executor:
        """Return an executor without actions: it sends nothing, and settles the orders that were sent."""
        audience = replace(policy.routing, channels=self._channels)
        return Executor(
            account=policy.settings.account,
            exchange=exchange,
            store=self._store,
            clock=self._clock,
            policy=replace(policy, rules=(), actions=(), routing=audience),
            deliver=known.apply_event,
            state=lambda: known.state,
            wake_channels=self._wake_channels,
        )

    async def _announce(self, name: str, unsettled: tuple[Intent, ...]) -> None:
        under_way = [intent for intent in unsettled if intent.state in IN_FLIGHT_STATES]
        if not under_way or name in self._announced:
            return
        self._announced.add(name)
        named = ", ".join(f"R-{intent.id}" for intent in under_way)
        log.warning("leaving.begun account=%s intents=%s", name, named)
        await self._notify(
            "warning",
            f"Account {name} was taken out of the configuration while {named} is under way: that is looked into to the "
            "end, with the key that the account had. Nothing else is done for it.",
        )

    async def _read_intents(self, name: str) -> tuple[Intent, ...]:
        """Return the orders of the account from the database, once it can be read."""
        while True:
            if self._is_store_known() and not self._store.is_failing:
                try:
                    return await self._store.read(intent_rows.read_recent, name, self._clock.now())
                except StoreError as error:
                    log.error("leaving.unread account=%s cause=%s", name, error)
            await asyncio.sleep(SETTLED_CHECK_EVERY_S)


async def _close_alerts(
    store: Store, removed: Collection[str], accounts: Mapping[str, WatchedAccount], now: datetime
) -> None:
    """Close the open alerts of the removed accounts; the others' channels hear of it."""
    rows = await store.read(read_alerts)
    audience = next(iter(accounts.values())).policy.routing if accounts else ChannelRouting()
    for account in {row.alert.key.account for row in rows} & set(removed):
        closed = close_abandoned((row.alert for row in rows if row.alert.key.account == account), audience, now)
        log.info("account.let_go account=%s alerts=%d", account, len(closed.changed))
        await store.commit(
            JournalEntry(
                account,
                now,
                alerts=closed.changed,
                transitions=closed.transitions,
                notifications=closed.notifications,
            )
        )


class _RemovedState:
    """The state of one account: the reads made for its orders, and the orders as the database has them."""

    def __init__(self, name: str, clock: Clock, on_change: Callable[[], None]) -> None:
        self._clock = clock
        self._on_change = on_change
        self._known_intents: tuple[Intent, ...] = ()
        self.state = AccountState(account=name, started_at=clock.now())

    def update_intents(self, known: tuple[Intent, ...]) -> None:
        """Take over the orders from the database: people and their commands settle orders, too."""
        self.state = replace(self.state, intents={intent.id: intent for intent in known})
        if known != self._known_intents:
            self._known_intents = known
            self._on_change()

    def apply_event(self, event: Event) -> None:
        self.state = apply_account_event(self.state, event, self._clock.now())
        if isinstance(event, IntentUpdated):
            # The intent is recorded already.
            self._on_change()
