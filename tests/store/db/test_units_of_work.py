"""Transactions that meet those of other programs."""

import threading

from sqlalchemy import Connection, text

from monitor.store.db import connections as opening
from monitor.store.db.units_of_work import QueuedUnit, run_transaction
from tests.support.postgres import PostgresServer

LOCK = "SELECT pg_advisory_xact_lock(%d)"
IS_WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def test_transaction_that_met_a_deadlock_is_done_once_more(postgres_server: PostgresServer, shared_name: str) -> None:
    engine = opening.writing_engine(opening.parse_url(postgres_server.url(shared_name)))
    tries: list[str] = []
    with engine.connect() as connection, postgres_server.connect(shared_name) as other:
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

        before = connection.execute(text("SELECT changes FROM control")).scalar_one()
        connection.rollback()
        jobs = [QueuedUnit(count), QueuedUnit(meet)]
        run_transaction(connection, jobs)
        crossing.join()
        assert [job.result for job in jobs] == [1, "done"]
        assert [job.error for job in jobs] == [None, None]
        assert connection.execute(text("SELECT changes FROM control")).scalar_one() == before + 1
    engine.dispose()
