"""Journal entries of one account that the store has not taken yet, in the order of the decisions."""

import logging
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from monitor.core.model.events import StreamEvent
from monitor.core.model.journal import JournalEntry
from monitor.store.writes.journal import EntryMark

log = logging.getLogger(__name__)

MAX_EVENTS = 10_000
"""Stream events, and failed reads, kept in memory while neither database nor file can take them."""


@dataclass(slots=True)
class BacklogEntry:
    """One waiting entry.

    `mark` is set once a write was tried: its outcome may be unknown, so the entry keeps its number. `is_part`: the
    entry is a part of one that the store refused.
    """

    entry: JournalEntry
    mark: EntryMark | None = None
    is_part: bool = False


class JournalBacklog:
    """The waiting entries of one account. They outlive the account's tasks, so no decision is lost with them."""

    def __init__(self) -> None:
        self._writer = uuid.uuid4().hex
        self._seq = 0
        self._queue: deque[BacklogEntry] = deque()

    @property
    def is_empty(self) -> bool:
        """True if everything is recorded."""
        return not self._queue

    @property
    def entries(self) -> tuple[JournalEntry, ...]:
        """All waiting entries, oldest first."""
        return tuple(waiting.entry for waiting in self._queue)

    def add(self, entry: JournalEntry) -> None:
        """Append an entry, merged into the last one unless a write of that was tried already."""
        last = self._queue[-1] if self._queue else None
        if last is None or last.mark is not None or last.is_part:
            self._queue.append(BacklogEntry(entry))
        else:
            last.entry = _drop_excess(merge_entries([last.entry, entry]))

    def first(self) -> BacklogEntry | None:
        """Return the next entry to write, with its mark; None when nothing waits."""
        if not self._queue:
            return None
        waiting = self._queue[0]
        if waiting.mark is None:
            self._seq += 1
            waiting.mark = EntryMark(self._writer, self._seq)
        return waiting

    def replace_tried(self, tried: BacklogEntry, parts: Iterable[JournalEntry] = ()) -> None:
        """Replace an entry by its parts, if it was refused as a whole; without any it was written or is given up.

        It need not be the first any more: others may have been put before it while its write was under way.
        """
        new = [BacklogEntry(part, is_part=True) for part in parts]
        if self._queue and self._queue[0] is tried:
            self._queue.popleft()
            self._queue.extendleft(reversed(new))
        else:
            self._queue = deque(w for kept in self._queue for w in (new if kept is tried else [kept]))

    def take_events(self) -> tuple[StreamEvent, ...]:
        """Remove and return the stream events of all waiting entries; the caller keeps them elsewhere."""
        events = tuple(event for waiting in self._queue for event in waiting.entry.events)
        if events:
            self.rewrite(lambda entry: replace(entry, events=()))
        return events

    def rewrite(self, change: Callable[[JournalEntry], JournalEntry]) -> None:
        """Replace each entry by `change(entry)`; empty entries of which no write was tried are removed."""
        for waiting in self._queue:
            waiting.entry = change(waiting.entry)
        self._queue = deque(w for w in self._queue if w.mark is not None or not w.entry.is_empty)

    def put_first(self, entry: JournalEntry) -> None:
        """Insert an entry before all others, of which nothing was written in this database."""
        for waiting in self._queue:
            waiting.mark = None
        self._queue.appendleft(BacklogEntry(entry, is_part=True))

    def drop_decisions(self) -> None:
        """Keep only events from outside: the database knows the decisions better."""
        self.rewrite(
            lambda entry: replace(
                entry, alerts=(), transitions=(), notifications=(), notices=(), intents=(), intent_steps=()
            )
        )


def merge_entries(entries: Iterable[JournalEntry]) -> JournalEntry:
    """Merge entries of one account: everything that happened, and the newest row of each alert and intent.

    An intent that was created and changed within them is kept in its last state with all its steps.
    """
    parts = list(entries)
    return JournalEntry(
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
        paused_by=next((part.paused_by for part in parts if part.paused_by), ""),
        terms=tuple(t for p in parts for t in p.terms),
        gap_movements=tuple(f for p in parts for f in p.gap_movements),
        known_until=max((p.known_until for p in parts if p.known_until is not None), default=None),
        live=next((p.live for p in reversed(parts) if p.live is not None), None),
    )


def split_entry(entry: JournalEntry) -> Iterable[JournalEntry]:
    """Yield the parts of an entry: all decisions as one part, then each item that came from outside."""
    bare = JournalEntry(account=entry.account, at=entry.at)
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


def has_decisions(entry: JournalEntry) -> bool:
    """Return whether the entry holds a part of the account's state, without which memory and database would differ."""
    return bool(
        entry.alerts
        or entry.transitions
        or entry.notifications
        or entry.intents
        or entry.intent_steps
        or entry.paused_by
        or entry.gap_movements
    )


def _drop_excess(entry: JournalEntry) -> JournalEntry:
    given_up = max(0, len(entry.events) - MAX_EVENTS) + max(0, len(entry.failures) - MAX_EVENTS)
    if not given_up:
        return entry
    log.error("store.backlog_full account=%s given_up=%d", entry.account, given_up)
    return replace(entry, events=entry.events[-MAX_EVENTS:], failures=entry.failures[-MAX_EVENTS:])
