"""The one writer: a thread that owns the only connection that writes, and commits whatever has gathered at once."""

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
from monitor.store.db.connections import BUSY_TIMEOUT_S
from monitor.store.db.jobs import Job, Undone, attempt, settle
from monitor.store.db.open_connections import Lines

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE_S = 3.0
"""How long anybody waits for the database; after that it counts as failing until it answers."""

CUT_AFTER_S = 10.0
"""A server that has not answered for so long is waited for no more: the line to it is cut."""

WATCH_S = 1.0

QUIET_S = 0.25
"""How long nothing must have been written before the log is copied into the database file."""

CLOSE_S = 8.0
"""How long an orderly end waits for what is queued to be written."""

FIRST_RETRY_S = 0.1
RETRY_S = 1.0
"""How often a failing database is tried."""

WAL_CAP_BYTES = 64 * 1024 * 1024
"""From this size on the log is cut, busy or not."""

BATCH = 2_000
"""The most units in one transaction, so that a long queue does not become one endless commit."""

_NOT_YET = StoreError("the database is not open yet")


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
        before: Callable[[], None] = lambda: None,
        has_moved: Callable[[], bool] = lambda: False,
    ) -> None:
        self._engine = engine
        self._lines = Lines(engine)
        self._before = before
        self._has_moved = has_moved
        self._prepare = prepare
        self._describe = describe
        self._wal = wal
        self._wal_cap = wal_cap
        self._cut_above = wal_cap
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._connection: Connection | None = None
        self._failing_since: float | None = None
        self._busy_since: float | None = None
        self._trouble: StoreError | None = None
        self._retry_s = FIRST_RETRY_S
        self._closed = False
        self._gate = threading.Lock()
        self._unsaved = False
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)

    def start(self) -> None:
        """Connects and begins to work. Raises what connecting raises."""
        self._connect()
        self._thread.start()
        self._watch()

    def start_unconnected(self) -> None:
        """Begins to work without a connection: it is failing until there is one."""
        self._failing_since = time.monotonic()
        self._trouble = _NOT_YET
        self._jobs.put(Job(_touch))
        self._thread.start()
        self._watch()

    async def do(self, unit: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `unit` returns, once it is durable. Cancelled before it began, it does not happen at all.

        Raises StoreError. One that it took too long may come after the unit happened, or before it does.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        with self._gate:
            if self._closed:
                raise StoreError("the database is closed")
            if (trouble := self.trouble) is not None:
                # It is tried again by itself; nobody has to wait for that.
                raise _again(trouble)
            self._jobs.put(Job(lambda connection: unit(connection, *args, **kwargs), future))
        try:
            # Not `timeout`: an answer that is there counts, however late this loop comes to look.
            await asyncio.wait((future,), timeout=PATIENCE_S)
            if future.done():
                return future.result()
        finally:
            future.cancel()
        raise StoreError(f"the database has not answered for {PATIENCE_S:.0f} s")

    @property
    def failing_for_s(self) -> float | None:
        """Seconds of the machine since writing began to fail, None while it works."""
        since = self._failing_since
        return self._stuck_for_s if since is None else time.monotonic() - since

    @property
    def trouble(self) -> StoreError | None:
        """Why writing fails, None while it works."""
        if self._failing_since is None and (stuck_s := self._stuck_for_s) is not None:
            return StoreError(f"the database has not answered for {stuck_s:.0f} s")
        return self._trouble

    @property
    def is_opening(self) -> bool:
        """Whether the first attempt to connect is still under way."""
        return self._trouble is _NOT_YET

    @property
    def _stuck_for_s(self) -> float | None:
        """How long the database has not answered, None while that is not long."""
        since = self._busy_since
        waited_s = 0.0 if since is None else time.monotonic() - since
        return waited_s if waited_s > PATIENCE_S else None

    def close(self) -> None:
        """Writes what is queued, then stops; a database that does not answer is waited for no longer than is due.

        Later units fail.
        """
        with self._gate:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            self._lines.cut()
            self._thread.join(WATCH_S)

    def _watch(self) -> None:
        if self._engine.dialect.name == "postgresql":
            threading.Thread(target=self._cut_what_hangs, name="store-watch", daemon=True).start()

    def _cut_what_hangs(self) -> None:
        while self._thread.is_alive():
            time.sleep(WATCH_S)
            since = self._busy_since
            if since is not None and time.monotonic() - since > CUT_AFTER_S and self._lines.cut():
                log.warning("store.line_cut why='no answer for %.0f s'", time.monotonic() - since)

    def _run(self) -> None:
        open_ended = True
        while open_ended:
            jobs, open_ended = self._gather()
            if jobs:
                with self._busy():
                    self._write(jobs)
        with self._busy():
            self._checkpoint("TRUNCATE")
            self._disconnect()

    @contextlib.contextmanager
    def _busy(self) -> Iterator[None]:
        """While the thread may wait for the database."""
        self._busy_since = time.monotonic()
        try:
            yield
        finally:
            self._busy_since = None

    def _gather(self) -> tuple[list[Job], bool]:
        """The jobs waiting now, and whether more may follow; waits for the first, tidying up meanwhile."""
        jobs: list[Job] = []
        while len(jobs) < BATCH:
            try:
                job = self._jobs.get_nowait() if jobs else self._first()
            except Empty:
                return jobs, True
            if job is None:
                return jobs, False
            jobs.append(job)
        return jobs, True

    def _first(self) -> Job | None:
        if self._failing_since is not None:
            try:
                return self._jobs.get(timeout=self._retry_s)
            except Empty:
                self._retry_s = min(2 * self._retry_s, RETRY_S)
                with self._busy():
                    self._write([Job(_touch)])
                raise
        if self._unsaved:
            try:
                return self._jobs.get(timeout=QUIET_S)
            except Empty:
                with self._busy():
                    self._checkpoint("PASSIVE")
                self._unsaved = False
        return self._jobs.get()

    def _write(self, jobs: list[Job]) -> None:
        wanted = [job for job in jobs if job.is_wanted]
        if not wanted:
            return
        try:
            connection = self._connect()
            with connection.begin():
                for job in wanted:
                    attempt(connection, job, alone=len(wanted) == 1)
        except Undone as undone:
            undone.job.error = undone.cause
            self._recovered()
        except DBAPIError as error:
            self._failed(wanted, self._describe(error), error)
        except Exception as error:  # noqa: BLE001 – the bulkhead of the thread: every caller gets an answer
            told = error if isinstance(error, StoreError) else StoreError(f"writing failed: {error}")
            self._failed(wanted, told, error)
        else:
            self._recovered()
            self._unsaved = True
        settle(wanted)
        self._cut_log()

    def _failed(self, jobs: list[Job], told: StoreError, cause: Exception) -> None:
        if self._failing_since is None:
            self._failing_since = time.monotonic()
        if self._trouble is None or self._trouble.message != told.message:
            log.error("store.failing cause=%s", told)
        self._trouble = told
        self._disconnect()
        for job in jobs:
            # A unit that already failed on its own has its answer.
            if job.error is None:
                job.error = _again(told, cause)

    def _recovered(self) -> None:
        if self._failing_since is not None:
            self._failing_since = self._trouble = None
            self._retry_s = FIRST_RETRY_S
            log.warning("store.recovered")

    def _connect(self) -> Connection:
        if self._connection is not None and self._has_moved():
            log.warning("store.moved why='another file lies where the database was'")
            self._disconnect()
        if self._connection is None:
            self._before()
            try:
                connection = self._engine.connect()
            except DBAPIError as error:
                raise self._describe(error) from error
            try:
                self._prepare(connection)
                connection.rollback()
            except DBAPIError as error:
                _drop(connection)
                raise self._describe(error) from error
            except BaseException:
                _drop(connection)
                raise
            self._connection = connection
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            _drop(self._connection)
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
                driver.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000}")


def _again(error: StoreError, cause: Exception | None = None) -> StoreError:
    """The same error for one more caller."""
    told = type(error)(error.message, where=error.where, mend=error.mend)
    told.__cause__ = cause
    return told


def _drop(connection: Connection) -> None:
    with contextlib.suppress(SQLAlchemyError):
        connection.invalidate()
        connection.close()


def _touch(connection: Connection) -> None:
    connection.exec_driver_sql("UPDATE control SET changes = changes WHERE id = 1")
