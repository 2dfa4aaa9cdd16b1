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
from monitor.core.model.journal import JournalEntry, Notice
from monitor.core.notifications.outbox import Delivery, DeliveryAttempt, DeliveryState
from monitor.errors import StoreError
from monitor.store import restating
from monitor.store.db import connections as opening
from monitor.store.db.access import DatabaseAccess
from monitor.store.db.reader import DatabaseReader, read_once
from monitor.store.db.spill import EventSpill
from monitor.store.db.worker_threads import WorkerThreads
from monitor.store.db.writer import WRITE_TIMEOUT_S, Writer
from monitor.store.startup import NextIds, SavedState, load_state, read_next_ids
from monitor.store.writes import audit, commands, daemon_row, intents, journal, outbox, record_coverage, retention
from monitor.store.writes.commands import Commands
from monitor.store.writes.journal import CommitResult, EntryMark
from monitor.store.writes.record_coverage import CoverageUpdate

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)


class Store:
    """The daemon's hold on its database: it alone writes, in one thread; reads go beside it.

    Every method is durable when it returns. All raise StoreError when the database can't do it.
    """

    def __init__(self, access: DatabaseAccess, writer: Writer, spill_folder: Path | None) -> None:
        self._access = access
        self._writer = writer
        self._reader = DatabaseReader(opening.reading_engine(access.url), access.url)
        self._spill_folder = spill_folder
        self._file_threads = WorkerThreads("store-files", 1, WRITE_TIMEOUT_S, "the disk")

    @classmethod
    def open(cls, url: str, *, create: bool = True, exclusive: bool = True, spill_folder: Path | None = None) -> Self:
        """The database at `url`, held by this process alone until it is closed or the process dies.

        A new one is made at the newest revision when `create`; an old one is never migrated.
        Raises AnotherInstance when another daemon holds it, StoreError for what else is in the way.
        `exclusive` False leaves out the lease: for programs that write beside a daemon. `spill_folder` is where
        events wait that a database which is no file can't take; None: where temporary files lie.
        """
        access = DatabaseAccess(opening.parse_url(url), create=create, exclusive=exclusive)
        writer = _new_writer(access)
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
        access = DatabaseAccess(opening.parse_url(url), create=True, exclusive=True)
        writer = _new_writer(access)
        writer.start_unconnected()
        return cls(access, writer, spill_folder)

    async def close(self) -> None:
        """Writes what is queued and lets go of the database."""
        await asyncio.to_thread(self._close)

    @property
    def is_failing(self) -> bool:
        """Whether the last attempt to write failed. It tries again by itself about once a second."""
        return self._writer.failing_for_s is not None

    @property
    def failing_for_s(self) -> float | None:
        """Seconds of the machine since writing began to fail, None while it works."""
        return self._writer.failing_for_s

    @property
    def failure(self) -> StoreError | None:
        """Why writing fails, None while it works."""
        return self._writer.failure

    @property
    def is_opening(self) -> bool:
        """Whether it is being opened for the first time, and nothing has gone wrong so far."""
        return self._writer.is_opening

    @property
    def replacement_count(self) -> int:
        """How often the database turned out to be another one than before."""
        return self._access.replacement_count

    @property
    def connects(self) -> int:
        """How often it was connected to; each time may lead to a server that lacks the end of what was committed."""
        return self._access.connects

    async def commit(self, entry: JournalEntry, mark: EntryMark | None = None) -> CommitResult:
        """Everything one step wants remembered, in one transaction.

        With a mark it may be given again when it is not known whether it went in: that happens once.
        """
        unit = journal.commit if mark is None else partial(journal.commit_once, mark=mark)
        if not entry.intents:
            return await self._writer.run(unit, entry)
        return _log_audit_head(await self._writer.run(_run_with_audit_head, unit, entry))

    def spill(self, account: str) -> EventSpill:
        """Where the account's events wait while they can't be committed: beside the database if that is a file."""
        database = self._access.path
        if database is not None:
            return EventSpill(database.with_name(f"{database.name}.spill-{account}"))
        of_url = hashlib.sha256(self._access.url.render_as_string(hide_password=True).encode()).hexdigest()[:12]
        folder = self._spill_folder or Path(tempfile.gettempdir())
        return EventSpill(folder / f"margin-monitor-{of_url}.spill-{account}")

    async def run_file_work(self, function: Callable[[], T]) -> T:
        """Runs what works on files beside the database. Raises StoreError when the disk does not answer in time."""
        return await self._file_threads.run(function)

    async def claim(self, intent: Intent, at: datetime, note: str = "") -> bool:
        """Whether this caller, and no other ever, may send the order; see intents.claim."""
        return _log_audit_head(await self._writer.run(_run_with_audit_head, intents.claim, intent, at, note))

    async def record_step(
        self, intent: Intent, step: IntentStep, notices: tuple[Notice, ...] = (), stop: StopCause | None = None
    ) -> bool:
        """Whether the intent took the step; False: it stood elsewhere, or another is in flight.

        `notices` wait to be sent from then on. `stop`: why its rule is stopped with it.
        """
        return _log_audit_head(
            await self._writer.run(_run_with_audit_head, journal.record_step_with_notices, intent, step, notices, stop)
        )

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
        return _log_audit_head(await self._writer.run(_run_with_audit_head, journal.restate, left, now, notices, stop))

    async def recover_interrupted(self, now: datetime, channels: tuple[str, ...] = ()) -> tuple[Intent, ...]:
        """At start: what was being sent when the last daemon ended, now UNCERTAIN. `channels` are to hear of it."""
        return await self._writer.run(journal.recover_interrupted, now, channels)

    async def load_state(self, account: str, now: datetime) -> SavedState:
        """What is remembered of one account."""
        return await self.read(load_state, account, now)

    async def next_ids(self, now: datetime) -> NextIds:
        """The first free numbers of alerts and intents, across all accounts."""
        return await self.read(read_next_ids, now)

    async def read_commands(self, now: datetime, since: int | None = None) -> Commands | None:
        """What people have ordered; None when nothing was since change number `since`."""
        return await self.read(commands.read_commands, now, since)

    async def execute(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a function of store.operator, such as `order(operator.pause, True, "web", now)`."""
        return await self._writer.run(function, *args, **kwargs)

    async def read(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a reading function, such as those of store.readers, on a connection that cannot write."""
        return await self._reader.run(lambda connection: function(connection, *args, **kwargs))

    async def enqueue_once(self, delivery: Delivery) -> Delivery | None:
        """A message put into the outbox, with the id it got; None if its channel has had the very same."""
        return await self._writer.run(outbox.enqueue_once, delivery)

    async def record_attempts(self, attempts: Iterable[DeliveryAttempt]) -> int:
        """Appends attempts, all in one transaction, and moves their deliveries on; see outbox.record_attempts."""
        return await self._writer.run(outbox.record_attempts, tuple(attempts))

    async def close_unsent_deliveries(self, state: DeliveryState, why: Mapping[int, str]) -> int:
        """Ends queued deliveries without an attempt, each with its answer; how many."""
        return await self._writer.run(outbox.close_unsent, state, why)

    async def postpone_deliveries(self, deliveries: Iterable[int], until: datetime) -> int:
        """Lets queued deliveries wait."""
        return await self._writer.run(outbox.postpone, tuple(deliveries), until)

    async def release_postponed_deliveries(self, now: datetime) -> int:
        """Lets what was postponed be looked at again."""
        return await self._writer.run(outbox.release_postponed, now)

    async def finish_drill(self, drill: int, at: datetime, outcome: str) -> None:
        """A drill was carried out, or could not be."""
        await self._writer.run(commands.finish_drill, drill, at, outcome)

    async def register_daemon(
        self, pid: int, since: datetime, version: str, steady: SteadyReading | None = None
    ) -> None:
        """From now on readers see this daemon; see presence.seen."""
        await self._writer.run(daemon_row.register_daemon, pid, since, version, steady)

    async def update_last_seen(
        self, at: datetime, steady: SteadyReading | None = None, recorded: Mapping[str, datetime | None] | None = None
    ) -> CoverageUpdate:
        """The daemon is still there, and extends the records of these accounts; see presence.seen, record.extend."""
        return await self._writer.run(_update_last_seen, at, steady, recorded or {})

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
            while before is not None and (gone := await self._writer.run(pruner, before)):
                total += gone
        return total

    def _close(self) -> None:
        self._writer.close()
        self._reader.close()
        self._file_threads.close()
        self._access.release()


class _OpenDatabase:
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


class ReadStore(_OpenDatabase):
    """The database as a command reads it, beside a running daemon or without one. It never creates or changes it."""

    @classmethod
    def open(cls, url: str) -> Self:
        """Raises StoreError, with the mend, when there is no database of this program's revision."""
        parsed = opening.parse_url(url)
        opening.check_present(parsed)
        engine = opening.reading_engine(parsed)
        read_once(engine, parsed, lambda connection: opening.check_revision(connection, parsed))
        return cls(engine, parsed)

    def read(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a reading function, such as those of store.readers; it sees one state of the database."""
        return read_once(self._engine, self._url, lambda connection: function(connection, *args, **kwargs))


class CommandStore(_OpenDatabase):
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
            return read_once(engine, self._url, lambda connection: function(connection, *args, **kwargs))
        finally:
            engine.dispose()

    def execute(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a function of store.operator in one transaction, durable when it returns."""
        try:
            with self._engine.begin() as connection:
                return function(connection, *args, **kwargs)
        except DBAPIError as error:
            raise opening.unreachable_error(self._url, error) from error


def _update_last_seen(
    connection: Connection, at: datetime, steady: SteadyReading | None, recorded: Mapping[str, datetime | None]
) -> CoverageUpdate:
    daemon_row.update_last_seen(connection, at, steady)
    return record_coverage.extend_coverage(connection, recorded, at)


def _new_writer(access: DatabaseAccess) -> Writer:
    return Writer(
        access.engine(),
        before_connect=access.ensure_file_and_lease,
        prepare_connection=access.prepare_connection,
        is_replaced=access.is_replaced,
        describe_error=access.describe_error,
        wal_path=access.wal_path,
    )


def _run_with_audit_head(
    connection: Connection, unit: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
) -> tuple[T, audit.AuditHead | None]:
    """What `unit` returns, and where the audit trail ends after it."""
    return unit(connection, *args, **kwargs), audit.read_head(connection)


def _log_audit_head(result_and_head: tuple[T, audit.AuditHead | None]) -> T:
    """Leaves the end of the trail in the log, where it can't be changed together with the database."""
    result, head = result_and_head
    if head is not None:
        log.info("audit.head seq=%d hash=%s", head.seq, head.hash)
    return result
