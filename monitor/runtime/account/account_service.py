"""One account's bulkhead: its own exchange session, streams, poller, runner and executor."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from monitor.clock import Clock, machine_now
from monitor.core.engine.step import IdSource, Policy
from monitor.core.model.events import ClockSetBack, CommandsRead, CrossRead, Event, HealthRead, IsolatedRead, Tick
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.journal import JournalEntry
from monitor.core.model.reads import GapReopened
from monitor.core.state.account_state import AccountState
from monitor.core.state.scopes import needed_symbols, watched_scopes
from monitor.exchange.port import Exchange, Streams
from monitor.runtime import pause_file
from monitor.runtime.account.account_owners import AccountOwners
from monitor.runtime.account.account_reads import AccountReads
from monitor.runtime.account.activity_reads import ActivityReader
from monitor.runtime.account.event_processor import EventProcessor
from monitor.runtime.account.inbox import Inbox
from monitor.runtime.account.initial_reads import SCOPES_TIMEOUT_S, ReadsFactory, make_initial_reads, run_within
from monitor.runtime.account.interest_reader import InterestReader
from monitor.runtime.account.journal_backlog import JournalBacklog
from monitor.runtime.account.live_document import render_live_document
from monitor.runtime.account.owner_lookup import OwnerLookup
from monitor.runtime.account.poller import Poller, ReadIntervals, ReadOnce
from monitor.runtime.account.record_gaps import RecordGapReader
from monitor.runtime.account.reference_reads import ReferenceReader
from monitor.runtime.activity_counters import ActivityCounters
from monitor.runtime.load.start_gate import StartGate
from monitor.runtime.load.time_budget import TimeBudgets
from monitor.runtime.messages.notifier import Notifier
from monitor.runtime.orders.executor import Executor
from monitor.store.store import Store
from monitor.store.writes.journal import CommitResult

log = logging.getLogger(__name__)

MAX_CLOCK_LEAD = timedelta(seconds=2)
"""A moment that the exchange sends may be this much later than now, at speed 1: its time is known that well."""

CLOCK_CHECK_EVERY_S = 5.0
"""Machine seconds between two measurements for that reason."""

DRAIN_TIMEOUT_S = 3.0
"""Machine seconds that an orderly end gives to the events in the inbox."""


@dataclass(frozen=True, slots=True)
class SharedServices:
    """Services that all accounts of the daemon share."""

    store: Store
    clock: Clock
    scheduler: AsyncIOScheduler
    notifier: Notifier
    ids: IdSource
    version: str
    account_owners: AccountOwners
    counters: ActivityCounters
    budgets: TimeBudgets = field(default_factory=TimeBudgets)
    start_gate: StartGate = field(default_factory=StartGate)
    reads_since: datetime = field(default_factory=machine_now)
    """Start of the grid on which all accounts make the reads about the market."""


class AccountService:
    """The parts that run for one account. After a failure a new service is made from the database."""

    def __init__(
        self,
        policy: Policy,
        exchange: Exchange,
        read_intervals: ReadIntervals,
        state: AccountState,
        shared: SharedServices,
        backlog: JournalBacklog | None = None,
        is_known: bool = True,
    ) -> None:
        """`is_known`: the state is based on the store's; `backlog` holds the entries not yet in the store."""
        self.account = state.account
        self.has_read = False
        """True if every read of the account was tried, and its result evaluated, since the start of this service."""
        self.has_answered = False
        """True if a read of the account brought its figures since the start of this service."""
        self._policy = policy
        self._exchange = exchange
        self._read_intervals = read_intervals
        self._shared = shared
        self.inbox = Inbox()
        self._owner_lookup = OwnerLookup(
            self.account, exchange, shared.store, shared.clock, shared.account_owners, self.inbox.put
        )
        self._may_identify = asyncio.Event()
        state = replace(state, health=self._with_owner(state.health))
        self._step_done = asyncio.Event()
        self._clock_checked_at = -math.inf
        self._poller = Poller(shared.scheduler, shared.clock, self.account, shared.reads_since)
        reading = (exchange, policy.settings, shared.clock)
        interest = InterestReader(*reading, shared.store, self.inbox.put, self._state)
        activity = ActivityReader(*reading, self.inbox.put, self._state)
        reference = ReferenceReader(*reading, self.inbox.put, self._state)
        self._gap_reader = RecordGapReader(*reading, self.inbox.put, self._state, policy.actions, policy.safety)
        self._is_record_written = False
        self._make_reads: ReadsFactory = lambda deliver, known: AccountReads(
            *reading, deliver, known, interest, activity, reference, shared.counters
        )
        self._reads = self._make_reads(self._deliver, self._state)
        self._streams: Streams = exchange.create_streams(self.inbox.put)
        self._executor = Executor(
            account=self.account,
            exchange=exchange,
            store=shared.store,
            clock=shared.clock,
            policy=policy,
            deliver=self._deliver,
            state=self._state,
            with_owner=self._with_owner,
            wake_channels=shared.notifier.wake,
        )
        self.runner: EventProcessor = EventProcessor(
            state=state,
            policy=policy,
            store=shared.store,
            clock=shared.clock,
            inbox=self.inbox,
            ids=shared.ids,
            listener=self,
            live_document=partial(render_live_document, version=shared.version),
            machine_time=time.monotonic,
            backlog=backlog,
            is_known=is_known,
            counters=shared.counters,
            budgets=shared.budgets,
        )

    async def run(self) -> None:
        """Run until cancelled, or until a part fails: then the whole bulkhead fails and is built anew."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.runner.run(), name=f"runner {self.account}")
                tasks.create_task(self._executor.run(), name=f"executor {self.account}")
                tasks.create_task(self._owner_lookup.run(self._may_identify), name=f"owner {self.account}")
                await self._make_initial_reads()
                self._may_identify.set()
                await self._wait_until_decided()
                self.has_read = True
                self._poller.start(self._schedule())
                tasks.create_task(self._streams.run(), name=f"streams {self.account}")
                tasks.create_task(self._reads.read_record_gaps(self._gap_reader), name=f"record {self.account}")
                tasks.create_task(self._reads.backfill_interest(), name=f"interest {self.account}")
        except asyncio.CancelledError:
            # Received events are not sent again by the exchange.
            with suppress(TimeoutError):
                await asyncio.wait_for(self.runner.drain(), DRAIN_TIMEOUT_S)
            raise
        finally:
            log.info(
                "account.stopped account=%s steps=%d conflated=%d",
                self.account,
                self.runner.steps,
                self.inbox.conflated + self._streams.conflated,
            )
            self._poller.stop()
            self._shared.budgets.drop(self.account)
            with suppress(Exception):
                await asyncio.wait_for(self._exchange.aclose(), timeout=5)

    def tick(self, commands: CommandsRead | None, health: HealthRead) -> None:
        """Put a tick into the inbox, with `commands` that are new and `health` as the daemon knows it."""
        offset = self._shared.clock.offset
        self.inbox.put(
            replace(
                self._with_owner(health),
                clock_offset_s=None if offset is None else Decimal(offset // timedelta(milliseconds=1)) / 1000,
                weight_used=self._exchange.weight_used,
                pause_file=pause_file.exists(self._policy.safety.pause_file),
            )
        )
        if commands is not None:
            self.inbox.put(commands)
        self.inbox.put(Tick())
        self._check_clock()

    @property
    def exchange(self) -> Exchange:
        """The account's session with the exchange, for reads that serve all accounts."""
        return self._exchange

    @property
    def is_recorded(self) -> bool:
        """True if the store knows everything that was done in the account, up to now."""
        return self._is_record_written and self.runner.is_known and self.runner.state.record_coverage.gap_since is None

    @property
    def intents(self) -> tuple[Intent, ...]:
        """The intents of the account in their present states."""
        return tuple(self._executor.state().intents.values())

    def reopen_record(self, since: datetime) -> None:
        """Read again the movements since `since`."""
        self.inbox.put(GapReopened(since))

    def look_up_owner(self) -> None:
        """Look up again the actions taken in the account under other names."""
        self._owner_lookup.request()

    def _with_owner(self, health: HealthRead) -> HealthRead:
        return self._shared.account_owners.with_owner(self.account, health)

    def _deliver(self, event: Event) -> None:
        self._owner_lookup.note_key_read(event)
        self._take_event(event)

    def _take_event(self, event: Event) -> None:
        self.has_answered = self.has_answered or isinstance(event, CrossRead | IsolatedRead)
        self.inbox.put(event)

    def _check_clock(self) -> None:
        """Measure the exchange's time when the newest price is stamped with a moment in the future."""
        clock, newest, now_s = self._shared.clock, self._state().prices.newest_at, time.monotonic()
        if (
            newest is None
            or newest - clock.now() < MAX_CLOCK_LEAD * clock.speed
            or now_s - self._clock_checked_at < CLOCK_CHECK_EVERY_S
        ):
            return
        self._clock_checked_at = now_s
        clock.invalidate()
        self._poller.request("clock")

    def restart(self, corrected_s: float) -> None:
        """Make every read at once and wake the executor after a clock jump that corrected the time by `corrected_s`."""
        if corrected_s < 0:
            self.inbox.put(ClockSetBack(timedelta(seconds=-corrected_s)))
        self._poller.restart()
        self._executor.wake()

    def merge_store(self, change: Callable[[AccountState, JournalBacklog], AccountState]) -> None:
        """Merge the state with the store's once the store is loaded; see `EventProcessor.merge_store`."""
        self.runner.merge_store(change)
        # Interest must be recorded before it counts, which was not possible until now.
        self._poller.request("interest")

    def deliver_event(self, event: Event) -> None:
        """Put in an event from outside the account's own tasks, such as a person's verdict on an intent."""
        self.inbox.put(event)

    def on_committed(self, entry: JournalEntry, committed: CommitResult) -> None:
        self._shared.notifier.push(committed.deliveries)
        self._is_record_written = self._is_record_written or entry.known_until is not None
        if committed.already_written:
            # The deliveries that the first write queued are found in the store.
            self._shared.notifier.wake(_channels_of(entry))
        if any(intent.state is IntentState.PLANNED for intent in entry.intents):
            self._executor.wake()

    def on_unrecorded(self, state: AccountState, entry: JournalEntry) -> None:
        send_unrecorded(self._shared.notifier, state, entry)

    def on_step(
        self, state: AccountState, requested_reads: frozenset[str], intervals: Mapping[str, timedelta], reread: bool
    ) -> None:
        self._step_done.set()
        if state.record_coverage.gap_since is not None:
            self._is_record_written = False
        for name in requested_reads:
            self._poller.request(name)
        if reread:
            self._streams.watch_pairs(
                [scope.symbol for scope in watched_scopes(state, self._policy.settings) if scope.symbol]
            )
            self._streams.watch_prices(needed_symbols(state, self._policy.settings))
        for name, interval in intervals.items():
            self._poller.set_interval(name, interval)

    def _state(self) -> AccountState:
        return self.runner.state

    async def _make_initial_reads(self) -> None:
        """Read the clock before anything is signed, then the accounts, so that the streams know their subscriptions."""
        await self._shared.start_gate.enter()
        await run_within(SCOPES_TIMEOUT_S, self._reads.sync_clock())
        for event in await make_initial_reads(
            self._make_reads, self._state(), self._policy.settings, self._shared.clock
        ):
            self._take_event(event)

    async def _wait_until_decided(self) -> None:
        """Wait until all reads are applied, so that the streams begin with the right subscriptions."""
        while self.runner.is_deciding or not self.inbox.is_empty:
            self._step_done.clear()
            await self._step_done.wait()

    def _schedule(self) -> Mapping[str, tuple[ReadOnce, timedelta]]:
        pace, table = self._policy.settings.poll_intervals, self._read_intervals
        intervals = {
            "cross": pace.cross,
            "isolated": pace.isolated,
            "prices": table.prices,
            "interest": table.interest,
            "interest_rates": table.interest_rates,
            "liquidations": table.liquidations,
            "spot": table.wallets,
            "funding": table.wallets,
            "transfers": table.transfers,
            "capital_flow": table.capital_flow,
            "index": table.index,
            "orders": table.reference_data,
            "liquidation_loan": table.reference_data,
            "reference_data": table.reference_data,
            "markets": table.reference_data,
            "key": table.key,
            "clock": table.clock,
        }
        return {name: (read, intervals[name]) for name, read in self._reads.by_name().items()}


def send_unrecorded(notifier: Notifier, state: AccountState, entry: JournalEntry) -> None:
    """Send from memory the alerts and notices that could not be recorded."""
    alerts = {alert.id: alert for alert in (*state.alerts.values(), *entry.alerts)}
    known = tuple(told for told in entry.notifications if told.alert in alerts)
    notifier.push_unrecorded(replace(entry, notifications=known), alerts.values())


def _channels_of(entry: JournalEntry) -> frozenset[str]:
    names = [notification.channels for notification in entry.notifications]
    names += [notice.channels for notice in entry.notices]
    return frozenset(name for channels in names for name in channels)
