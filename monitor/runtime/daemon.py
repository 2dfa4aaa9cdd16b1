"""The daemon: every account in its own bulkhead, one heartbeat for all, and an orderly start and end."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from monitor.clock import Clock
from monitor.core.alerts import Alert, Severity
from monitor.core.events import ActionSettled, HealthRead
from monitor.core.intents import FINAL
from monitor.core.journal import Entry, Notice
from monitor.core.judgement import abandoned
from monitor.core.lifecycle import Audience
from monitor.core.restraint import Rungs
from monitor.core.state import AccountState, Settings
from monitor.core.vitality import Watched, ailments
from monitor.errors import MonitorError, StoreError
from monitor.exchange.port import Exchange
from monitor.runtime.account import Collaborators
from monitor.runtime.bans import BanBook
from monitor.runtime.channels import Channel
from monitor.runtime.clock_watch import TOLD_S, ClockWatch, Jump, LastLook
from monitor.runtime.composer import Composer
from monitor.runtime.daily_report import DailyReport, ReportOrder
from monitor.runtime.drills import Drills
from monitor.runtime.heartbeat import DeadManSwitch, Pulse
from monitor.runtime.leaving import LeavingAccounts
from monitor.runtime.notifier import Notifier
from monitor.runtime.numbers import Numbers
from monitor.runtime.orphans import hand_to_a_person
from monitor.runtime.owners import Owners
from monitor.runtime.storekeeper import Storekeeper
from monitor.runtime.supervisor import Memory, Supervisor, WatchedAccount
from monitor.store.operator import Orders
from monitor.store.readers.alerts import read_alerts
from monitor.store.store import Store

log = logging.getLogger(__name__)

TICK_S = 0.5
SHORTEST_TICK_S = 0.1
"""Machine seconds: with a fast clock the heartbeat comes this often at most."""

DRAIN_S = 5.0
"""Machine seconds that the channels have, when the end is near, for what waits."""

LAST_DRAIN_S = 2.0
"""The same for what was decided since, once nothing decides any more."""

ENDS_WITHIN_S = 10.0
"""Machine seconds within which the accounts stand still."""

FIRST_TIME_S = 3.0
"""Machine seconds that a start waits for the exchange's time."""

RELEASE_S = 3.0
"""Machine seconds that the store has, after a jump, to let everything that was postponed be looked at again."""

_WITHOUT_STORE = (
    "The database can't be used ({cause}). The daemon watches without it: nothing that moves money is done, alerts are "
    "sent from memory, and nothing is known of the time before the start. It goes on trying."
)

_TWINS = (
    "{names} are the same account of the exchange: no action is taken in any of them. Take all but one out of the "
    "configuration."
)


