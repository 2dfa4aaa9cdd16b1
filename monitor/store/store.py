"""The database as the daemon holds it, as commands read it, and as commands of people are executed."""

import asyncio
import hashlib
import logging
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import Connection

from monitor.clock import SteadyClockReading
from monitor.core.model.action_blocks import StopCause
from monitor.core.model.intent import Intent, IntentStep
from monitor.core.model.journal import JournalEntry, Notice
from monitor.core.notifications.outbox import Delivery, DeliveryAttempt, DeliveryKey, DeliveryState
from monitor.errors import StoreError
from monitor.records.address_usage import AddressUsage
from monitor.records.leases import Division
from monitor.store import lost_steps, pruning, signs_of_life
from monitor.store.db import connections as opening
from monitor.store.db.access import DatabaseAccess
from monitor.store.db.account_leases import LEADER, AccountLeases
from monitor.store.db.connection_leases import renew_lease
from monitor.store.db.lease_term import LeaseTerm
from monitor.store.db.reader import DatabaseReader
from monitor.store.db.spill import EventSpill
from monitor.store.db.worker_threads import WorkerThreads
from monitor.store.db.writer import WRITE_TIMEOUT_S, Writer
from monitor.store.startup import IdBlock, NextIds, SavedState, load_state, read_next_ids, reserve_ids
from monitor.store.writes import audit, commands, daemon_row, intents, journal, outbox
from monitor.store.writes.commands import Commands
from monitor.store.writes.id_allocation import ID_BLOCK_SIZE
from monitor.store.writes.journal import CommitResult, EntryMark
from monitor.store.writes.record_coverage import CoverageUpdate

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)


