"""One account's bulkhead: its exchange session, poller, listener, runner and executor, and nobody else's."""

import asyncio
import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from monitor.clock import Clock
from monitor.core.engine.step import Ids, Policy
from monitor.core.metrics.valuation import newest_at
from monitor.core.model.events import ClockSetBack, CrossRead, Event, HealthRead, IsolatedRead, OperatorRead, Tick
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.journal import Entry
from monitor.core.model.reads import RecordReopened
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState
from monitor.core.state.scopes import needed_symbols, scopes
from monitor.exchange.port import Exchange, Streams
from monitor.runtime import pause_file
from monitor.runtime.account.account_owners import Owners
from monitor.runtime.account.account_reads import Reads
from monitor.runtime.account.activity_reads import SurroundingsWatch
from monitor.runtime.account.backlog import Backlog
from monitor.runtime.account.inbox import Inbox
from monitor.runtime.account.initial_reads import READ_WITHIN_S, ReadsInto, first_reads, within
from monitor.runtime.account.interest_reader import InterestWatch
from monitor.runtime.account.owner_lookup import Identifying
from monitor.runtime.account.poller import Poller, ReadOnce
from monitor.runtime.account.record_gaps import RecordWatch
from monitor.runtime.account.runner import Runner
from monitor.runtime.messages.notifier import Notifier
from monitor.runtime.orders.executor import Executor
from monitor.store.store import Store
from monitor.store.writes.journal import Committed
from monitor.view.documents.account import account_document

log = logging.getLogger(__name__)

DOUBTED = timedelta(seconds=2)
"""So much later than now may be a moment that the exchange tells, at speed 1: its time is known that well."""

DOUBT_EVERY_S = 5.0
"""Machine seconds between two measurements for that reason."""

