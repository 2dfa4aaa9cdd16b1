"""The database as the daemon holds it, as commands read it, and as people's orders are written."""

import asyncio
import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from monitor.clock import SteadyReading
from monitor.core.model.blocks import StopCause
from monitor.core.model.intent import Intent, IntentStep
from monitor.core.model.journal import Entry, Notice
from monitor.core.notifications.outbox import Attempt, Delivery, DeliveryState
from monitor.errors import StoreError
from monitor.store import restating
from monitor.store.db import connections as opening
from monitor.store.db.access import Access
from monitor.store.db.reader import Reading, read
from monitor.store.db.spill import Spill
from monitor.store.db.worker_threads import Threads
from monitor.store.db.writer import PATIENCE_S, Writer
from monitor.store.startup import Loaded, NextIds, load, next_ids
from monitor.store.writes import audit, commands, daemon_row, intents, journal, outbox, record_coverage, retention
from monitor.store.writes.commands import Orders
from monitor.store.writes.journal import Committed, Mark
from monitor.store.writes.record_coverage import Extended

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)


class Store:
    """The daemon's hold on its database: it alone writes, in one thread; reads go beside it.

    Every method is durable when it returns. All raise StoreError when the database can't do it.
    """

    def __init__(self, access: Access, writer: Writer, spill_folder: Path | None) -> None:
        self._access = access
        self._writer = writer
        self._reading = Reading(opening.reading_engine(access.url), access.url)
        self._spill_folder = spill_folder
        self._files = Threads("store-files", 1, PATIENCE_S, "the disk")

    @classmethod
    def open(cls, url: str, *, create: bool = True, exclusive: bool = True, spill_folder: Path | None = None) -> Self:
        """The database at `url`, held by this process alone until it is closed or the process dies.

        A new one is made at the newest revision when `create`; an old one is never migrated.
        Raises AnotherInstance when another daemon holds it, StoreError for what else is in the way.
        `exclusive` False leaves out the lease: for programs that write beside a daemon. `spill_folder` is where
        events wait that a database which is no file can't take; None: where temporary files lie.
        """
        access = Access(opening.parse_url(url), create=create, exclusive=exclusive)
        writer = _writer(access)
        try:
            writer.start()
        except BaseException:
            access.release()
            raise
        return cls(access, writer, spill_folder)

    @classmethod
    def attach(cls, url: str, *, spill_folder: Path | None = None) -> Self:
        """The same without waiting: it is opened as soon as that can be done, and fails until then.

        Raises StoreError for a URL that can be no database.
        """
        access = Access(opening.parse_url(url), create=True, exclusive=True)
        writer = _writer(access)
        writer.start_unconnected()
        return cls(access, writer, spill_folder)

    async def close(self) -> None:
        """Writes what is queued and lets go of the database."""
        await asyncio.to_thread(self._close)

    @property
    def failing(self) -> bool:
        """Whether the last attempt to write failed. It tries again by itself about once a second."""
        return self._writer.failing_for_s is not None

    @property
    def failing_for_s(self) -> float | None:
        """Seconds of the machine since writing began to fail, None while it works."""
        return self._writer.failing_for_s

    @property
    def trouble(self) -> StoreError | None:
        """Why writing fails, None while it works."""
        return self._writer.trouble

    @property
    def is_opening(self) -> bool:
        """Whether it is being opened for the first time, and nothing has gone wrong so far."""
        return self._writer.is_opening

    @property
    def changes(self) -> int:
        """How often the database turned out to be another one than before."""
        return self._access.changes

    @property
    def connects(self) -> int:
        """How often it was connected to; each time may lead to a server that lacks the end of what was committed."""
        return self._access.connects

    async def commit(self, entry: Entry, mark: Mark | None = None) -> Committed:
        """Everything one step wants remembered, in one transaction.

        With a mark it may be given again when it is not known whether it went in: that happens once.
        """
        unit = journal.commit if mark is None else partial(journal.commit_once, mark=mark)
        if not entry.intents:
            return await self._writer.do(unit, entry)
        return _telling_head(await self._writer.do(_with_head, unit, entry))

    def spill(self, account: str) -> Spill:
        """Where the account's events wait while they can't be committed: beside the database if that is a file."""
        database = self._access.path
        if database is not None:
            return Spill(database.with_name(f"{database.name}.spill-{account}"))
        of_url = hashlib.sha256(self._access.url.render_as_string(hide_password=True).encode()).hexdigest()[:12]
        folder = self._spill_folder or Path(tempfile.gettempdir())
        return Spill(folder / f"margin-monitor-{of_url}.spill-{account}")

    async def beside(self, function: Callable[[], T]) -> T:
        """Runs what works on files beside the database. Raises StoreError when the disk does not answer in time."""
        return await self._files.do(function)

    async def claim(self, intent: Intent, at: datetime, note: str = "") -> bool:
        """Whether this caller, and no other ever, may send the order; see intents.claim."""
        return _telling_head(await self._writer.do(_with_head, intents.claim, intent, at, note))

    async def record(
        self, intent: Intent, step: IntentStep, notices: tuple[Notice, ...] = (), stop: StopCause | None = None
    ) -> bool:
        """Whether the intent took the step; False: it stood elsewhere, or another is in flight.

        `notices` wait to be sent from then on. `stop`: why its rule is stopped with it.
        """
        return _telling_head(await self._writer.do(_with_head, journal.record, intent, step, notices, stop))

    async def restate(
        self,
        known: Iterable[Intent],
        now: datetime,
        notices: Callable[[Sequence[Intent]], Sequence[Notice]],
        stop: StopCause | None = None,
    ) -> tuple[int, ...]:
        """The numbers of orders whose steps the database had lost, recorded once more; see journal.restate."""
        left = restating.sent(known, now)
        if not left:
            return ()
        return _telling_head(await self._writer.do(_with_head, journal.restate, left, now, notices, stop))

    async def recover(self, now: datetime, channels: tuple[str, ...] = ()) -> tuple[Intent, ...]:
        """At start: what was being sent when the last daemon ended, now UNCERTAIN. `channels` are to hear of it."""
        return await self._writer.do(journal.recover, now, channels)

    async def load(self, account: str, now: datetime) -> Loaded:
        """What is remembered of one account."""
        return await self.read(load, account, now)

    async def next_ids(self, now: datetime) -> NextIds:
        """The first free numbers of alerts and intents, across all accounts."""
        return await self.read(next_ids, now)

    async def orders(self, now: datetime, since: int | None = None) -> Orders | None:
        """What people have ordered; None when nothing was since change number `since`."""
        return await self.read(commands.read_orders, now, since)

    async def order(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a function of store.operator, such as `order(operator.pause, True, "web", now)`."""
        return await self._writer.do(function, *args, **kwargs)

    async def read(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a reading function, such as those of store.readers, on a connection that cannot write."""
        return await self._reading.do(lambda connection: function(connection, *args, **kwargs))

    async def queue_once(self, delivery: Delivery) -> Delivery | None:
        """A message put into the outbox, with the id it got; None if its channel has had the very same."""
        return await self._writer.do(outbox.queue_once, delivery)

    async def record_attempts(self, attempts: Iterable[Attempt]) -> int:
        """Appends attempts, all in one transaction, and moves their deliveries on; see outbox.record_attempts."""
        return await self._writer.do(outbox.record_attempts, tuple(attempts))

    async def close_deliveries(self, state: DeliveryState, why: Mapping[int, str]) -> int:
        """Ends queued deliveries without an attempt, each with its answer; how many."""
        return await self._writer.do(outbox.close, state, why)

    async def postpone(self, deliveries: Iterable[int], until: datetime) -> int:
        """Lets queued deliveries wait."""
        return await self._writer.do(outbox.postpone, tuple(deliveries), until)

    async def release_deliveries(self, now: datetime) -> int:
        """Lets what was postponed be looked at again."""
        return await self._writer.do(outbox.release, now)

    async def finish_drill(self, drill: int, at: datetime, outcome: str) -> None:
        """A drill was carried out, or could not be."""
        await self._writer.do(commands.finish_drill, drill, at, outcome)

    async def announce(self, pid: int, since: datetime, version: str, steady: SteadyReading | None = None) -> None:
        """From now on readers see this daemon; see presence.seen."""
        await self._writer.do(daemon_row.announce, pid, since, version, steady)

    async def seen(
        self, at: datetime, steady: SteadyReading | None = None, recorded: Mapping[str, datetime | None] | None = None
    ) -> Extended:
        """The daemon is still there, and extends the records of these accounts; see presence.seen, record.extend."""
        return await self._writer.do(_seen, at, steady, recorded or {})

    async def prune(
        self,
        *,
        samples_before: datetime | None = None,
        events_before: datetime | None = None,
        failures_before: datetime | None = None,
        attempts_before: datetime | None = None,
        movements_before: datetime | None = None,
    ) -> int:
        """How many rows older than the given moments went, in steps small enough that nobody waits for them."""
        steps: tuple[tuple[retention.Pruner, datetime | None], ...] = (
            (retention.prune_samples, samples_before),
            (retention.prune_events, events_before),
            (retention.prune_failures, failures_before),
            (retention.prune_attempts, attempts_before),
            (retention.prune_movements, movements_before),
        )
        total = 0
        for pruner, before in steps:
            while before is not None and (gone := await self._writer.do(pruner, before)):
                total += gone
        return total

    def _close(self) -> None:
        self._writer.close()
        self._reading.close()
        self._files.close()
        self._access.release()


class _Opened:
    """A database that a command holds open until the end of its `with`."""

    def __init__(self, engine: Engine, url: URL) -> None:
        self._engine = engine
        self._url = url

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class ReadStore(_Opened):
    """The database as a command reads it, beside a running daemon or without one. It never creates or changes it."""

    @classmethod
    def open(cls, url: str) -> Self:
        """Raises StoreError, with the mend, when there is no database of this program's revision."""
        parsed = opening.parse_url(url)
        opening.check_present(parsed)
        engine = opening.reading_engine(parsed)
        read(engine, parsed, lambda connection: opening.check_revision(connection, parsed))
        return cls(engine, parsed)

    def read(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a reading function, such as those of store.readers; it sees one state of the database."""
        return read(self._engine, self._url, lambda connection: function(connection, *args, **kwargs))


class OrderStore(_Opened):
    """The database as a command writes a person's orders into it, beside a running daemon or without one."""

    @classmethod
    def open(cls, url: str) -> Self:
        """Raises StoreError, with the mend, when there is no database of this program's revision."""
        ReadStore.open(url).close()
        parsed = opening.parse_url(url)
        return cls(opening.writing_engine(parsed), parsed)

    def read(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a reading function, which waits for nobody who writes."""
        engine = opening.reading_engine(self._url)
        try:
            return read(engine, self._url, lambda connection: function(connection, *args, **kwargs))
        finally:
            engine.dispose()

    def order(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a function of store.operator in one transaction, durable when it returns."""
        try:
            with self._engine.begin() as connection:
                return function(connection, *args, **kwargs)
        except DBAPIError as error:
            raise opening.unreachable(self._url, error) from error


def _seen(
    connection: Connection, at: datetime, steady: SteadyReading | None, recorded: Mapping[str, datetime | None]
) -> Extended:
    daemon_row.seen(connection, at, steady)
    return record_coverage.extend(connection, recorded, at)


def _writer(access: Access) -> Writer:
    return Writer(
        access.engine(),
        before=access.before,
        prepare=access.prepare,
        has_moved=access.has_moved,
        describe=access.describe,
        wal=access.wal,
    )


def _with_head(
    connection: Connection, unit: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
) -> tuple[T, audit.Head | None]:
    """What `unit` returns, and where the audit trail ends after it."""
    return unit(connection, *args, **kwargs), audit.head(connection)


def _telling_head(done: tuple[T, audit.Head | None]) -> T:
    """Leaves the end of the trail in the log, where it can't be changed together with the database."""
    result, head = done
    if head is not None:
        log.info("audit.head seq=%d hash=%s", head.seq, head.hash)
    return result