class Daemon:
    """Runs until `stop`; everything it knows comes from the store and the exchange."""

    def __init__(
        self,
        accounts: Mapping[str, WatchedAccount],
        channels: tuple[Channel, ...],
        store: Store,
        clock: Clock,
        version: str,
        heartbeat: Callable[[], None] = lambda: None,
        bans: BanBook | None = None,
        rungs: Rungs | None = None,
        switch: DeadManSwitch | None = None,
        report: ReportOrder | None = None,
        folder: Path | None = None,
        memories: Mapping[str, Memory] | None = None,
        leaving: Mapping[str, WatchedAccount] | None = None,
        last_look: LastLook | None = None,
    ) -> None:
        """`heartbeat` is called whenever every running account has completed another tick.

        `memories` are what the daemon before this one in the same process had in memory, `leaving` those of its
        accounts that are in the configuration no more, and `last_look` is its last one at the clocks.
        """
        self._accounts = accounts
        self._store = store
        self._clock = clock
        self._heartbeat = heartbeat
        self._channels = tuple(channel.name for channel in channels)
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        composer = Composer(store, clock, self._knowledge)
        self._notifier = Notifier(channels, store, clock, composer, self._open_alert, rungs)
        numbers = Numbers(clock.now())
        self._clock_watch = ClockWatch(clock, self._jumped, last_look)
        self._keeper = Storekeeper(
            store,
            clock,
            version,
            self._channels,
            bans,
            numbers,
            self._obey,
            self._taken_up,
            folder,
            self._recorded,
            self._reopen,
        )
        self._owners = Owners(accounts)
        self._shared = Collaborators(store, clock, self._scheduler, self._notifier, numbers.ids, version, self._owners)
        self._supervisor = Supervisor(
            accounts,
            self._shared,
            lambda: self._keeper.operator,
            self._health,
            lambda: self._keeper.is_known,
            numbers,
            memories,
        )
        self._leaving = LeavingAccounts(
            leaving or {},
            self._channels,
            store,
            clock,
            lambda: self._keeper.is_known,
            self.notify,
            self._notifier.wake,
            self._identify,
        )
        policies = {name: account.policy for name, account in accounts.items()}
        self._pulse = None if switch is None else Pulse(switch, clock, partial(self._ailments, switch.every))
        self._stepped: dict[str, datetime] = {}
        self._report = None if report is None else DailyReport(report, store, clock, version, self._notifier.wake)
        self._drills = Drills(store, clock, policies, self.states, self._notifier.wake)
        self._progress: Mapping[str, tuple[int, int]] = {}
        self._stop = asyncio.Event()
        self._has_stood = asyncio.Event()
        self.started_at: datetime | None = None

    def stop(self) -> None:
        """End in good order as soon as may be."""
        self._stop.set()

    @property
    def has_stood(self) -> bool:
        """Whether every account was asked and judged since the start, or is known to be failing."""
        return self._has_stood.is_set()

    @property
    def is_recording(self) -> bool:
        """Whether what the store knows was taken up, and it can be written."""
        return self._keeper.is_known and not self._store.failing

    async def stands(self) -> None:
        """Wait until it has stood."""
        await self._has_stood.wait()

    @property
    def unread_accounts(self) -> frozenset[str]:
        """The accounts that are up, and of which no read brought any figures since the start."""
        up = self._accounts.keys() - self.failing_accounts
        watches = self._supervisor.watches
        return frozenset(name for name in up if name not in watches or not watches[name].has_answered)

    @property
    def failing_accounts(self) -> Mapping[str, str]:
        """The accounts that are down, or fall again and again, and what made them fall last."""
        failing = filter(self._supervisor.is_failing, self._accounts)
        return {name: self._supervisor.last_cause(name) for name in failing}

    def hand_over(self) -> Mapping[str, Memory]:
        """What whoever comes next in this process has to know, if the store can't tell it; kept up by asking again."""
        return self._supervisor.hand_over()

    @property
    def last_look(self) -> LastLook:
        """What the clocks said last, kept up."""
        return self._clock_watch.last_look

    @property
    def watched(self) -> Mapping[str, WatchedAccount]:
        """Every account whose key is in this process: those of the configuration, and those that leave it."""
        return {**self._leaving.accounts, **self._accounts}

    def states(self) -> Mapping[str, AccountState]:
        """What is known now, by account."""
        return {name: watch.runner.state for name, watch in self._supervisor.watches.items()}

    def settings(self, account: str) -> Settings:
        """What the account's figures depend on besides the venue."""
        return self._accounts[account].policy.settings

    async def notify(self, severity: Severity, text: str) -> None:
        """A notice to all channels, recorded or not."""
        self._notifier.say(Notice(severity, text, self._channels, self._clock.now()))

    async def run(self) -> None:
        """Until `stop`. Starting clean and starting after a crash are the same, and so is starting without the store.

        Raises what no waiting mends.
        """
        is_open = await self._keeper.open()
        await self._measure_time()
        self.started_at = self._clock.now()
        is_recording = is_open and await self._keeper.take_up()
        log.info("daemon.started accounts=%d recording=%s", len(self._accounts), is_recording)
        self._scheduler.start()
        if self._report is not None:
            self._report.start(self._scheduler)
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(self._notifier.run(), name="notifier"),
                    tasks.create_task(self._keeper.run(), name="storekeeper"),
                    tasks.create_task(self._drills.run(), name="drills"),
                    *([] if self._pulse is None else [tasks.create_task(self._pulse.run(), name="pulse")]),
                ]
                watching = [
                    tasks.create_task(self._beat(), name="heartbeat"),
                    tasks.create_task(self._clock_watch.run(), name="clock"),
                    *(tasks.create_task(self._supervisor.keep(n), name=f"account {n}") for n in self._accounts),
                    *(tasks.create_task(self._leaving.settle(n), name=f"leaving {n}") for n in self._leaving.accounts),
                ]
                if not is_recording:
                    await self.notify("critical", _WITHOUT_STORE.format(cause=self._keeper.trouble or "no answer"))
                await self._stop.wait()
                await self._notifier.drain(DRAIN_S)
                # What the accounts decide until they stand still is told as well.
                await _end(watching)
                await self._notifier.drain(LAST_DRAIN_S)
                for task in running:
                    task.cancel()
        except BaseExceptionGroup as group:
            raise _told_to_people(group) from group
        finally:
            self._scheduler.shutdown(wait=False)
            log.info("daemon.stopped")

    async def _measure_time(self) -> None:
        """Ask the exchange for its time before anything is stamped; the wall clock is the guess if it says nothing."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_TIME_S):
                for account in self._accounts.values():
                    with suppress(MonitorError):
                        await _sync_clock(account.open_exchange())
                        return

    async def _jumped(self, jump: Jump) -> None:
        """Whatever waits for a moment looks again, and everything is read: nothing stands still for a clock."""
        for watch in self._supervisor.watches.values():
            watch.restart(jump.corrected_s)
        if self._report is not None:
            self._report.restart()
        with suppress(StoreError, TimeoutError):
            async with asyncio.timeout(RELEASE_S):
                if jump.corrected_s:
                    await self._keeper.recall_bans()
                await self._store.release_deliveries(self._clock.now())
        self._notifier.release(jump.corrected_s)
        if abs(jump.seconds) >= TOLD_S * self._clock.speed:
            await self.notify("warning", jump.text)

    async def _taken_up(self, anew: bool) -> None:
        """The store is known: its channels and accounts go on from there. Raises StoreError."""
        if anew:
            await self._notifier.recall()
            await self._let_go()
            leaving = self._leaving.accounts
            await hand_to_a_person(self._store, self._accounts, leaving, self._channels, self._clock.now())
            self._notifier.wake(self._channels)
        await self._supervisor.adopt(anew)
        if anew:
            self._identify()

    async def _let_go(self) -> None:
        """Alerts of accounts that are not in the configuration any more end as gone."""
        now = self._clock.now()
        rows = await self._store.read(read_alerts)
        audience = next(iter(self._accounts.values())).policy.audience if self._accounts else Audience()
        for account in {row.alert.key.account for row in rows} - self._accounts.keys():
            left = abandoned((row.alert for row in rows if row.alert.key.account == account), audience, now)
            log.info("account.let_go account=%s alerts=%d", account, len(left.changed))
            await self._store.commit(
                Entry(
                    account,
                    now,
                    alerts=left.changed,
                    transitions=left.transitions,
                    notifications=left.notifications,
                )
            )

    async def _beat(self) -> None:
        """Ticks, and the mark that this daemon is alive. It waits for nobody, least of all for the store."""
        pause_s = max(SHORTEST_TICK_S, TICK_S / self._clock.speed)
        counted: dict[str, tuple[int, int]] = {}
        while True:
            fresh, health = self._keeper.fresh_orders(), self._health()
            watches = dict(self._supervisor.watches)
            for name, watch in watches.items():
                told = replace(
                    health,
                    account_failing=self._supervisor.is_failing(name),
                    store_failing=health.store_failing or not watch.runner.is_known,
                )
                watch.tick(fresh, told)
            for names in self._owners.new_twins():
                await self.notify("critical", _TWINS.format(names=" and ".join(names)))
            # Of which watch, and how many: those of one that was built anew are counted anew.
            progress = {name: (id(watch), watch.runner.ticks) for name, watch in watches.items()}
            now = self._clock.now()
            self._stepped |= {name: now for name, count in progress.items() if _is_further(counted.get(name), count)}
            counted = progress
            is_begun = bool(progress) or self.has_stood
            if is_begun and all(_is_further(self._progress.get(name), count) for name, count in progress.items()):
                self._progress = progress
                self._heartbeat()
            if all((n in watches and watches[n].has_read) or self._supervisor.is_failing(n) for n in self._accounts):
                self._has_stood.set()
            await asyncio.sleep(pause_s)

    def _health(self) -> HealthRead:
        return HealthRead(
            notifications_failing=self._notifier.failing,
            # Nothing may be decided on what the store would know.
            store_failing=self._store.failing or not self._keeper.is_known,
            store_space_low=self._keeper.space_low,
        )

    def _recorded(self) -> list[str]:
        return [name for name, watch in self._supervisor.watches.items() if watch.is_recorded]

    def _reopen(self, account: str, since: datetime) -> None:
        watch = self._supervisor.watches.get(account)
        if watch is not None:
            watch.reopen_record(since)

    def _obey(self, orders: Orders) -> None:
        """What people ordered beside acks, silences and the pause, which the accounts look at themselves."""
        self._drills.order(orders.drills)
        if orders.settled:
            # What a person settled is told by whoever runs.
            self._notifier.wake(self._channels)
        if any(intent.account not in self._accounts for intent in orders.settled):
            # What was done under another name may count against the caps of one that is watched.
            self._identify()
        for intent in orders.settled:
            watch = self._supervisor.watches.get(intent.account)
            if watch is None:
                continue
            known = watch.runner.state.intents.get(intent.id)
            # What was read a moment ago never undoes what was settled since.
            if known is None or known.state not in FINAL:
                watch.settled(ActionSettled(intent))

    def _identify(self) -> None:
        for watch in self._supervisor.watches.values():
            watch.identify()

    def _ailments(self, every: timedelta) -> tuple[str, ...]:
        """Why the heartbeat must not say that all is well."""
        states, since = self.states(), self.started_at or self._clock.now()
        accounts = {
            name: Watched(account.policy.settings, states.get(name), self._stepped.get(name, since))
            for name, account in self._accounts.items()
        }
        return ailments(accounts, self._notifier.troubles, self._store.failing, every, self._clock.now())

    def _open_alert(self, number: int) -> Alert | None:
        for watch in self._supervisor.watches.values():
            for alert in watch.runner.state.alerts.values():
                if alert.id == number:
                    return alert
        return None

    def _knowledge(self, account: str) -> tuple[AccountState, Settings] | None:
        watch = self._supervisor.watches.get(account)
        return None if watch is None else (watch.runner.state, self._accounts[account].policy.settings)


async def _sync_clock(exchange: Exchange) -> None:
    try:
        await exchange.sync_clock()
    finally:
        await exchange.aclose()


async def _end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel them, and wait until they have ended, for ENDS_WITHIN_S at most."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=ENDS_WITHIN_S)


def _is_further(before: tuple[int, int] | None, count: tuple[int, int]) -> bool:
    watch, ticks = before if before is not None else (0, 0)
    return count[1] > (ticks if count[0] == watch else 0)


def _told_to_people(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What ended the daemon: the one error with a mend, where there is one."""
    mendable = group.subgroup(MonitorError)
    error: BaseException = mendable if mendable is not None else group
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
