"""Reads beside the writer, on connections that cannot write."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from monitor.errors import MonitorError, StoreError
from monitor.store.db import connections as opening
from monitor.store.db.open_connections import OpenConnections
from monitor.store.db.worker_threads import WorkerThreads

T = TypeVar("T")

READ_TIMEOUT_S = 5.0
"""Seconds that a caller waits for a read."""

READER_THREADS = 2


class DatabaseReader:
    """Threads that run reading functions of the database."""

    def __init__(self, engine: Engine, url: URL, name: str = "store-reader") -> None:
        self._engine = engine
        self._url = url
        self._threads = WorkerThreads(
            name, READER_THREADS, READ_TIMEOUT_S, "the database", OpenConnections(engine).abort_all
        )

    async def run(self, function: Callable[[Connection], T]) -> T:
        """Return the function's result. Raises StoreError, also when the database does not answer in time."""
        return await self._threads.run(lambda: read_once(self._engine, self._url, function))

    def close(self) -> None:
        """Release the database; threads that hang are left behind."""
        self._threads.close()
        with contextlib.suppress(SQLAlchemyError):
            self._engine.dispose()


def read_once(engine: Engine, url: URL, function: Callable[[Connection], T]) -> T:
    """Return the function's result for one state of the database. Raises StoreError."""
    with explain_errors(engine, url), engine.connect() as connection:
        return function(connection)


@contextlib.contextmanager
def explain_errors(engine: Engine, url: URL) -> Iterator[None]:
    """Turn every error of a read into a StoreError with the remedy."""
    try:
        yield
    except DBAPIError as error:
        # Connections to a file that was replaced would go on reading the old one.
        engine.dispose()
        raise opening.unreachable_error(url, error) from error
    except MonitorError:
        raise
    except SQLAlchemyError as error:
        raise StoreError(f"reading {opening.display_url(url)} failed: {error}") from error
    except Exception as error:
        # A row that no program of ours wrote, or a damaged one, is as useless as a page that can't be read.
        raise StoreError(
            f"what the database {opening.display_url(url)} holds can't be understood ({type(error).__name__}: {error})",
            mend="look for what was changed by hand; `margin-monitor db check` looks for damage",
        ) from error
