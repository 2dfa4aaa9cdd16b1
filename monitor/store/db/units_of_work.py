"""Units of work in one transaction: each rolled back alone, all answered in one call."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, update
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

from monitor.errors import MonitorError, PoolSharesSessions, StoreError, StoreRefused, WrongDatabaseRevision
from monitor.store.db.connection_leases import held_accounts, holder_name
from monitor.store.schema import tables

_UNIT_ERRORS = (IntegrityError, DataError, ProgrammingError)
_UNUSABLE = (PoolSharesSessions, WrongDatabaseRevision)
"""Errors after which nothing more may be written on the connection."""

_DEADLOCK = "40P01"
_LOCK_TIMEOUT = "55P03"
MAX_TRIES = 3
"""Most tries of a transaction that the server undid since another program's and it waited for each other."""

_WAIT_SHORTLY = "SET LOCAL lock_timeout = '50ms'"
"""For the other units of a transaction after one that waited in vain: together they must not take long."""

_LEASE_STATE = ("lease_proof", "lease_changes")
"""What a transaction leaves of leases on its connection until it is durable."""


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
    """Run the units in one transaction. Raises what concerns all of them, and UnitFailed for a single one.

    Where several daemons share the database, it is run once more if the server undid it for a deadlock.
    """
    for left in reversed(range(MAX_TRIES)):
        try:
            with connection.begin():
                for job in jobs:
                    run_unit(connection, job, alone=len(jobs) == 1)
            return
        except DBAPIError as error:
            if not left or not _is_met_while_sharing(connection, error, _DEADLOCK):
                raise
            clear_cache(connection)
            for job in jobs:
                job.result = job.error = None


def run_unit(connection: Connection, job: QueuedUnit, *, alone: bool) -> None:
    """Run one unit inside the open transaction. Raises only errors that concern the whole transaction.

    Where several daemons share the database, a unit that waits for a lock in vain fails alone: the one that has it may
    be frozen, and with another connection this daemon would lose its accounts, and wait as long.
    """
    before = {name: connection.info[name] for name in _LEASE_STATE if name in connection.info}
    if not alone:
        connection.exec_driver_sql("SAVEPOINT unit")
    try:
        job.result = job.unit(connection)
    except Exception as error:  # the bulkhead between neighbours of one transaction
        is_late = _is_met_while_sharing(connection, error, _LOCK_TIMEOUT)
        concerns_all = isinstance(error, DBAPIError) and not isinstance(error, _UNIT_ERRORS) and not is_late
        if concerns_all or isinstance(error, _UNUSABLE):
            raise
        clear_cache(connection, before)
        cause = _lock_error(error) if is_late else caller_error(error)
        if alone:
            raise UnitFailed(job, cause) from error
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT unit")
        connection.exec_driver_sql("RELEASE SAVEPOINT unit")
        if is_late:
            connection.exec_driver_sql(_WAIT_SHORTLY)
        job.error = cause
        return
    if not alone:
        connection.exec_driver_sql("RELEASE SAVEPOINT unit")


def probe(connection: Connection) -> None:
    """Write without a change, to learn whether the database takes it.

    A daemon that shares the database writes its own row, which no other one locks.
    """
    if held_accounts(connection) is None:
        connection.exec_driver_sql("UPDATE control SET changes = changes WHERE id = 1")
    else:
        table = tables.daemons
        connection.execute(update(table).where(table.c.id == holder_name(connection)).values(pid=table.c.pid))


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


def clear_cache(connection: Connection, leases: Mapping[str, object] | None = None) -> None:
    """Drop what the units left on this connection: part of it may have been rolled back.

    `leases`: what was known of them before the part that is rolled back, which stays.
    """
    for name in ("series", *_LEASE_STATE):
        connection.info.pop(name, None)
    connection.info.update(leases or {})


def _is_met_while_sharing(connection: Connection, error: Exception, sqlstate: str) -> bool:
    """Return whether it is that error of the server, on a connection whose daemon shares the database with others."""
    is_it = isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == sqlstate
    return is_it and held_accounts(connection) is not None


def _lock_error(error: Exception) -> StoreError:
    """Return the error for the caller of a unit that waited for a lock in vain: later it may have it."""
    told = StoreError("another program has locked what is to be changed", mend="try again in a moment")
    told.__cause__ = error
    return told
