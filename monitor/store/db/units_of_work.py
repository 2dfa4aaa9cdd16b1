"""Units of work in one transaction: each rolled back alone, all answered in one call."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

from monitor.errors import MonitorError, PoolSharesSessions, StoreError, StoreRefused, WrongDatabaseRevision

_UNIT_ERRORS = (IntegrityError, DataError, ProgrammingError)
_UNUSABLE = (PoolSharesSessions, WrongDatabaseRevision)
"""Errors after which nothing more may be written on the connection."""

_DEADLOCK = "40P01"
MAX_TRIES = 3
"""Most tries of a transaction that the server undid since another program's and it waited for each other."""


@dataclass(slots=True)
class QueuedUnit:
    """A unit with the future of its caller; None for the writer's own units."""

    unit: Callable[[Connection], Any]
    future: asyncio.Future[Any] | None = None
    result: Any = None
    error: BaseException | None = None

    @property
    def is_awaited(self) -> bool:
        return self.future is None or not self.future.cancelled()

    def resolve(self) -> None:
        """Set the future's result or error; call in its loop."""
        if self.future is None or self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class UnitFailed(Exception):
    """The only unit of a transaction failed by itself: the transaction is rolled back, the connection stays."""

    def __init__(self, job: QueuedUnit, cause: Exception) -> None:
        super().__init__(str(cause))
        self.job = job
        self.cause = cause


def run_transaction(connection: Connection, jobs: list[QueuedUnit]) -> None:
    """Run the units in one transaction; once more where the server undid it for a deadlock with another program.

    Raises what concerns all of them, and UnitFailed for a single one.
    """
    for left in reversed(range(MAX_TRIES)):
        try:
            with connection.begin():
                for job in jobs:
                    run_unit(connection, job, alone=len(jobs) == 1)
            return
        except DBAPIError as error:
            if not left or getattr(error.orig, "sqlstate", None) != _DEADLOCK:
                raise
            clear_cache(connection)
            for job in jobs:
                job.result = job.error = None


def run_unit(connection: Connection, job: QueuedUnit, *, alone: bool) -> None:
    """Run one unit inside the open transaction. Raises only errors that concern the whole transaction."""
    if not alone:
        connection.exec_driver_sql("SAVEPOINT unit")
    try:
        job.result = job.unit(connection)
    except Exception as error:  # the bulkhead between neighbours of one transaction
        if isinstance(error, _UNUSABLE) or (isinstance(error, DBAPIError) and not isinstance(error, _UNIT_ERRORS)):
            raise
        clear_cache(connection)
        cause = caller_error(error)
        if alone:
            raise UnitFailed(job, cause) from error
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT unit")
        connection.exec_driver_sql("RELEASE SAVEPOINT unit")
        job.error = cause
        return
    if not alone:
        connection.exec_driver_sql("RELEASE SAVEPOINT unit")


def resolve_jobs(jobs: list[QueuedUnit]) -> None:
    """Set the results of all jobs, in one call into each loop."""
    waiting: dict[asyncio.AbstractEventLoop, list[QueuedUnit]] = {}
    for job in jobs:
        if job.future is not None:
            waiting.setdefault(job.future.get_loop(), []).append(job)
    for loop, own in waiting.items():
        # A loop that has ended waits for nothing.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_resolve_in_loop, own)


def _resolve_in_loop(jobs: list[QueuedUnit]) -> None:
    for job in jobs:
        job.resolve()


def caller_error(error: Exception) -> Exception:
    """Return the error for the caller of a unit: StoreRefused, or why a person's command is refused."""
    if isinstance(error, MonitorError) and (not isinstance(error, StoreError) or isinstance(error, StoreRefused)):
        return error
    what, words = f"it can't be written ({type(error).__name__})", str(error)
    if isinstance(error, DBAPIError):
        what, words = "the database refused it", str(error.orig)
    words = " ".join(words.split())
    told = StoreRefused(error.message if isinstance(error, StoreError) else f"{what}: {words[:200]}")
    told.__cause__ = error
    return told


def find_bug(error: StoreError) -> BaseException | None:
    """Return the cause whose trace belongs in the log: a bug, or a row that no program of ours wrote.

    None for what the database or the disk answered: the error's own line says all of it.
    """
    cause = error.__cause__
    return None if isinstance(cause, DBAPIError | OSError | MonitorError) else cause


def clear_cache(connection: Connection) -> None:
    """Drop what the units left on this connection: part of it may have been rolled back."""
    connection.info.pop("series", None)
    connection.info.pop("lease_proof", None)
    connection.info.pop("leases_taken", None)