FINISH_WITHIN_S = 3.0
"""Machine seconds that an orderly end gives to what still waits in the inbox."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """The intervals of the reads that are not paced by risk."""

    interest: timedelta = timedelta(hours=1)
    interest_rates: timedelta = timedelta(hours=1)
    liquidations: timedelta = timedelta(minutes=5)
    prices: timedelta = timedelta(minutes=10)
    transfers: timedelta = timedelta(minutes=10)
    """Also of the wallets, from which money can be brought in."""
    capital_flow: timedelta = timedelta(hours=1)
    index: timedelta = timedelta(minutes=10)
    reference_data: timedelta = timedelta(hours=6)
    key: timedelta = timedelta(hours=24)
    clock: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Collaborators:
    """What every account of the daemon shares."""

    store: Store
    clock: Clock
    scheduler: AsyncIOScheduler
    notifier: Notifier
    ids: Ids
    version: str
    owners: Owners


class AccountWatch:
    """Everything that runs for one account. A new one is made from the database after a failure."""

    def __init__(
        self,
        policy: Policy,
        exchange: Exchange,
        timetable: Timetable,
        state: AccountState,
        shared: Collaborators,
        backlog: Backlog | None = None,
        is_known: bool = True,
    ) -> None:
        """`is_known`: the state rests on what the store knows; `backlog` is what the store has not taken yet."""
        self.account = state.account
        self.has_read = False
        """Whether every read of the account was tried, and what came was judged, since this was begun."""
        self.has_answered = False
        """Whether a read of the account brought its figures since this was begun."""
        self._policy = policy
        self._exchange = exchange
        self._timetable = timetable
        self._shared = shared
        self.inbox = Inbox()
        self._identifying = Identifying(
            self.account, exchange, shared.store, shared.clock, shared.owners, self.inbox.put
        )
        self._may_ask = asyncio.Event()
        state = replace(state, health=self._claimed(state.health))
        self._stepped = asyncio.Event()
        self._doubted_at = -math.inf
        self._poller = Poller(shared.scheduler, shared.clock, self.account)
        reading = (exchange, policy.settings, shared.clock)
        interest = InterestWatch(*reading, shared.store, self.inbox.put, self._state)
        surroundings = SurroundingsWatch(*reading, self.inbox.put, self._state)
        acting = (policy.actions, policy.safety)
        self._record = RecordWatch(*reading, self.inbox.put, self._state, *acting)
        self._is_record_written = False
        self._reads_into: ReadsInto = lambda deliver, known: Reads(*reading, deliver, known, interest, surroundings)
        self._reads = self._reads_into(self._deliver, self._state)
        self._streams: Streams = exchange.streams(self.inbox.put)
        self._executor = Executor(
            account=self.account,
            exchange=exchange,
            store=shared.store,
            clock=shared.clock,
            policy=policy,
            deliver=self._deliver,
            state=self._state,
            claimed=self._claimed,
            wake_channels=shared.notifier.wake,
        )
        self.runner: Runner = Runner(
            state=state,
            policy=policy,
            store=shared.store,
            clock=shared.clock,
            inbox=self.inbox,
            ids=shared.ids,
            followers=self,
            live_document=self._live_document,
            machine_time=time.monotonic,
            backlog=backlog,
            is_known=is_known,
        )

    async def run(self) -> None:
        """Until cancelled, or until a part fails: then the whole bulkhead falls and is built anew."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.runner.run(), name=f"runner {self.account}")
                tasks.create_task(self._executor.run(), name=f"executor {self.account}")
                tasks.create_task(self._identifying.run(self._may_ask), name=f"owner {self.account}")
                await self._first_reads()
                self._may_ask.set()
                await self._decided()
                self.has_read = True
                self._poller.start(self._timetable_now())
                tasks.create_task(self._streams.run(), name=f"streams {self.account}")
                tasks.create_task(self._reads.keep_record(self._record), name=f"record {self.account}")
                tasks.create_task(self._reads.fill_interest(), name=f"interest {self.account}")
        except asyncio.CancelledError:
            # What arrived was delivered once: the exchange does not send it again.
            with suppress(TimeoutError):
                await asyncio.wait_for(self.runner.finish(), FINISH_WITHIN_S)
            raise
        finally:
            log.info(
                "account.stopped account=%s steps=%d conflated=%d",
                self.account,
                self.runner.steps,
                self.inbox.conflated + self._streams.conflated,
            )
            self._poller.stop()
            with suppress(Exception):
                await asyncio.wait_for(self._exchange.aclose(), timeout=5)

    def tick(self, operator: OperatorRead | None, health: HealthRead) -> None:
        """Time has passed: the daemon's heartbeat into this account's inbox. `health` is what the daemon knows."""
        offset = self._shared.clock.offset
        self.inbox.put(
            replace(
                self._claimed(health),
                clock_offset_s=None if offset is None else Decimal(offset // timedelta(milliseconds=1)) / 1000,
                weight_used=self._exchange.weight_used,
                pause_file=pause_file.is_there(self._policy.safety.pause_file),
            )
        )
        if operator is not None:
            self.inbox.put(operator)
        self.inbox.put(Tick())
        self._doubt_the_clock()

    @property
    def is_recorded(self) -> bool:
        """Whether the store knows of everything that was done in the account, up to now."""
        return self._is_record_written and self.runner.is_known and self.runner.state.record.open_since is None

    @property
    def orders(self) -> tuple[Intent, ...]:
        """The intents of the account, with what became of them up to now."""
        return tuple(self._executor.state().intents.values())

    def reopen_record(self, since: datetime) -> None:
        """Read anew what moved since then."""
        self.inbox.put(RecordReopened(since))

    def identify(self) -> None:
        """Look once more at what was done in the account under other names."""
        self._identifying.again()

    def _claimed(self, health: HealthRead) -> HealthRead:
        return self._shared.owners.over(self.account, health)

    def _deliver(self, event: Event) -> None:
        self._identifying.heard(event)
        self._take(event)

    def _take(self, event: Event) -> None:
        self.has_answered = self.has_answered or isinstance(event, CrossRead | IsolatedRead)
        self.inbox.put(event)

    def _doubt_the_clock(self) -> None:
        """Ask for the exchange's time when it told of a price at a moment that is still to come."""
        clock, newest, now_s = self._shared.clock, newest_at(self._state()), time.monotonic()
        if newest is None or newest - clock.now() < DOUBTED * clock.speed or now_s - self._doubted_at < DOUBT_EVERY_S:
            return
        self._doubted_at = now_s
        clock.distrust()
        self._poller.ask("clock")

    def restart(self, corrected_s: float) -> None:
        """Make every read at once and look for what is to be sent: the clock jumped, and was corrected by so much."""
        if corrected_s < 0:
            self.inbox.put(ClockSetBack(timedelta(seconds=-corrected_s)))
        self._poller.restart()
        self._executor.wake()

    def adopt(self, change: Callable[[AccountState, Backlog], AccountState]) -> None:
        """The store has become known; see Runner.adopt."""
        self.runner.adopt(change)
        # What is paid has to be recorded before it counts, which until now it could not be.
        self._poller.ask("interest")

    def settled(self, event: Event) -> None:
        """Something settled outside the account's own tasks, such as a person's verdict on an intent."""
        self.inbox.put(event)

    def committed(self, entry: Entry, committed: Committed) -> None:
        self._shared.notifier.hand(committed.deliveries)
        self._is_record_written = self._is_record_written or entry.known_until is not None
        if committed.before:
            # What it queued is found by looking.
            self._shared.notifier.wake(_named_channels(entry))
        if any(intent.state is IntentState.PLANNED for intent in entry.intents):
            self._executor.wake()

    def unrecorded(self, state: AccountState, entry: Entry) -> None:
        tell_unrecorded(self._shared.notifier, state, entry)

    def stepped(
        self, state: AccountState, wants: frozenset[str], intervals: Mapping[str, timedelta], reread: bool
    ) -> None:
        self._stepped.set()
        if state.record.open_since is not None:
            self._is_record_written = False
        for name in wants:
            self._poller.ask(name)
        if reread:
            self._streams.watch_pairs([scope.symbol for scope in scopes(state, self._policy.settings) if scope.symbol])
            self._streams.watch_prices(needed_symbols(state, self._policy.settings))
        for name, interval in intervals.items():
            self._poller.pace(name, interval)

    def _state(self) -> AccountState:
        return self.runner.state

    async def _first_reads(self) -> None:
        """The clock before anything is signed, then the accounts, so that streams know what to subscribe."""
        await within(READ_WITHIN_S, self._reads.clock())
        for event in await first_reads(self._reads_into, self._state(), self._policy.settings, self._shared.clock):
            self._take(event)

    async def _decided(self) -> None:
        """Wait until what was read is known, so that the streams begin with what they are to carry."""
        while self.runner.is_deciding or not self.inbox.is_empty:
            self._stepped.clear()
            await self._stepped.wait()

    def _timetable_now(self) -> Mapping[str, tuple[ReadOnce, timedelta]]:
        pace, table = self._policy.settings.pace, self._timetable
        intervals = {
            "cross": pace.cross,
            "isolated": pace.isolated,
            "prices": table.prices,
            "interest": table.interest,
            "interest_rates": table.interest_rates,
            "liquidations": table.liquidations,
            "spot": table.transfers,
            "funding": table.transfers,
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

    def _live_document(self, state: AccountState) -> str:
        return live_text(state, self._policy.settings, self._shared.clock, self._shared.version)


def tell_unrecorded(notifier: Notifier, state: AccountState, entry: Entry) -> None:
    """What could not be recorded is said from memory: alerts and notices."""
    alerts = {alert.id: alert for alert in (*state.alerts.values(), *entry.alerts)}
    known = tuple(told for told in entry.notifications if told.alert in alerts)
    notifier.hand_unrecorded(replace(entry, notifications=known), alerts.values())


def live_text(state: AccountState, settings: Settings, clock: Clock, version: str) -> str:
    """The account's status document, as readers find it in the store."""
    return json.dumps(account_document(state, settings, clock.now(), version), separators=(",", ":"))


def _named_channels(entry: Entry) -> frozenset[str]:
    told = [one.channels for one in entry.notifications] + [one.channels for one in entry.notices]
    return frozenset(name for channels in told for name in channels)
