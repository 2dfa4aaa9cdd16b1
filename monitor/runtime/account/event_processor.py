"""The runner of one account: decides on events in order, one clock reading each, and commits before it acts."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from monitor.clock import Clock
from monitor.core.engine.step import IdSource, Policy, step
from monitor.core.metrics.snapshot import MetricsSnapshot
from monitor.core.model.events import CrossRead, Event, IsolatedRead, PricesRead, Tick
from monitor.core.model.journal import JournalEntry
from monitor.core.state.account_state import AccountState
from monitor.errors import AccountNotHeld, StoreError, StoreRefused
from monitor.runtime.account.inbox import Inbox
from monitor.runtime.account.journal_backlog import (
    BacklogEntry,
    JournalBacklog,
    has_decisions,
    merge_entries,
    split_entry,
)
from monitor.runtime.account.live_document import LiveDocumentWriter
from monitor.runtime.activity_counters import ActivityCounters
from monitor.runtime.load.time_budget import TimeBudgets
from monitor.store.store import Store
from monitor.store.writes.journal import CommitResult

log = logging.getLogger(__name__)

REPLAY_BATCH = 500
"""Most events of the spill file in one commit."""

MAX_REPLAYS = 4
"""Most commits of spilled events in a row, so that new events are decided in between."""


class StepListener(Protocol):
    """The receiver of the results of a step. No method may block."""

    def on_committed(self, entry: JournalEntry, committed: CommitResult) -> None: ...

    def on_unrecorded(self, state: AccountState, entry: JournalEntry) -> None: ...

    def on_step(
        self, state: AccountState, requested_reads: frozenset[str], intervals: Mapping[str, timedelta], reread: bool
    ) -> None: ...


class EventProcessor:
    """The loop of one account: take events, decide, commit, and only then notify the listener.

    While the store fails the daemon goes on deciding and notifying. Decisions are kept in memory, and committed first
    when the store works again; the events wait in a file, which outlives the process, and follow in their order. An
    account that began without the store commits nothing before its state was merged with the store's.
    """

    def __init__(
        self,
        state: AccountState,
        policy: Policy,
        store: Store,
        clock: Clock,
        inbox: Inbox,
        ids: IdSource,
        listener: StepListener,
        live_document: Callable[[AccountState, MetricsSnapshot], str],
        machine_time: Callable[[], float],
        backlog: JournalBacklog | None = None,
        is_known: bool = True,
        counters: ActivityCounters | None = None,
        budgets: TimeBudgets | None = None,
    ) -> None:
        """`is_known`: the state is based on the store's. `budgets` are those of all accounts of the daemon."""
        self.state = state
        self.last_metrics: MetricsSnapshot | None = None
        """The metrics of all subjects, as measured last: at a tick, or after a read."""
        self.is_known = is_known
        self._policy = policy
        self._store = store
        self._clock = clock
        self._inbox = inbox
        self._ids = ids
        self._listener = listener
        self._machine_time = machine_time
        self._backlog = backlog if backlog is not None else JournalBacklog()
        self._spill = store.spill(state.account)
        self._budgets = budgets if budgets is not None else TimeBudgets()
        self._live = LiveDocumentWriter(store, clock, machine_time, live_document, self._budgets.documents)
        self._counters = counters if counters is not None else ActivityCounters()
        self.steps = 0
        self.ticks = 0
        self.ticked_at: datetime | None = None
        """When the last tick was completed; None before the first."""
        self.is_deciding = False
        """True if events were taken of which the listener was not notified yet."""

    async def run(self) -> None:
        """Run until cancelled. A commit that has begun is completed all the same."""
        while True:
            batch = self._decide(await self._inbox.take())
            # A price that changes nothing, as nearly every one, leaves nothing to wait for.
            if self._has_work(batch):
                await _run_shielded(self._record(batch))
            self._notify_listener(batch)

    async def drain(self) -> None:
        """Decide on all waiting events and commit the result."""
        while not self._inbox.is_empty:
            await self.process(await self._inbox.take())
        await self._write_waiting()
        await self._live.finish()

    async def process(self, events: Iterable[Event]) -> None:
        """Decide on each event in order, then commit everything as one entry and notify the listener."""
        batch = self._decide(events)
        await self._record(batch)
        self._notify_listener(batch)

    def _decide(self, events: Iterable[Event]) -> "_Batch":
        self.is_deciding = True
        batch = _Batch()
        for event in events:
            began = self._machine_time()
            done = step(self.state, event, self._policy, self._clock.now(), self._ids)
            if not isinstance(event, PricesRead):
                self._counters.count_step(self.state, event, done.entry)
            self.state = done.state
            if done.metrics is not None:
                self.last_metrics = batch.metrics = done.metrics
            batch.requested_reads |= done.requested_reads
            batch.intervals = done.intervals or batch.intervals
            batch.reread = batch.reread or isinstance(event, (CrossRead, IsolatedRead))
            self.steps += 1
            if isinstance(event, Tick):
                batch.ticked = True
                self._budgets.ticks.note_cost(self.state.account, self._machine_time() - began)
            if not done.entry.is_empty:
                batch.entries.append(done.entry)
        return batch

    def merge_store(self, change: Callable[[AccountState, JournalBacklog], AccountState]) -> None:
        """Merge the state with the store's; from now on everything is committed."""
        self.state = change(self.state, self._backlog)
        self.is_known = True

    @property
    def _can_write(self) -> bool:
        return self.is_known and not self._store.is_failing

    def _has_work(self, batch: "_Batch") -> bool:
        if batch.entries:
            return True
        return self._can_write and not (self._backlog.is_empty and self._spill.is_empty)

    async def _record(self, batch: "_Batch") -> None:
        if batch.entries:
            await self._commit(merge_entries(batch.entries))
        else:
            await self._write_waiting()
        if self._can_write and not self._spill.is_empty:
            await self._replay()

    def _notify_listener(self, batch: "_Batch") -> None:
        has_decided = any(entry.transitions or entry.intent_steps for entry in batch.entries)
        self._live.refresh(self.state, batch.metrics, has_decided=has_decided, can_write=self._can_write)
        if batch.ticked:
            self.ticks += 1
            self.ticked_at = self._clock.now()
        self.is_deciding = False
        self._listener.on_step(self.state, batch.requested_reads, batch.intervals, batch.reread)

    async def _commit(self, entry: JournalEntry) -> None:
        """Write the entry after all waiting ones, or keep it and notify the listener from memory."""
        waits_behind = entry.events and (not self._can_write or not self._spill.is_empty)
        self._backlog.add(entry)
        if waits_behind:
            await self._spill_events()
        if not self._can_write:
            self._report_unrecorded(entry)
            return
        try:
            await self._write_backlog()
        except StoreRefused:
            # The database and this account's state differ. People are notified all the same.
            self._report_unrecorded(entry)
            raise
        except StoreError as error:
            log.error("store.failing account=%s cause=%s", entry.account, error)
            self._report_unrecorded(entry)
            await self._spill_events()

    async def _write_waiting(self) -> None:
        """Write the waiting entries, if possible."""
        if self._backlog.is_empty or not self._can_write:
            return
        try:
            await self._write_backlog()
        except StoreRefused:
            raise
        except StoreError as error:
            log.error("store.failing account=%s cause=%s", self.state.account, error)

    async def _write_backlog(self) -> None:
        """Commit all waiting entries, one by one. Raises StoreError: the rest goes on waiting.

        Raises StoreRefused when the store refuses a decision: then it knows better than this account.
        """
        while (waiting := self._backlog.first()) is not None:
            try:
                committed = await self._store.commit(waiting.entry, waiting.mark)
            except StoreRefused as error:
                self._drop_refused(waiting, error)
            else:
                self._backlog.replace_tried(waiting)
                self._listener.on_committed(waiting.entry, committed)

    def _drop_refused(self, waiting: BacklogEntry, error: StoreRefused) -> None:
        """Split an entry that can't be stored; give up only the part that is refused, and write everything else."""
        account = waiting.entry.account
        if not waiting.is_part:
            log.error("entry.parted account=%s cause=%s", account, error)
            self._backlog.replace_tried(waiting, split_entry(waiting.entry))
            return
        self._backlog.replace_tried(waiting)
        log.error("entry.refused account=%s cause=%s part=%s", account, error, _describe_part(waiting.entry))
        if has_decisions(waiting.entry):
            raise error
        if waiting.entry.notices:
            self._report_unrecorded(waiting.entry)

    def _report_unrecorded(self, entry: JournalEntry) -> None:
        self._backlog.rewrite(lambda kept: replace(kept, samples=(), live=None))
        self._listener.on_unrecorded(self.state, entry)

    async def _spill_events(self) -> None:
        """Move waiting events to the spill file; keep them in memory where the file can't be used."""
        events = self._backlog.take_events()
        if not events:
            return
        try:
            await self._store.run_file_work(lambda: self._spill.append(events))
        except StoreError as error:
            log.error("spill.failing account=%s cause=%s", self.state.account, error)
            self._backlog.add(JournalEntry(account=self.state.account, at=self._clock.now(), events=events))

    async def _replay(self) -> None:
        """Commit events of the spill file, as many as allowed in a row."""
        account = self.state.account
        for _ in range(MAX_REPLAYS):
            try:
                events, mark = await self._store.run_file_work(lambda: self._spill.read(REPLAY_BATCH))
            except StoreError as error:
                log.error("spill.failing account=%s cause=%s", account, error)
                return
            try:
                await self._write_events(JournalEntry(account=account, at=self._clock.now(), events=events))
                await self._store.run_file_work(partial(self._spill.drop, mark))
            except StoreError as error:
                log.error("spill.failing account=%s cause=%s", account, error)
                return
            if self._spill.is_empty:
                log.warning("spill.replayed account=%s", account)
                return

    async def _write_events(self, entry: JournalEntry) -> None:
        """Commit spilled events. Events given twice are stored once; one that is refused is given up.

        Raises AccountNotHeld: this daemon may write them once it holds the account again.
        """
        try:
            self._listener.on_committed(entry, await self._store.commit(entry))
        except AccountNotHeld:
            raise
        except StoreRefused as error:
            parts = list(split_entry(entry))
            if len(parts) == 1:
                log.error("entry.refused account=%s cause=%s part=%s", entry.account, error, _describe_part(entry))
                return
            for part in parts:
                await self._write_events(part)


@dataclass(slots=True)
class _Batch:
    """The results of the events of one batch."""

    entries: list[JournalEntry] = field(default_factory=list)
    requested_reads: frozenset[str] = frozenset()
    intervals: Mapping[str, timedelta] = field(default_factory=dict)
    reread: bool = False
    ticked: bool = False
    metrics: MetricsSnapshot | None = None
    """The last metrics of all subjects that one of the events gave."""


async def _run_shielded(work: Coroutine[object, object, None]) -> None:
    """Complete `work` even when the wait for it is cancelled."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def _describe_part(part: JournalEntry) -> str:
    events = [f"event {event.key}" for event in part.events]
    samples = [f"sample {sample.scope} {sample.metric}" for sample in part.samples]
    return ", ".join([*events, *samples]) or "other"
