"""The daemon: every account in its own bulkhead, one heartbeat for all, and an orderly start and end."""

import asyncio
import itertools
import logging
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from monitor.clock import Clock
from monitor.core.account import CROSS, Scope
from monitor.core.alerts import Alert
from monitor.core.engine import Ids, Policy
from monitor.core.events import ActionSettled, HealthRead, InterestRead, OperatorRead
from monitor.core.followed import Followed
from monitor.core.intents import FINAL
from monitor.core.journal import Entry
from monitor.core.judgement import OPEN, abandoned
from monitor.core.lifecycle import Audience
from monitor.core.restraint import Rungs
from monitor.core.state import AccountState, Settings
from monitor.core.terms import remembered as remembered_terms
from monitor.core.vitality import Watched, ailments
from monitor.errors import MonitorError, StoreError
from monitor.exchange.port import Exchange
from monitor.runtime.account import AccountWatch, Collaborators, Timetable
from monitor.runtime.announcements import Announcements
from monitor.runtime.bans import BanBook
from monitor.runtime.channels import Channel
from monitor.runtime.clock_watch import TOLD_S, ClockWatch, Jump
from monitor.runtime.composer import Composer
from monitor.runtime.daily_report import DailyReport, ReportOrder
from monitor.runtime.drills import Drills
from monitor.runtime.heartbeat import DeadManSwitch, Pulse
from monitor.runtime.notifier import Notifier
from monitor.store.load import Loaded
from monitor.store.readers.alerts import read_alerts
from monitor.store.store import Store

log = logging.getLogger(__name__)

TICK_S = 0.5
SHORTEST_TICK_S = 0.1
"""Machine seconds: with a fast clock the heartbeat comes this often at most."""

OPERATOR_LOOK_S = 0.4
"""At every tick, then: what people order holds within a second."""

SEEN_EVERY_S = 1.0
FIRST_TIME_S = 3.0
"""Machine seconds that a start waits for the exchange's time."""

RELEASE_S = 3.0
"""Machine seconds that the store has, after a jump, to let everything that was postponed be looked at again."""

RESTART_BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
STORE_PATIENCE_S = 600.0
"""A store that fails for this long ends the daemon, for the service manager to start it anew."""