class Store:
    """The daemon's access to its database: it alone writes, in one thread; reads run beside it.

    Every method is durable when it returns. All raise StoreError when the database fails.
    """

    def __init__(self, access: DatabaseAccess, writer: Writer, spill_folder: Path | None) -> None:
        self._access = access
        self.lease: LeaseTerm | None = access.term
        """This process's term as the holder of the whole database; None for one that does not hold it alone."""

        self._writer = writer
        self._reader = DatabaseReader(opening.reading_engine(access.url), access.url)
        self._spill_folder = spill_folder
        self._file_threads = WorkerThreads("store-files", 1, WRITE_TIMEOUT_S, "the disk")

    @classmethod
    def open(
        cls,
        url: str,
        *,
        create: bool = True,
        exclusive: bool = True,
        by_account: bool = False,
        spill_folder: Path | None = None,
    ) -> Self:
        """Open the database at `url`, held by this process alone until it is closed or the process dies.

        A new one is created at the newest revision when `create`; an old one is never migrated. Raises
        DaemonAlreadyRunning when another daemon holds it, StoreError for any other obstacle. `exclusive` False leaves
        out the lease: for programs that write beside a daemon. `by_account`: others hold it too, each some accounts
        (`divide`). `spill_folder` holds events that a database which is no file can't take; None: a temporary folder.
        """
        access = DatabaseAccess(opening.parse_url(url), create=create, exclusive=exclusive, by_account=by_account)
        writer = _new_writer(access)
        try:
            writer.start()
        except BaseException:
            access.release()
            raise
        return cls(access, writer, spill_folder)

    @classmethod
    def attach(cls, url: str, *, by_account: bool = False, spill_folder: Path | None = None) -> Self:
        """Return a store without waiting: the database is opened as soon as possible, and fails until then.

        Raises StoreError for a URL that names no usable database.
        """
        access = DatabaseAccess(opening.parse_url(url), create=True, exclusive=True, by_account=by_account)
        writer = _new_writer(access)
        writer.start_unconnected()
        return cls(access, writer, spill_folder)

    async def close(self) -> None:
        """Write everything queued and release the database."""
        await asyncio.to_thread(self._close)

    @property
    def is_failing(self) -> bool:
        """True if the last attempt to write failed. The store retries by itself about once a second."""
        return self._writer.failing_for_s is not None

    @property
    def failing_for_s(self) -> float | None:
        """Machine seconds since writing began to fail; None while it works."""
        return self._writer.failing_for_s

    @property
    def failure(self) -> StoreError | None:
        """The reason why writing fails; None while it works."""
        return self._writer.failure

    @property
    def is_opening(self) -> bool:
        """True if the database is being opened for the first time, without an error so far."""
        return self._writer.is_opening

    @property
    def replacement_count(self) -> int:
        """How often the database turned out to be another one, or another daemon had held it."""
        return self._access.replacement_count

    @property
    def connects(self) -> int:
        """The number of connections made; each may lead to a server that lacks the newest commits."""
        return self._access.connects

    @property
    def is_shared(self) -> bool:
        """True where several daemons hold the database, each some of its accounts."""
        return self._access.leases is not None

    @property
    def held_accounts(self) -> frozenset[str]:
        """The accounts that this daemon holds where several share the database; empty where one holds it whole."""
        return frozenset() if self._access.leases is None else self._access.leases.accounts

    @property
    def is_leader(self) -> bool:
        """True if this daemon does what is done once a database, because it was chosen or holds it whole."""
        return self._access.leases is None or self._access.leases.find_term(LEADER) is not None

    @property
    def has_proven_leadership(self) -> bool:
        """True if nobody else can be doing what is done once a database: its lease was proved a moment ago."""
        leases = self._access.leases
        return leases is None or ((term := leases.find_term(LEADER)) is not None and term.is_held)

    def holds(self, account: str) -> bool:
        """Return whether this daemon may write of the account, as far as it knows."""
        return not self.is_shared or account in self.held_accounts

    def lease_of(self, account: str) -> LeaseTerm | None:
        """Return this process's term as the holder of the account, or of the whole database; None if it is neither."""
        return self.lease if self._access.leases is None else self._access.leases.find_term(account)

    async def divide(
        self, accounts: Sequence[str], ending: Collection[str] = (), usage: AddressUsage | None = None
    ) -> Division:
        """Prove that this daemon lives, and divide the accounts with the others (`AccountLeases.divide`); each second.

        `ending`: accounts that were lost and have not stopped yet, which are not taken anew.
        """
        leases = self._shared_leases
        return leases.report(await self._writer.run(leases.divide, accounts, ending, usage))

    async def take(self, accounts: Collection[str]) -> frozenset[str]:
        """Take those of the accounts that no daemon holds, whatever the share; return those that are held now."""
        leases = self._shared_leases
        await self._writer.run(leases.take, accounts)
        return leases.accounts & frozenset(accounts)

    async def give_back(self, accounts: Collection[str]) -> None:
        """Give accounts back for which nothing is done any more, so that others can take them at once."""
        leases = self._shared_leases
        await self._writer.run(leases.give_back, accounts)
        await self._writer.run(leases.unlock)

    async def renew_leases(self) -> None:
        """Prove anew what this daemon holds, without dividing; nothing where it holds the whole database."""
        if self.is_shared:
            await self._writer.run(renew_lease)

    async def commit(self, entry: JournalEntry, mark: EntryMark | None = None) -> CommitResult:
        """Commit all records of one step in one transaction.

        With a mark an entry may be given again when its outcome is unknown: it is written once.
        """
        unit = journal.commit if mark is None else partial(journal.commit_once, mark=mark)
        if not entry.intents:
            return await self._writer.run(unit, entry)
        return _log_audit_head(await self._writer.run(audit.run_with_head, unit, entry))

    def spill(self, account: str) -> EventSpill:
        """Return the spill file of the account: beside the database if that is a file."""
        database = self._access.path
        if database is not None:
            return EventSpill(database.with_name(f"{database.name}.spill-{account}"))
        of_url = hashlib.sha256(self._access.url.render_as_string(hide_password=True).encode()).hexdigest()[:12]
        folder = self._spill_folder or Path(tempfile.gettempdir())
        return EventSpill(folder / f"margin-monitor-{of_url}.spill-{account}")

    async def run_file_work(self, function: Callable[[], T]) -> T:
        """Run work on files beside the database. Raises StoreError when the disk does not answer in time."""
        return await self._file_threads.run(function)

    async def claim(self, intent: Intent, at: datetime, note: str = "") -> bool:
        """Claim the order; True for one caller ever, which alone may send it. See `intents.claim`."""
        return _log_audit_head(await self._writer.run(audit.run_with_head, intents.claim, intent, at, note))

    async def record_step(
        self, intent: Intent, step: IntentStep, notices: tuple[Notice, ...] = (), stop: StopCause | None = None
    ) -> bool:
        """Record a step; return False where the intent was in another state, or another one is in flight.

        `notices` are queued from then on. `stop`: why the order's rule is stopped with it.
        """
        return _log_audit_head(
            await self._writer.run(audit.run_with_head, journal.record_step_with_notices, intent, step, notices, stop)
        )

    async def restore_lost_steps(
        self,
        known: Iterable[Intent],
        now: datetime,
        notices: Callable[[Sequence[Intent]], Sequence[Notice]],
        stop: StopCause | None = None,
    ) -> tuple[int, ...]:
        """Record again the orders whose steps the database lost (`journal.restore_lost_steps`); return the ids."""
        if not (left := lost_steps.select_sent_intents(known, now)):
            return ()
        return _log_audit_head(
            await self._writer.run(audit.run_with_head, journal.restore_lost_steps, left, now, notices, stop)
        )

    async def recover_interrupted(
        self, now: datetime, channels: tuple[str, ...] = (), accounts: Collection[str] | None = None
    ) -> tuple[Intent, ...]:
        """Mark intents that were being sent when the last daemon ended as UNCERTAIN, with notices to `channels`.

        `accounts` None: those of all that this daemon holds.
        """
        return await self._writer.run(journal.recover_interrupted, now, channels, accounts)

    async def load_state(self, account: str, now: datetime) -> SavedState:
        """Return the saved state of one account."""
        return await self.read(load_state, account, now)

    async def next_ids(self, now: datetime) -> NextIds:
        """Return the first free ids of alerts and intents, across all accounts."""
        return await self.read(read_next_ids, now)

    async def reserve_ids(self, now: datetime, size: int = ID_BLOCK_SIZE, above: tuple[int, int] = (0, 0)) -> IdBlock:
        """Return ids of alerts and intents that no other daemon gets, those of `above` at the lowest."""
        return await self._writer.run(reserve_ids, now, size, above)

    async def read_commands(self, now: datetime, since: int | None = None) -> Commands | None:
        """Return the commands of people; None when there are no changes since change number `since`."""
        return await self.read(commands.read_commands, now, since)

    async def execute(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a writing function of store.writes, such as `execute(commands.pause, True, "web", now)`."""
        return await self._writer.run(function, *args, **kwargs)

    async def read(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a reading function, such as those of store.readers, on a connection that cannot write."""
        return await self._reader.run(lambda connection: function(connection, *args, **kwargs))

    def new_reader(self, name: str) -> DatabaseReader:
        """Return a reader with threads of its own, for long reads that must not hold up the daemon's."""
        return DatabaseReader(opening.reading_engine(self._access.url), self._access.url, name)

    async def enqueue_once(self, delivery: Delivery) -> Delivery | None:
        """Queue a delivery and return it with its id; None if its channel has had the same one."""
        return await self._writer.run(outbox.enqueue_once, delivery)

    async def record_attempts(self, attempts: Iterable[DeliveryAttempt]) -> int:
        """Append attempts and update their deliveries in one transaction; see `outbox.record_attempts`."""
        return await self._writer.run(outbox.record_attempts, tuple(attempts))

    async def close_unsent_deliveries(self, state: DeliveryState, why: Mapping[DeliveryKey, str]) -> int:
        """Close queued deliveries without an attempt, each with its answer; return how many."""
        return await self._writer.run(outbox.close_unsent, state, why)

    async def postpone_deliveries(self, deliveries: Iterable[DeliveryKey], until: datetime) -> int:
        """Postpone queued deliveries until then."""
        return await self._writer.run(outbox.postpone, tuple(deliveries), until)

    async def release_postponed_deliveries(self, now: datetime) -> int:
        """Make postponed deliveries due."""
        return await self._writer.run(outbox.release_postponed, now)

    async def finish_drill(self, drill: int, at: datetime, outcome: str) -> None:
        """Record that a drill was carried out, or could not be."""
        await self._writer.run(commands.finish_drill, drill, at, outcome)

    async def register_daemon(
        self, pid: int, since: datetime, version: str, steady: SteadyClockReading | None = None
    ) -> None:
        """Register this daemon for readers; see `daemon_row.register_daemon`."""
        await self._writer.run(daemon_row.register_daemon, pid, since, version, steady)

    async def update_last_seen(
        self,
        at: datetime,
        steady: SteadyClockReading | None = None,
        recorded: Mapping[str, datetime | None] | None = None,
    ) -> CoverageUpdate:
        """Update the daemon's row and the coverage of these accounts that it holds (`record_coverage`), and renew."""
        return await self._writer.run(signs_of_life.update_last_seen, at, steady, recorded or {})

    async def prune(self, **moments: datetime | None) -> int:
        """Delete rows older than the given moments, and return how many; see `pruning.prune_rows`."""
        return await pruning.prune_rows(self._writer, **moments)

    @property
    def _shared_leases(self) -> AccountLeases:
        assert self._access.leases is not None
        return self._access.leases

    def _close(self) -> None:
        self._writer.close()
        self._reader.close()
        self._file_threads.close()
        self._access.release()


def _new_writer(access: DatabaseAccess) -> Writer:
    return Writer(
        access.engine(),
        before_connect=access.ensure_file_and_lease,
        prepare_connection=access.prepare_connection,
        is_replaced=access.is_replaced,
        describe_error=access.describe_error,
        wal_path=access.wal_path,
    )


def _log_audit_head(result_and_head: tuple[T, audit.AuditHead | None]) -> T:
    """Log the head of the audit trail, where it can't be changed together with the database."""
    result, head = result_and_head
    if head is not None:
        log.info("audit.head seq=%d hash=%s", head.seq, head.hash)
    return result
