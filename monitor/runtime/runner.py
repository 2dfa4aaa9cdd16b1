"""One account's only decider: events in order, one clock reading each, everything committed before it leaves."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Protocol

from monitor.clock import Clock
from monitor.core.engine import Ids, Policy, step
from monitor.core.events import CrossRead, Event, IsolatedRead, Tick
from monitor.core.journal import Entry
from monitor.core.state import AccountState
from monitor.errors import StoreError
from monitor.runtime.inbox import Inbox
from monitor.store.journal import Committed
from monitor.store.store import Store

log = logging.getLogger(__name__)

LIVE_EVERY_S = 1.0
"""The live document is written at most this often (machine seconds)."""

LIVE_AFTER_S = 0.1
"""How long it waits after something was decided (machine seconds)."""

AT_ONCE = 500
"""Events in one commit of those that waited in the file."""

REPLAYS = 4
"""Commits of those at most in a row, so that what is new is judged in between."""

BACKLOG = 10_000
"""Stream events, and failed reads, kept in memory while neither database nor file can take them."""


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
    ) -> None:
        self.state = state
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
        self._backlog: list[Entry] = []
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

    def _has_work(self, decided: "_Decided") -> bool:
        return bool(decided.entries) or not self._spill.is_empty

    async def _remember(self, decided: "_Decided") -> None:
        if decided.entries:
            await self._commit(merged(decided.entries))
        if not self._spill.is_empty and not self._store.failing:
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
        if not is_due or self._store.failing or (self._living is not None and not self._living.done()):
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
        if entry.events and (self._store.failing or not self._spill.is_empty):
            # Behind those that wait already; and a database that fails need not be asked for each.
            await self._keep(Entry(account=entry.account, at=entry.at, events=entry.events))
            entry = replace(entry, events=())
            if entry.is_empty:
                return
        waiting = merged([*self._backlog, entry]) if self._backlog else entry
        try:
            committed = await self._store.commit(waiting)
        except StoreError as error:
            if not self._store.failing:
                self._backlog = []
                await self._commit_parts(waiting, error)
                return
            log.error("store.failing account=%s cause=%s", entry.account, error)
            await self._keep(entry)
            self._followers.unrecorded(self.state, entry)
            return
        self._backlog = []
        self._followers.committed(waiting, committed)

    async def _commit_parts(self, entry: Entry, cause: StoreError) -> None:
        """Something in the entry can't be stored: that alone is given up, and everything else goes in without it."""
        for part in _parts(entry):
            try:
                committed = await self._store.commit(part)
            except StoreError as error:
                if self._store.failing:
                    await self._keep(part)
                else:
                    log.error("entry.refused account=%s cause=%s part=%s", entry.account, error, _named(part))
            else:
                self._followers.committed(part, committed)
        log.error("entry.parted account=%s cause=%s", entry.account, cause)

    async def _keep(self, entry: Entry) -> None:
        """Keep what can't be committed now: events in the file, all else in memory."""
        try:
            if entry.events:
                await asyncio.to_thread(self._spill.append, entry.events)
                entry = replace(entry, events=())
        except StoreError as error:
            log.error("spill.failing account=%s cause=%s", entry.account, error)
        entry = replace(entry, samples=())
        if entry.is_empty:
            return
        kept = merged([*self._backlog, entry])
        given_up = max(0, len(kept.events) - BACKLOG) + max(0, len(kept.failures) - BACKLOG)
        if given_up:
            log.error("store.backlog_full account=%s given_up=%d", entry.account, given_up)
            kept = replace(kept, events=kept.events[-BACKLOG:], failures=kept.failures[-BACKLOG:])
        self._backlog = [kept]

    async def _replay(self) -> None:
        """Commit of the events that waited in the file as many as may be at once."""
        account = self.state.account
        for _ in range(REPLAYS):
            try:
                events, mark = await asyncio.to_thread(self._spill.read, AT_ONCE)
            except StoreError as error:
                log.error("spill.failing account=%s cause=%s", account, error)
                return
            entry = Entry(account=account, at=self._clock.now(), events=events)
            try:
                committed = await self._store.commit(entry)
            except StoreError as error:
                if self._store.failing:
                    return
                await self._commit_parts(entry, error)
            else:
                self._followers.committed(entry, committed)
            try:
                await asyncio.to_thread(self._spill.drop, mark)
            except StoreError as error:
                log.error("spill.failing account=%s cause=%s", account, error)
            if self._spill.is_empty:
                log.warning("spill.replayed account=%s", account)
                return


@dataclass(slots=True)
class _Decided:
    """What came of the events that were taken in one go."""

    entries: list[Entry] = field(default_factory=list)
    wants: frozenset[str] = frozenset()
    intervals: Mapping[str, timedelta] = field(default_factory=dict)
    reread: bool = False
    ticked: bool = False


def merged(entries: Iterable[Entry]) -> Entry:
    """Several entries of one account as one: everything that happened, and the newest row of each alert and intent.

    An intent that was born and moved in one go is kept in its last state with all its steps.
    """
    parts = list(entries)
    return Entry(
        account=parts[-1].account,
        at=parts[-1].at,
        events=tuple(e for p in parts for e in p.events),
        failures=tuple(f for p in parts for f in p.failures),
        samples=tuple(s for p in parts for s in p.samples),
        alerts=tuple({a.id: a for p in parts for a in p.alerts}.values()),
        transitions=tuple(t for p in parts for t in p.transitions),
        notifications=tuple(n for p in parts for n in p.notifications),
        notices=tuple(n for p in parts for n in p.notices),
        intents=tuple({i.id: i for p in parts for i in p.intents}.values()),
        intent_steps=tuple(s for p in parts for s in p.intent_steps),
        movements=tuple(m for p in parts for m in p.movements),
        terms=tuple(t for p in parts for t in p.terms),
        live=next((p.live for p in reversed(parts) if p.live is not None), None),
    )


async def _to_its_end(work: Coroutine[object, object, None]) -> None:
    """Lets `work` end also when the waiting for it is cancelled."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def _parts(entry: Entry) -> Iterable[Entry]:
    """The entry piece by piece: what was decided first and in one, then each thing that came from outside."""
    bare = Entry(account=entry.account, at=entry.at)
    decided = replace(entry, events=(), failures=(), samples=(), movements=(), terms=(), live=None)
    if not decided.is_empty:
        yield decided
    yield from (replace(bare, events=(event,)) for event in entry.events)
    yield from (replace(bare, failures=(failure,)) for failure in entry.failures)
    yield from (replace(bare, samples=(sample,)) for sample in entry.samples)
    yield from (replace(bare, movements=(movement,)) for movement in entry.movements)
    yield from (replace(bare, terms=(terms,)) for terms in entry.terms)
    if entry.live is not None:
        yield replace(bare, live=entry.live)


def _named(part: Entry) -> str:
    events = [f"event {event.key}" for event in part.events]
    samples = [f"sample {sample.scope} {sample.metric}" for sample in part.samples]
    return ", ".join([*events, *samples]) or "other"
