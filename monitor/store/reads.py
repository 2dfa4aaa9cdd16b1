"""Several reads as one query, on a command's database or on one connection of the daemon's."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection

P = ParamSpec("P")
T = TypeVar("T")


class Reads(Protocol):
    """Access for reading functions, such as those of store.readers."""

    def read(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the function and return its result. Raises StoreError."""
        ...


class ConnectionReads:
    """Reads on one connection, one after another: a query in one job of a reader thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def read(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the function and return its result."""
        return function(self._connection, *args, **kwargs)


def run_query(connection: Connection, query: Callable[[Reads], T]) -> T:
    """Run a query of several reads, such as `await store.read(run_query, StatusQuery(config).read)`."""
    return query(ConnectionReads(connection))
