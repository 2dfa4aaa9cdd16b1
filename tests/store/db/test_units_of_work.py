"""Transactions that meet those of other programs."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from monitor.store.db import connections as opening
from monitor.store.db.account_leases import AccountLeases
from monitor.store.db.units_of_work import QueuedUnit, run_transaction
from tests.support.postgres import PostgresServer

LOCK = "SELECT pg_advisory_xact_lock(%d)"
IS_WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture
def connection(postgres_server: PostgresServer, shared_name: str) -> Iterator[Connection]:
    engine = opening.writing_engine(opening.parse_url(postgres_server.url(shared_name)))
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def run_into_deadlock(connection: Connection, server: PostgresServer, database: str) -> list[QueuedUnit]:
    """Run two units, the second of which meets a deadlock with another program at its first try."""
    tries: list[str] = []
    with server.connect(database) as other:
        other.execute("SET deadlock_timeout = '10min'")
        other.execute("BEGIN")
        other.execute(LOCK % 2)

        def cross() -> None:
            other.execute(LOCK % 1)
            other.execute("COMMIT")

        crossing = threading.Thread(target=cross)

        def count(connection: Connection) -> int:
            connection.execute(text("UPDATE control SET changes = changes + 1"))
            return len(tries)

        def meet(connection: Connection) -> str:
            tries.append("met")
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text(LOCK % 1))
            if len(tries) == 1:
                crossing.start()
                while not connection.execute(text(IS_WAITING)).scalar():
                    pass
            connection.execute(text(LOCK % 2))
            return "done"

        jobs = [QueuedUnit(count), QueuedUnit(meet)]
        try:
            run_transaction(connection, jobs)
        finally:
            crossing.join()
    return jobs


def read_changes(connection: Connection) -> int:
    found: int = connection.execute(text("SELECT changes FROM control")).scalar_one()
    connection.rollback()
    return found


def test_transaction_that_met_a_deadlock_beside_other_daemons_is_done_once_more(
    connection: Connection, postgres_server: PostgresServer, shared_name: str
) -> None:
    connection.info["lease"] = AccountLeases("a daemon")
    before = read_changes(connection)
    jobs = run_into_deadlock(connection, postgres_server, shared_name)
    assert [job.result for job in jobs] == [1, "done"]
    assert [job.error for job in jobs] == [None, None]
    assert read_changes(connection) == before + 1


def test_deadlock_is_an_error_for_who_has_the_whole_database(
    connection: Connection, postgres_server: PostgresServer, shared_name: str
) -> None:
    before = read_changes(connection)
    with pytest.raises(OperationalError, match="deadlock"):
        run_into_deadlock(connection, postgres_server, shared_name)
    assert read_changes(connection) == before