@dataclass(frozen=True, slots=True)
class WatchedAccount:
    """One account: what to decide by, how often to read, and how to open its exchange session."""

    policy: Policy
    timetable: Timetable
    open_exchange: Callable[[], Exchange]


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
    ) -> None:
        """`heartbeat` is called whenever every running account has completed another tick."""
        self._accounts = accounts
        self._store = store
        self._clock = clock
        self._version = version
        self._heartbeat = heartbeat
        self._bans = bans
        self._channels = tuple(channel.name for channel in channels)
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        composer = Composer(store, clock, self._knowledge)
        self._notifier = Notifier(channels, store, clock, composer, self._open_alert, rungs)
        self._watches: dict[str, AccountWatch] = {}
        policies = {name: account.policy for name, account in accounts.items()}
        self._pulse = None if switch is None else Pulse(switch, clock, partial(self._ailments, switch.every))
        self._stepped: dict[str, datetime] = {}
        self._report = None if report is None else DailyReport(report, store, clock, version, self._notifier.wake)
        self._drills = Drills(store, clock, policies, self.states, self._notifier.wake)
        self._announcements = Announcements(store, clock, self._channels, self._notifier.wake)
        self._clock_watch = ClockWatch(clock, self._jumped)
        self._operator: OperatorRead | None = None
        self._operator_changes: int | None = None
        self._progress: Mapping[str, int] = {}
        self._counted: Mapping[str, int] = {}
        self._stop = asyncio.Event()
        self.started_at: datetime | None = None

    def stop(self) -> None:
        """End in good order as soon as may be."""
        self._stop.set()

    def states(self) -> Mapping[str, AccountState]:
        """What is known now, by account."""
        return {name: watch.runner.state for name, watch in self._watches.items()}

    def settings(self, account: str) -> Settings:
        """What the account's figures depend on besides the venue."""
        return self._accounts[account].policy.settings

    async def run(self) -> None:
        """Until `stop`. Starting clean and starting after a crash are the same."""
        if self._bans is not None:
            await self._bans.recall()
        await self._measure_time()
        self.started_at = self._clock.now()
        await self._store.announce(os.getpid(), self.started_at, self._version)
        recovered = await self._store.recover(self.started_at, self._channels)
        log.info("daemon.started accounts=%d in_doubt=%d", len(self._accounts), len(recovered))
        # Before any account is looked at: what is silenced or taken stays so, and a channel that failed still does.
        await self._look_for_orders()
        await self._notifier.recall()
        await self._let_go()
        first = await self._store.next_ids()
        ids = Ids(itertools.count(first.alert).__next__, itertools.count(first.intent).__next__)
        self._scheduler.start()
        if self._report is not None:
            self._report.start(self._scheduler)
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(self._notifier.run(), name="notifier"),
                    tasks.create_task(self._beat(), name="heartbeat"),
                    tasks.create_task(self._clock_watch.run(), name="clock"),
                    tasks.create_task(self._announcements.run(), name="announcements"),
                    tasks.create_task(self._drills.run(), name="drills"),
                    *([] if self._pulse is None else [tasks.create_task(self._pulse.run(), name="pulse")]),
                    *(
                        tasks.create_task(self._supervise(name, account, ids), name=f"account {name}")
                        for name, account in self._accounts.items()
                    ),
                ]
                await self._stop.wait()
                await self._notifier.drain(timeout_s=5)
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
        for watch in self._watches.values():
            watch.restart()
        if self._report is not None:
            self._report.restart()
        with suppress(StoreError, TimeoutError):
            async with asyncio.timeout(RELEASE_S):
                await self._store.release_deliveries(self._clock.now())
        self._notifier.wake(self._channels)
        if abs(jump.seconds) >= TOLD_S * self._clock.speed:
            self._announcements.add(jump.text, "warning")

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

    async def _supervise(self, name: str, account: WatchedAccount, ids: Ids) -> None:
        """Keeps one account running; a failure costs its own account a moment and nobody else anything."""
        for failures in itertools.count():
            started = time.monotonic()
            try:
                loaded = await self._store.load(name, self._clock.now())
                shared = Collaborators(self._store, self._clock, self._scheduler, self._notifier, ids, self._version)
                state = remembered(loaded, account.policy, self._clock.now(), self._operator, self._notifier.failing)
                watch = AccountWatch(account.policy, account.open_exchange(), account.timetable, state, shared)
                # Its ticks are counted anew.
                self._progress = {other: ticks for other, ticks in self._progress.items() if other != name}
                self._watches[name] = watch
                await watch.run()
            except (Exception, ExceptionGroup) as error:
                self._watches.pop(name, None)
                step = 0 if time.monotonic() - started > RESTART_BACKOFF_S[-1] else failures
                pause_s = RESTART_BACKOFF_S[min(step, len(RESTART_BACKOFF_S) - 1)]
                log.error("account.restarting account=%s in_s=%s", name, pause_s, exc_info=_unexpected(error))
                await asyncio.sleep(pause_s)

    async def _beat(self) -> None:
        """Ticks, what people ordered, and the mark that this daemon is alive."""
        looked_at = seen_at = float("-inf")
        pause_s = max(SHORTEST_TICK_S, TICK_S / self._clock.speed)
        while True:
            failing_for_s = self._store.failing_for_s or 0.0
            if failing_for_s > STORE_PATIENCE_S:
                raise StoreError("the database could not be written for ten minutes", mend="mend it and start again")
            fresh: OperatorRead | None = None
            now_s = time.monotonic()
            if now_s - looked_at >= min(OPERATOR_LOOK_S, pause_s * 5):
                looked_at, fresh = now_s, await self._look_for_orders()
            if now_s - seen_at >= SEEN_EVERY_S and not self._store.failing:
                seen_at = now_s
                with suppress(StoreError):
                    # The store says itself that it fails, and every commit does.
                    await self._store.seen(self._clock.now())
                if self._bans is not None:
                    await self._bans.keep()
            for watch in self._watches.values():
                watch.tick(fresh, self._notifier.failing, self._store.failing)
            progress = {name: watch.runner.ticks for name, watch in self._watches.items()}
            now = self._clock.now()
            self._stepped |= {name: now for name, count in progress.items() if count > self._counted.get(name, 0)}
            self._counted = progress
            if progress and all(count > self._progress.get(name, 0) for name, count in progress.items()):
                self._progress = progress
                self._heartbeat()
            await asyncio.sleep(pause_s)

    async def _look_for_orders(self) -> OperatorRead | None:
        """What people ordered, if anything changed since the last look."""
        try:
            orders = await self._store.orders(self._clock.now(), self._operator_changes)
        except StoreError as error:
            log.error("orders.unreadable cause=%s", error)
            return None
        if orders is None:
            return None
        self._operator_changes, self._operator = orders.changes, orders.read
        self._drills.order(orders.drills)
        if orders.settled:
            # What a person settled is told by whoever runs.
            self._notifier.wake(self._channels)
        for intent in orders.settled:
            watch = self._watches.get(intent.account)
            if watch is None:
                continue
            known = watch.runner.state.intents.get(intent.id)
            # What was read a moment ago never undoes what was settled since.
            if known is None or known.state not in FINAL:
                watch.settled(ActionSettled(intent))
        return orders.read

    def _ailments(self, every: timedelta) -> tuple[str, ...]:
        """Why the heartbeat must not say that all is well."""
        states, since = self.states(), self.started_at or self._clock.now()
        accounts = {
            name: Watched(account.policy.settings, states.get(name), self._stepped.get(name, since))
            for name, account in self._accounts.items()
        }
        return ailments(accounts, self._notifier.troubles, self._store.failing, every, self._clock.now())

    def _open_alert(self, number: int) -> Alert | None:
        for watch in self._watches.values():
            for alert in watch.runner.state.alerts.values():
                if alert.id == number:
                    return alert
        return None

    def _knowledge(self, account: str) -> tuple[AccountState, Settings] | None:
        watch = self._watches.get(account)
        return None if watch is None else (watch.runner.state, self._accounts[account].policy.settings)


