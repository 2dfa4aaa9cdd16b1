"""The writer thread: owner of the only writing connection, commits all queued units together."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from monitor.errors import StoreError
from monitor.store.db.connection_leases import give_lease_back, record_proof
from monitor.store.db.connections import BUSY_TIMEOUT_S
from monitor.store.db.open_connections import OpenConnections
from monitor.store.db.units_of_work import QueuedUnit, UnitFailed, probe, resolve_jobs, run_transaction

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

WRITE_TIMEOUT_S = 3.0
"""Seconds that a caller waits for the database; after that it counts as failing until it answers."""

ABORT_AFTER_S = 10.0
"""Seconds without an answer after which the connection to a server is cut."""

WATCHDOG_INTERVAL_S = 1.0

CHECKPOINT_IDLE_S = 0.25
"""Seconds without a write before the log is copied into the database file."""

CLOSE_TIMEOUT_S = 8.0
"""Seconds that an orderly end waits for queued writes."""

MIN_RETRY_S = 0.1
MAX_RETRY_S = 1.0
"""Seconds between tries of a failing database, at most."""

MAX_WAL_BYTES = 64 * 1024 * 1024
"""The size from which on the log is truncated, busy or not."""

MAX_UNITS_PER_TRANSACTION = 2_000
"""Most units in one transaction, so that a long queue does not become one endless commit."""

_NOT_OPEN = StoreError("the database is not open yet")


class Writer:
    """The writer of units of work: in the order given, many in one transaction, each rolled back alone on failure.

    A unit is a function of the connection; it must not commit. The result of a unit reaches the caller only once it is
    durable. `prepare_connection` runs on every new connection; when it raises, nothing is written. `describe_error`
    turns the driver's error into the callers' error.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        prepare_connection: Callable[[Connection], None],
        describe_error: Callable[[DBAPIError], StoreError],
        wal_path: Path | None = None,
        max_wal_bytes: int = MAX_WAL_BYTES,
        before_connect: Callable[[], None] = lambda: None,
        is_replaced: Callable[[], bool] = lambda: False,
    ) -> None:
        self._engine = engine
        self._open_connections = OpenConnections(engine)
        self._before_connect = before_connect
        self._is_replaced = is_replaced
        self._prepare_connection = prepare_connection
        self._describe_error = describe_error
        self._wal_path = wal_path
        self._max_wal_bytes = max_wal_bytes
        self._truncate_above_bytes = max_wal_bytes
        self._jobs: SimpleQueue[QueuedUnit | None] = SimpleQueue()
        self._connection: Connection | None = None
        self._failing_since: float | None = None
        self._busy_since: float | None = None
        self._failure: StoreError | None = None
        self._retry_s = MIN_RETRY_S
        self._closed = False
        self._lock = threading.Lock()
        self._needs_checkpoint = False
        self._thread = threading.Thread(target=self._run_thread, name="store-writer", daemon=True)

    def start(self) -> None:
        """Connect and start. Raises the errors of connecting."""
        self._connect()
        self._thread.start()
        self._start_watchdog()

    def start_unconnected(self) -> None:
        """Start without a connection: the writer is failing until there is one."""
        self._failing_since = time.monotonic()
        self._failure = _NOT_OPEN
        self._jobs.put(QueuedUnit(probe))
        self._thread.start()
        self._start_watchdog()

    async def run(self, unit: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the result of `unit` once it is durable. A unit cancelled before its start is not run at all.

        Raises StoreError. After a StoreError for lack of an answer the unit may have happened or may still happen.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        with self._lock:
            if self._closed:
                raise StoreError("the database is closed")
            if (trouble := self.failure) is not None:
                # The writer retries by itself; callers need not wait for that.
                raise _copy_error(trouble)
            self._jobs.put(QueuedUnit(lambda connection: unit(connection, *args, **kwargs), future))
        try:
            # Not `timeout`: an answer that is there counts, however late this loop runs.
            await asyncio.wait((future,), timeout=WRITE_TIMEOUT_S)
            if future.done():
                return future.result()
        finally:
            future.cancel()
        raise StoreError(f"the database has not answered for {WRITE_TIMEOUT_S:.0f} s")

    @property
    def failing_for_s(self) -> float | None:
        """Machine seconds since writing began to fail; None while it works."""
        since = self._failing_since
        return self._stuck_for_s if since is None else time.monotonic() - since

    @property
    def failure(self) -> StoreError | None:
        """The reason why writing fails; None while it works."""
        if self._failing_since is None and (stuck_s := self._stuck_for_s) is not None:
            return StoreError(f"the database has not answered for {stuck_s:.0f} s")
        return self._failure

    @property
    def is_opening(self) -> bool:
        """True if the first attempt to connect is still running."""
        return self._failure is _NOT_OPEN

    @property
    def _stuck_for_s(self) -> float | None:
        """Seconds without an answer of the database; None while that is not long."""
        since = self._busy_since
        waited_s = 0.0 if since is None else time.monotonic() - since
        return waited_s if waited_s > WRITE_TIMEOUT_S else None

    def close(self) -> None:
        """Write everything queued, give the lease back, and stop, within a limit if the database does not answer.

        Later units fail.
        """
        with self._lock:
            if not self._closed:
                self._closed = True
                if self._failing_since is None:
                    self._jobs.put(QueuedUnit(give_lease_back))
                self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join(CLOSE_TIMEOUT_S)
        if self._thread.is_alive():
            self._open_connections.abort_all()
            self._thread.join(WATCHDOG_INTERVAL_S)

    def _start_watchdog(self) -> None:
        if self._engine.dialect.name == "postgresql":
            threading.Thread(target=self._abort_hung_connections, name="store-watch", daemon=True).start()

    def _abort_hung_connections(self) -> None:
        while self._thread.is_alive():
            time.sleep(WATCHDOG_INTERVAL_S)
            since = self._busy_since
            if since is not None and time.monotonic() - since > ABORT_AFTER_S and self._open_connections.abort_all():
                log.warning("store.line_cut why='no answer for %.0f s'", time.monotonic() - since)

    def _run_thread(self) -> None:
        open_ended = True
        while open_ended:
            jobs, open_ended = self._gather_jobs()
            if jobs:
                with self._busy():
                    self._write(jobs)
        with self._busy():
            self._checkpoint("TRUNCATE")
            self._disconnect()

    @contextlib.contextmanager
    def _busy(self) -> Iterator[None]:
        """Mark the time in which the thread may wait for the database."""
        self._busy_since = time.monotonic()
        try:
            yield
        finally:
            self._busy_since = None

    def _gather_jobs(self) -> tuple[list[QueuedUnit], bool]:
        """Return the waiting jobs, and whether more may follow; wait for the first, with checkpoints meanwhile."""
        jobs: list[QueuedUnit] = []
        while len(jobs) < MAX_UNITS_PER_TRANSACTION:
            try:
                job = self._jobs.get_nowait() if jobs else self._wait_for_job()
            except Empty:
                return jobs, True
            if job is None:
                return jobs, False
            jobs.append(job)
        return jobs, True

    def _wait_for_job(self) -> QueuedUnit | None:
        if self._failing_since is not None:
            try:
                return self._jobs.get(timeout=self._retry_s)
            except Empty:
                self._retry_s = min(2 * self._retry_s, MAX_RETRY_S)
                with self._busy():
                    self._write([QueuedUnit(probe)])
                raise
        if self._needs_checkpoint:
            try:
                return self._jobs.get(timeout=CHECKPOINT_IDLE_S)
            except Empty:
                with self._busy():
                    self._checkpoint("PASSIVE")
                self._needs_checkpoint = False
        return self._jobs.get()

    def _write(self, jobs: list[QueuedUnit]) -> None:
        wanted = [job for job in jobs if job.is_awaited]
        if not wanted:
            return
        try:
            connection = self._connect()
            run_transaction(connection, wanted)
            record_proof(connection)
        except UnitFailed as undone:
            undone.job.error = undone.cause
            self._mark_recovered()
        except DBAPIError as error:
            self._mark_failing(wanted, self._describe_error(error), error)
        except Exception as error:  # noqa: BLE001 – the bulkhead of the thread: every caller gets an answer
            told = error if isinstance(error, StoreError) else StoreError(f"writing failed: {error}")
            self._mark_failing(wanted, told, error)
        else:
            self._mark_recovered()
            self._needs_checkpoint = True
        resolve_jobs(wanted)
        self._truncate_wal()

    def _mark_failing(self, jobs: list[QueuedUnit], error: StoreError, cause: Exception) -> None:
        if self._failing_since is None:
            self._failing_since = time.monotonic()
        if self._failure is None or self._failure.message != error.message:
            log.error("store.failing cause=%s", error)
        self._failure = error
        self._disconnect()
        for job in jobs:
            # A unit that already failed by itself has its answer.
            if job.error is None:
                job.error = _copy_error(error, cause)

    def _mark_recovered(self) -> None:
        if self._failing_since is not None:
            if self._failure is not _NOT_OPEN:
                log.warning("store.recovered")
            self._failing_since = self._failure = None
            self._retry_s = MIN_RETRY_S

    def _connect(self) -> Connection:
        if self._connection is not None and self._is_replaced():
            log.warning("store.moved why='another file lies where the database was'")
            self._disconnect()
        if self._connection is None:
            self._before_connect()
            try:
                connection = self._engine.connect()
            except DBAPIError as error:
                raise self._describe_error(error) from error
            try:
                self._prepare_connection(connection)
                connection.rollback()
            except DBAPIError as error:
                _discard(connection)
                raise self._describe_error(error) from error
            except BaseException:
                _discard(connection)
                raise
            self._connection = connection
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            _discard(self._connection)
            self._connection = None

    def _truncate_wal(self) -> None:
        if self._wal_path is None:
            return
        with contextlib.suppress(OSError):
            size = self._wal_path.stat().st_size
            if size > self._truncate_above_bytes:
                self._checkpoint("PASSIVE")
                self._checkpoint("TRUNCATE")
                # A long reader may prevent the truncation; then it is not tried again at every commit.
                self._truncate_above_bytes = max(
                    self._max_wal_bytes, self._wal_path.stat().st_size + self._max_wal_bytes // 4
                )

    def _checkpoint(self, mode: str) -> None:
        if self._wal_path is None or self._connection is None:
            return
        driver: Any = self._connection.connection.driver_connection
        with contextlib.suppress(driver.Error):
            driver.execute("PRAGMA busy_timeout=0")
            try:
                driver.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
            finally:
                driver.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000}")


def _copy_error(error: StoreError, cause: Exception | None = None) -> StoreError:
    """Return the same error for one more caller."""
    told = type(error)(error.message, where=error.where, mend=error.mend)
    told.__cause__ = cause
    return told


def _discard(connection: Connection) -> None:
    with contextlib.suppress(SQLAlchemyError):
        connection.invalidate()
        connection.close()
