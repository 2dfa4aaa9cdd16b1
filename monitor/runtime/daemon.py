"""The daemon: every account in its own bulkhead, one heartbeat for all, and an orderly start and end."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from monitor.clock import Clock
from monitor.core.model.alert import Severity
from monitor.core.model.events import IntentUpdated
from monitor.core.model.intent import FINAL_STATES
from monitor.core.model.journal import Notice
from monitor.core.notifications.throttling import LadderIndex
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.errors import StoreError
from monitor.runtime.account.account_owners import AccountOwners
from monitor.runtime.account.account_service import SharedServices
from monitor.runtime.account.account_share import AccountShare
from monitor.runtime.account.removed_accounts import RemovedAccounts
from monitor.runtime.account.supervisor import AccountMemory, AccountSupervisor, WatchedAccount
from monitor.runtime.activity_counters import ActivityCounters
from monitor.runtime.address_limits import AddressLimits
from monitor.runtime.clock_jumps import NOTIFY_FROM_S, ClockJumpWatch, Jump, LastClockCheck
from monitor.runtime.daemon_health import DaemonHealth
from monitor.runtime.heartbeat import HeartbeatSender, HeartbeatSettings
from monitor.runtime.id_allocator import IdAllocator
from monitor.runtime.messages.channel_queue import Channel
from monitor.runtime.messages.daily_report import DailyReport, ReportSettings
from monitor.runtime.messages.drills import DrillRunner
from monitor.runtime.messages.message_builder import MessageBuilder
from monitor.runtime.messages.message_memory import MessageMemory
from monitor.runtime.messages.notifier import Notifier
from monitor.runtime.past_services import PastServices
from monitor.runtime.replies.reply_service import ReplyContext, ReplyHealth, ReplyLoop, ReplyService
from monitor.runtime.shutdown import end_tasks, root_error
from monitor.runtime.start_time import measure_start_time
from monitor.runtime.store_session import StoreSession
from monitor.runtime.tick_loop import TickLoop
from monitor.store.store import Store
from monitor.store.writes.commands import Commands

log = logging.getLogger(__name__)

DRAIN_S, LAST_DRAIN_S = 5.0, 2.0
"""Machine seconds that the channels have at the end for what waits, and then for what was decided meanwhile."""

RELEASE_TIMEOUT_S = 3.0
"""Machine seconds that the store has, after a jump, to release all postponed deliveries for a new check."""

_WITHOUT_STORE = (
    "The database can't be used ({cause}). The daemon watches without it: nothing that moves money is done, alerts are "
    "sent from memory, and nothing is known of the time before the start. It goes on trying."
)


class Daemon:
    """The daemon of one process, with its accounts, channels and store; it runs until `stop`.

    Everything the daemon knows comes from the store and the exchange.
    """

    def __init__(
        self,
        accounts: Mapping[str, WatchedAccount],
        channels: tuple[Channel, ...],
        store: Store,
        clock: Clock,
        version: str,
        on_tick: Callable[[], None] = lambda: None,
        limits: AddressLimits | None = None,
        ladders: LadderIndex | None = None,
        heartbeat: HeartbeatSettings | None = None,
        report_settings: ReportSettings | None = None,
        folder: Path | None = None,
        memories: Mapping[str, AccountMemory] | None = None,
        removed: Mapping[str, WatchedAccount] | None = None,
        last_clock_check: LastClockCheck | None = None,
        public_url: str = "",
        counters: ActivityCounters | None = None,
        id_numbers: IdAllocator | None = None,
        messages: MessageMemory | None = None,
        reply_loops: tuple[ReplyLoop, ...] = (),
        history: timedelta = timedelta(),
    ) -> None:
        """`on_tick` is called whenever every running account has completed another tick.

        `memories` are the accounts' memories of the previous daemon in the same process. `removed` are the accounts of
        that daemon that are no longer in the configuration. `last_clock_check` is its last comparison of the clocks,
        `counters` are its counts, `messages` what it knows of its messages, and `id_numbers` its ids, some of which the
        store may not know yet. `public_url` is the page's address in messages; past prices are kept for `history`.
        """
        self.counters = counters if counters is not None else ActivityCounters()
        self._accounts = accounts
        self._store = store
        self._clock = clock
        self._channels = tuple(channel.name for channel in channels)
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        builder = MessageBuilder(store, clock, lambda name: self._supervisor.look_up_state(name), public_url)
        self._notifier = Notifier(
            channels, store, clock, builder, lambda n: self._supervisor.find_alert(n), ladders, self.counters, messages
        )
        self.message_memory = self._notifier.memory
        numbers = self.id_numbers = id_numbers if id_numbers is not None else IdAllocator(clock.now(), store.is_shared)
        self._clock_jumps = ClockJumpWatch(clock, self._on_clock_jump, last_clock_check)
        self._account_owners = AccountOwners(accounts)
        self.share = AccountShare(
            accounts,
            store,
            clock,
            self._account_owners,
            self._channels,
            self._supervise,
            lambda name: self._supervisor.drop(name),
            lambda: self._removed.names_in_use,
            self._notifier.wake,
            limits,
        )
        """The accounts that this daemon watches: all, or its share where several daemons divide them."""

        self._store_session = StoreSession(
            store,
            clock,
            version,
            self._channels,
            limits,
            numbers,
            self._apply_commands,
            self._on_store_loaded,
            folder,
            lambda: self._supervisor.recorded_accounts(),
            lambda name, since: self._supervisor.reopen_record(name, since),
            self.share,
        )
        self._shared = SharedServices(
            store, clock, self._scheduler, self._notifier, numbers.ids, version, self._account_owners, self.counters
        )
        self._supervisor = AccountSupervisor(
            accounts,
            self._shared,
            lambda: self._store_session.commands,
            lambda name: self._health.read(name),
            lambda: self._store_session.is_known,
            numbers,
            memories,
        )
        answers = ReplyContext(store, clock, ReplyHealth(), self._store_session.wake, self.notify)
        self._replies = ReplyService(reply_loops, answers)
        parts = self._supervisor, self._notifier, answers.health, store, self._store_session
        ticks = self._shared.budgets.ticks
        self._health = DaemonHealth(self.share.held, *parts, clock, ticks)
        ticked = self._supervisor, self._store_session, self._account_owners, self._health
        self._tick_loop = TickLoop(*ticked, clock, self.notify, on_tick, ticks)
        self._removed = RemovedAccounts(
            removed or {},
            self._channels,
            store,
            clock,
            lambda: self._store_session.is_known,
            self.notify,
            self._notifier.wake,
            lambda: self._supervisor.look_up_owners(),
        )
        self._heartbeats = [
            HeartbeatSender(each, clock, partial(self._health_problems, each.every)) for each in (heartbeat,) if each
        ]
        self._reports = [
            DailyReport(each, store, clock, version, self._notifier.wake) for each in (report_settings,) if each
        ]
        self._past_services = PastServices(history, self._shared, accounts, self._supervisor.services, self.notify)
        policies = {name: account.policy for name, account in accounts.items()}
        self._drills = DrillRunner(store, clock, policies, self.account_states, self._notifier.wake)
        self._stop = asyncio.Event()
        self.started_at: datetime | None = None

    def stop(self) -> None:
        """End in an orderly way as soon as possible."""
        self._stop.set()

    @property
    def is_ready(self) -> bool:
        """True if every account was read and evaluated since the start, or is known to be failing."""
        return self._tick_loop.is_ready

    @property
    def is_recording(self) -> bool:
        """True if the store is loaded and can be written."""
        return self._health.is_recording

    async def wait_until_ready(self) -> None:
        """Wait until the daemon is ready."""
        await self._tick_loop.wait_until_ready()

    @property
    def unread_accounts(self) -> frozenset[str]:
        """The accounts that run, but of which no read has brought any figures since the start."""
        return self._health.unread_accounts

    @property
    def failing_accounts(self) -> Mapping[str, str]:
        """The accounts that are down or fail again and again, each with the cause of its last failure."""
        return self._health.failing_accounts

    def latest_memories(self) -> Mapping[str, AccountMemory]:
        """Return the memories of all configured accounts, also of one that is down.

        They serve the next daemon of this process where the store has no states. Each call updates the same objects.
        """
        return self._supervisor.latest_memories()

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The configured channels."""
        return self._channels

    @property
    def last_clock_check(self) -> LastClockCheck:
        """The last comparison of the clocks, kept up to date, for the next daemon of this process."""
        return self._clock_jumps.last_check

    @property
    def watched_accounts(self) -> Mapping[str, WatchedAccount]:
        """The accounts that this daemon watches, and removed ones that still have open orders."""
        return {**self._removed.accounts, **self.share.held}

    def readiness_problems(self, stale_after: timedelta) -> tuple[str, ...]:
        """Return the reasons why the daemon is not ready; empty when all is well."""
        return self._health.readiness_problems(self.started_at, stale_after)

    @property
    def channel_problems(self) -> Mapping[str, str]:
        """The channels that do not work, and why."""
        return self._health.channel_problems

    def account_states(self) -> Mapping[str, AccountState]:
        """Return the present state of each account that is watched here."""
        return {name: watch.runner.state for name, watch in self._supervisor.services.items()}

    def settings(self, account: str) -> AccountSettings:
        """Return the settings that the account's figures depend on besides the exchange."""
        return self._accounts[account].policy.settings

    async def notify(self, severity: Severity, text: str) -> None:
        """Send a notice to all channels, recorded or not."""
        self._notifier.notify(Notice(severity, text, self._channels, self._clock.now()))

    async def run(self) -> None:
        """Run until `stop`. A clean start, a start after a crash and a start without the store are the same code.

        Raises errors that waiting can't cure.
        """
        is_open = await self._store_session.open()
        await measure_start_time(self._accounts.values())
        self.started_at = self._clock.now()
        self.counters.note_start(self.started_at)
        is_recording = is_open and await self._store_session.load()
        log.info("daemon.started accounts=%d recording=%s", len(self._accounts), is_recording)
        self._scheduler.start()
        for report in self._reports:
            report.start(self._scheduler)
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(self._notifier.run(), name="notifier"),
                    tasks.create_task(self._store_session.run(), name="storekeeper"),
                    tasks.create_task(self._drills.run(), name="drills"),
                    tasks.create_task(self._replies.run(), name="replies"),
                    *(tasks.create_task(sender.run(), name="pulse") for sender in self._heartbeats),
                ]
                deciding = [
                    tasks.create_task(self._past_services.run(), name="past"),
                    tasks.create_task(self._tick_loop.run(), name="heartbeat"),
                    tasks.create_task(self._clock_jumps.run(), name="clock"),
                    tasks.create_task(self.share.run(), name="accounts"),
                    *(tasks.create_task(self._removed.settle(n), name=f"leaving {n}") for n in self._removed.accounts),
                ]
                if not is_recording:
                    cause = self._store_session.trouble or "no answer"
                    await self.notify("critical", _WITHOUT_STORE.format(cause=cause))
                await self._stop.wait()
                await self._notifier.drain(DRAIN_S)
                await end_tasks(deciding)  # What the accounts decide until they end is sent as well.
                await self._notifier.drain(LAST_DRAIN_S)
                await end_tasks(running[:1])  # It writes what is left while the store is still held.
                for task in running:
                    task.cancel()
        except BaseExceptionGroup as group:
            raise root_error(group) from group
        finally:
            self._scheduler.shutdown(wait=False)
            log.info("daemon.stopped")

    async def _on_clock_jump(self, jump: Jump) -> None:
        """Restart everything that waits for a moment and read everything again: no clock change stops anything."""
        for watch in self._supervisor.services.values():
            watch.restart(jump.corrected_s)
        for report in self._reports:
            report.restart()
        try:
            with suppress(StoreError, TimeoutError):
                async with asyncio.timeout(RELEASE_TIMEOUT_S):
                    if jump.corrected_s:
                        await self._store_session.restore_bans()
                    await self._store.release_postponed_deliveries(self._clock.now())
        finally:  # Also where a stop or a reload interrupts it: the next daemon does not find this jump again.
            self._notifier.release(jump.corrected_s)
            if abs(jump.seconds) >= NOTIFY_FROM_S * self._clock.speed:
                await self.notify("warning", jump.text)

    async def _on_store_loaded(self, is_first: bool) -> None:
        """Restore channels and accounts from the store once it is loaded. Raises StoreError."""
        if is_first:
            await self._notifier.restore()
        await self._removed.close_unconfigured(self._accounts, again=is_first)
        await self._supervisor.merge_store(is_first)
        if is_first:
            self._supervisor.look_up_owners()

    def _apply_commands(self, commands: Commands) -> None:
        """Apply the commands of people other than acks, silences and the pause, which each account applies itself."""
        if self._store.is_leader:
            self._drills.enqueue(commands.drills)
        self._tick_loop.wake()
        self._replies.wake()
        if commands.settled_intents:
            # The notice of an intent that a person settled is sent by the daemon that runs.
            self._notifier.wake(self._channels)
        if any(intent.account not in self._accounts for intent in commands.settled_intents):
            # Orders under another name may count against the limits of a watched account.
            self._supervisor.look_up_owners()
        for intent in commands.settled_intents:
            watch = self._supervisor.services.get(intent.account)
            if watch is None:
                continue
            known = watch.runner.state.intents.get(intent.id)
            # A command that was read earlier never undoes a state that was settled since.
            if known is None or known.state not in FINAL_STATES:
                watch.deliver_event(IntentUpdated(intent))

    async def _supervise(self, name: str) -> None:
        self._health.note_steps((name,))
        await self._supervisor.supervise(name)

    def _health_problems(self, ping_interval: timedelta) -> tuple[str, ...]:
        return self._health.problems(self.started_at, ping_interval)
