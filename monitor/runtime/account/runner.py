"""One account's only decider: events in order, one clock reading each, everything committed before it leaves."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Protocol

from monitor.clock import Clock
from monitor.core.engine.step import Ids, Policy, step
from monitor.core.model.events import CrossRead, Event, IsolatedRead, Tick
from monitor.core.model.journal import Entry
from monitor.core.state.account_state import AccountState
from monitor.errors import StoreError, StoreRefused
from monitor.runtime.account.backlog import Backlog, Waiting, is_decided, merged, parts_of
from monitor.runtime.account.inbox import Inbox
from monitor.store.store import Store
from monitor.store.writes.journal import Committed

log = logging.getLogger(__name__)

LIVE_EVERY_S = 1.0
"""The live document is written at most this often (machine seconds)."""

LIVE_AFTER_S = 0.1
"""How long it waits after something was decided (machine seconds)."""

AT_ONCE = 500
"""Events in one commit of those that waited in the file."""

REPLAYS = 4
"""Commits of those at most in a row, so that what is new is judged in between."""


class Followers(Protocol):
    """Who has to know what a step brought about. None of them may block."""

    def committed(self, entry: Entry, committed: Committed) -> None: ...

    def unrecorded(self, state: AccountState, entry: Entry) -> None: ...

    def stepped(
        self, state: AccountState, wants: frozenset[str], intervals: Mapping[str, timedelta], reread: bool
    ) -> None: ...


class Runner:
    """Takes from the inbox, decides, commits, and only then lets others act.

    While the store fails the daemon goes on seeing and warning. What was decided is kept in memory, and committed
    first when the store is back; the events wait in a file, which outlives the process, and follow in their order.
    An account that was begun without the store commits nothing before it was told what the store knows of it.
    """

    def __init__(
        self,
        state: AccountState,
        policy: Policy,
        store: Store,
        clock: Clock,
        inbox: Inbox,
        ids: Ids,
        followers: Followers,
        live_document: Callable[[AccountState], str],
        machine_time: Callable[[], float],
        backlog: Backlog | None = None,
        is_known: bool = True,
    ) -> None:
        """`is_known`: the state rests on what the store knows of the account."""
        self.state = state
        self.is_known = is_known
        self._policy = policy
        self._store = store
        self._clock = clock
        self._inbox = inbox
        self._ids = ids
        self._followers = followers
        self._live_document = live_document
        self._machine_time = machine_time
        self._live = ""
        self._live_at = float("-inf")
        self._live_from = float("-inf")
        self._living: asyncio.Task[None] | None = None
        self._backlog = backlog if backlog is not None else Backlog()
        self._spill = store.spill(state.account)
        self.steps = 0
        self.ticks = 0
        self.is_deciding = False
        """Whether events were taken of which the followers have not heard yet."""

    async def run(self) -> None:
        """Until cancelled. What was being committed then is committed all the same."""
        while True:
            decided = self._decide(await self._inbox.take())
            # A price that changes nothing, which is nearly every one, leaves nothing to wait for.
            if self._has_work(decided):
                await _to_its_end(self._remember(decided))
            self._tell(decided)

    async def finish(self) -> None:
        """Decide on what still waits, and commit it."""
        while not self._inbox.is_empty:
            await self.handle(await self._inbox.take())
        await self._catch_up()
        if self._living is not None:
            await self._living

    async def handle(self, events: Iterable[Event]) -> None:
        """Decide on each event in order, then commit all of it as one entry and tell the others."""
        decided = self._decide(events)
        await self._remember(decided)
        self._tell(decided)

    def _decide(self, events: Iterable[Event]) -> "_Decided":
        self.is_deciding = True
        decided = _Decided()
        for event in events:
            done = step(self.state, event, self._policy, self._clock.now(), self._ids)
            self.state = done.state
            decided.wants |= done.wants
            decided.intervals = done.intervals or decided.intervals
            decided.reread = decided.reread or isinstance(event, (CrossRead, IsolatedRead))
            self.steps += 1
            decided.ticked = decided.ticked or isinstance(event, Tick)
            if not done.entry.is_empty:
                decided.entries.append(done.entry)
        return decided

    def adopt(self, change: Callable[[AccountState, Backlog], AccountState]) -> None:
        """The store has become known: the state goes on from what it knows, and from now on everything is committed."""
        self.state = change(self.state, self._backlog)
        self.is_known = True

    @property
    def _can_write(self) -> bool:
        return self.is_known and not self._store.failing

    def _has_work(self, decided: "_Decided") -> bool:
        if decided.entries:
            return True
        return self._can_write and not (self._backlog.is_empty and self._spill.is_empty)

    async def _remember(self, decided: "_Decided") -> None:
        if decided.entries:
            await self._commit(merged(decided.entries))
        else:
            await self._catch_up()
        if self._can_write and not self._spill.is_empty:
            await self._replay()

    def _tell(self, decided: "_Decided") -> None:
        self._keep_living(any(entry.transitions or entry.intent_steps for entry in decided.entries))
        self.ticks += decided.ticked
        self.is_deciding = False
        self._followers.stepped(self.state, decided.wants, decided.intervals, decided.reread)

    def _keep_living(self, told: bool) -> None:
        """Write the live document and the present values of open alerts, when they are due and have changed.

        After what was decided, and after what was told of it has had a moment to leave: no alert waits for a picture of
        the whole account, nor does the next price for its being written.
        """
        now = self._machine_time()
        if told:
            self._live_from = now + LIVE_AFTER_S
        is_due = now - self._live_at >= LIVE_EVERY_S and now >= self._live_from
        if not is_due or not self._can_write or (self._living is not None and not self._living.done()):
            return
        self._live_at = now
        live = self._live_document(self.state)
        if live == self._live:
            return
        self._live = live
        alerts = tuple(self.state.alerts.values())
        entry = Entry(account=self.state.account, at=self._clock.now(), live=live, alerts=alerts)
        self._living = asyncio.create_task(self._write_live(entry), name=f"live {self.state.account}")

    async def _write_live(self, entry: Entry) -> None:
        try:
            await self._store.commit(entry)
        except StoreError as error:
            # The next one takes its place.
            self._live = ""
            log.error("live.unwritten account=%s cause=%s", entry.account, error)

    async def _commit(self, entry: Entry) -> None:
        """Write the entry after all that waits, or keep it and tell of it from memory."""
        waits_behind = entry.events and (not self._can_write or not self._spill.is_empty)
        self._backlog.add(entry)
        if waits_behind:
            await self._put_aside()
        if not self._can_write:
            self._without_store(entry)
            return
        try:
            await self._write_backlog()
        except StoreRefused:
            # The database does not stand where this account believes. People hear all the same.
            self._without_store(entry)
            raise
        except StoreError as error:
            log.error("store.failing account=%s cause=%s", entry.account, error)
            self._without_store(entry)
            await self._put_aside()

    async def _catch_up(self) -> None:
        """Write what waits, if it can be."""
        if self._backlog.is_empty or not self._can_write:
            return
        try:
            await self._write_backlog()
        except StoreRefused:
            raise
        except StoreError as error:
            log.error("store.failing account=%s cause=%s", self.state.account, error)

    async def _write_backlog(self) -> None:
        """Commit all that waits, entry by entry. Raises StoreError: the rest goes on waiting.

        Raises StoreRefused when the store won't have what was decided: then it knows better than this account.
        """
        while (waiting := self._backlog.first()) is not None:
            try:
                committed = await self._store.commit(waiting.entry, waiting.mark)
            except StoreRefused as error:
                self._refused(waiting, error)
            else:
                self._backlog.drop_first()
                self._followers.committed(waiting.entry, committed)

    def _refused(self, waiting: Waiting, error: StoreRefused) -> None:
        """Something in the entry can't be stored: that alone is given up, and everything else goes in without it."""
        account = waiting.entry.account
        if not waiting.is_part:
            log.error("entry.parted account=%s cause=%s", account, error)
            self._backlog.split_first(parts_of(waiting.entry))
            return
        self._backlog.drop_first()
        log.error("entry.refused account=%s cause=%s part=%s", account, error, _named(waiting.entry))
        if is_decided(waiting.entry):
            raise error
        if waiting.entry.notices:
            self._without_store(waiting.entry)

    def _without_store(self, entry: Entry) -> None:
        self._backlog.rewrite(lambda kept: replace(kept, samples=(), live=None))
        self._followers.unrecorded(self.state, entry)

    async def _put_aside(self) -> None:
        """Events wait in the file; in memory where that can't be used."""
        events = self._backlog.take_events()
        if not events:
            return
        try:
            await self._store.beside(lambda: self._spill.append(events))
        except StoreError as error:
            log.error("spill.failing account=%s cause=%s", self.state.account, error)
            self._backlog.add(Entry(account=self.state.account, at=self._clock.now(), events=events))

    async def _replay(self) -> None:
        """Commit of the events that waited in the file as many as may be at once."""
        account = self.state.account
        for _ in range(REPLAYS):
            try:
                events, mark = await self._store.beside(lambda: self._spill.read(AT_ONCE))
            except StoreError as error:
                log.error("spill.failing account=%s cause=%s", account, error)
                return
            try:
                await self._write_events(Entry(account=account, at=self._clock.now(), events=events))
                await self._store.beside(partial(self._spill.drop, mark))
            except StoreError as error:
                log.error("spill.failing account=%s cause=%s", account, error)
                return
            if self._spill.is_empty:
                log.warning("spill.replayed account=%s", account)
                return

    async def _write_events(self, entry: Entry) -> None:
        """Commit events of the file. Given twice they go in once; one that is refused is given up."""
        try:
            self._followers.committed(entry, await self._store.commit(entry))
        except StoreRefused as error:
            parts = list(parts_of(entry))
            if len(parts) == 1:
                log.error("entry.refused account=%s cause=%s part=%s", entry.account, error, _named(entry))
                return
            for part in parts:
                await self._write_events(part)


@dataclass(slots=True)
class _Decided:
    """What came of the events that were taken in one go."""

    entries: list[Entry] = field(default_factory=list)
    wants: frozenset[str] = frozenset()
    intervals: Mapping[str, timedelta] = field(default_factory=dict)
    reread: bool = False
    ticked: bool = False


async def _to_its_end(work: Coroutine[object, object, None]) -> None:
    """Lets `work` end also when the waiting for it is cancelled."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def _named(part: Entry) -> str:
    events = [f"event {event.key}" for event in part.events]
    samples = [f"sample {sample.scope} {sample.metric}" for sample in part.samples]
    return ", ".join([*events, *samples]) or "other"