async def _sync_clock(exchange: Exchange) -> None:
    try:
        await exchange.sync_clock()
    finally:
        await exchange.aclose()


def remembered(
    loaded: Loaded, policy: Policy, now: datetime, operator: OperatorRead | None, channels_failing: int
) -> AccountState:
    """The state to start from: open alerts go on where they were, and time that nobody watched counts for nothing.

    Their data are missing until the first read: so they neither clear nor go on before. Bars and tiers hold as they
    were last read.
    """
    terms = remembered_terms(loaded.terms.values())
    return AccountState(
        account=policy.settings.account,
        started_at=now,
        bars=terms.bars,
        tiers=terms.tiers,
        remembered=frozenset({*([] if terms.bars is None else [CROSS]), *map(Scope, terms.tiers)}),
        alerts={a.key: replace(a, unknown_since=a.unknown_since or now) for a in loaded.alerts if a.state in OPEN},
        intents={i.id: i for i in loaded.intents},
        operator=operator if operator is not None else OperatorRead(),
        health=HealthRead(notifications_failing=channels_failing),
        # Whether charges are missing shows when the exchange is asked.
        interest=InterestRead(loaded.interest, None, now),
        pegs=loaded.pegs,
        followed=Followed(terms=loaded.terms, ledger_at=loaded.ledger_until),
    )


def _unexpected(error: BaseException) -> BaseException | None:
    """The error whose trace belongs in the log: bugs; what a person can mend is one line."""
    return None if isinstance(error, MonitorError) else error


def _told_to_people(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What ended the daemon: the one error with a mend, where there is one."""
    mendable = group.subgroup(MonitorError)
    error: BaseException = mendable if mendable is not None else group
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
