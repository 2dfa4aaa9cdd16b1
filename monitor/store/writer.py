"""The one writer: a thread that owns the only connection that writes, and commits whatever has gathered at once."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError

from monitor.errors import MonitorError, StoreError

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

QUIET_S = 0.25
"""How long nothing must have been written before the log is copied into the database file."""

RETRY_S = 1.0
"""How often a failing database is tried when nobody asks for anything."""

WAL_CAP_BYTES = 64 * 1024 * 1024
"""From this size on the log is cut, busy or not."""

BATCH = 2_000
"""The most units in one transaction, so that a long queue does not become one endless commit."""

_OF_THE_UNIT = (IntegrityError, DataError, ProgrammingError)


@dataclass(slots=True)
class _Job:
    """A unit, and who waits for it in which loop; nobody, where it is the writer's own."""

    unit: Callable[[Connection], Any]
    future: asyncio.Future[Any] | None = None
    answer: Any = None
    error: BaseException | None = None

    @property
    def is_wanted(self) -> bool:
        return self.future is None or not self.future.cancelled()

    def settle(self) -> None:
        """In the loop: tell who waits."""
        if self.future is None or self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.answer)


class Writer:
    """Runs units of work in the order given, many in one transaction, each undone alone when it fails.

    A unit is a function of the connection; it must not commit. What a unit returns reaches the caller only
    once it is durable. `prepare` runs on every new connection; when it raises, nothing is written.
    `describe` turns the driver's error into what the callers get.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        prepare: Callable[[Connection], None],
        describe: Callable[[DBAPIError], StoreError],
        wal: Path | None = None,
        wal_cap: int = WAL_CAP_BYTES,
    ) -> None:
        self._engine = engine
        self._prepare = prepare
        self._describe = describe
        self._wal = wal
        self._wal_cap = wal_cap
        self._cut_above = wal_cap
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._connection: Connection | None = None
        self._failing_since: float | None = None
        self._closed = False
        self._gate = threading.Lock()
        self._unsaved = False
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)

    def start(self) -> None:
        """Connects and begins to work. Raises what connecting raises."""
        self._connect()
        self._thread.start()

    async def do(self, unit: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `unit` returns, once it is durable. Cancelled before it began, it does not happen at all."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        with self._gate:
            if self._closed:
                raise StoreError("the database is closed")
            self._jobs.put(_Job(lambda connection: unit(connection, *args, **kwargs), future))
        return await future

    @property
    def failing_for_s(self) -> float | None:
        """Seconds of the machine since writing began to fail, None while it works."""
        since = self._failing_since
        return None if since is None else time.monotonic() - since

    def close(self) -> None:
        """Writes what is queued, then stops. Later units fail."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        open_ended = True
        while open_ended:
            jobs, open_ended = self._gather()
            if jobs:
                self._write(jobs)
        self._checkpoint("TRUNCATE")
        self._disconnect()

    def _gather(self) -> tuple[list[_Job], bool]:
        """The jobs waiting now, and whether more may follow; waits for the first, tidying up meanwhile."""
        jobs: list[_Job] = []
        while len(jobs) < BATCH:
            try:
                job = self._jobs.get_nowait() if jobs else self._first()
            except Empty:
                return jobs, True
            if job is None:
                return jobs, False
            jobs.append(job)
        return jobs, True

    def _first(self) -> _Job | None:
        if self._failing_since is not None:
            try:
                return self._jobs.get(timeout=RETRY_S)
            except Empty:
                self._write([_Job(_touch)])
                raise
        if self._unsaved:
            try:
                return self._jobs.get(timeout=QUIET_S)
            except Empty:
                self._checkpoint("PASSIVE")
                self._unsaved = False
        return self._jobs.get()

    def _write(self, jobs: list[_Job]) -> None:
        wanted = [job for job in jobs if job.is_wanted]
        if not wanted:
            return
        try:
            connection = self._connect()
            with connection.begin():
                for job in wanted:
                    _attempt(connection, job, alone=len(wanted) == 1)
        except _Undone as undone:
            undone.job.error = undone.cause
            self._recovered()
        except DBAPIError as error:
            self._failed(wanted, self._describe(error), error)
        except Exception as error:  # noqa: BLE001 – the bulkhead of the thread: every caller gets an answer
            told = error if isinstance(error, MonitorError) else StoreError(f"writing failed: {error}")
            self._failed(wanted, told, error)
        else:
            self._recovered()
            self._unsaved = True
        _settle(wanted)
        self._cut_log()

    def _failed(self, jobs: list[_Job], told: MonitorError, cause: Exception) -> None:
        if self._failing_since is None:
            self._failing_since = time.monotonic()
            log.error("store.failing cause=%s", told)
        self._disconnect()
        for job in jobs:
            # A unit that already failed on its own has its answer.
            if job.error is None:
                told_once = type(told)(told.message, where=told.where, mend=told.mend)
                told_once.__cause__ = cause
                job.error = told_once

    def _recovered(self) -> None:
        if self._failing_since is not None:
            self._failing_since = None
            log.warning("store.recovered")

    def _connect(self) -> Connection:
        if self._connection is None:
            try:
                connection = self._engine.connect()
            except DBAPIError as error:
                raise self._describe(error) from error
            try:
                self._prepare(connection)
                connection.rollback()
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(SQLAlchemyError):
                self._connection.invalidate()
                self._connection.close()
            self._connection = None

    def _cut_log(self) -> None:
        if self._wal is None:
            return
        with contextlib.suppress(OSError):
            size = self._wal.stat().st_size
            if size > self._cut_above:
                self._checkpoint("PASSIVE")
                self._checkpoint("TRUNCATE")
                # A long reader may keep the log from being cut; then it is not tried again at every commit.
                self._cut_above = max(self._wal_cap, self._wal.stat().st_size + self._wal_cap // 4)

    def _checkpoint(self, mode: str) -> None:
        if self._wal is None or self._connection is None:
            return
        driver: Any = self._connection.connection.driver_connection
        with contextlib.suppress(driver.Error):
            driver.execute("PRAGMA busy_timeout=0")
            try:
                driver.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
            finally:
                driver.execute("PRAGMA busy_timeout=5000")


class _Undone(Exception):
    """The only unit of a transaction failed on its own: the transaction goes, the connection stays."""

    def __init__(self, job: _Job, cause: Exception) -> None:
        super().__init__(str(cause))
        self.job = job
        self.cause = cause


def _attempt(connection: Connection, job: _Job, *, alone: bool) -> None:
    """Runs one unit inside the open transaction. Raises for what concerns the whole transaction only."""
    if not alone:
        connection.exec_driver_sql("SAVEPOINT unit")
    try:
        job.answer = job.unit(connection)
    except Exception as error:  # the bulkhead between neighbours of one transaction
        if isinstance(error, DBAPIError) and not isinstance(error, _OF_THE_UNIT):
            raise
        forget_cached(connection)
        cause = refused(error)
        if alone:
            raise _Undone(job, cause) from error
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT unit")
        connection.exec_driver_sql("RELEASE SAVEPOINT unit")
        job.error = cause
        return
    if not alone:
        connection.exec_driver_sql("RELEASE SAVEPOINT unit")


def _settle(jobs: list[_Job]) -> None:
    """Tells all who wait, in one call into each loop."""
    waiting: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in jobs:
        if job.future is not None:
            waiting.setdefault(job.future.get_loop(), []).append(job)
    for loop, own in waiting.items():
        # A loop that has ended waits for nothing.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle_here, own)


def _settle_here(jobs: list[_Job]) -> None:
    for job in jobs:
        job.settle()


def refused(error: Exception) -> Exception:
    """What the caller of a unit gets: a StoreError for what the database refused, else the error itself."""
    if not isinstance(error, DBAPIError):
        return error
    words = " ".join(str(error.orig).split())
    told = StoreError(f"the database refused it: {words[:200]}")
    told.__cause__ = error
    return told


def forget_cached(connection: Connection) -> None:
    """Drops what units remembered on this connection: part of it may have been undone."""
    connection.info.pop("series", None)


def _touch(connection: Connection) -> None:
    connection.exec_driver_sql("UPDATE control SET changes = changes WHERE id = 1")
