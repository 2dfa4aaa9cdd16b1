"""The database as commands use it, beside the daemon: to read, or to write what people order."""

import contextlib
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Concatenate, Final, ParamSpec, Self, TypeVar, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from monitor.store.db import connections as opening
from monitor.store.db.reader import explain_errors, read_once

P = ParamSpec("P")
T = TypeVar("T")

_END: Final = object()


class _OpenDatabase:
    """A database that a command holds open until the end of its `with`."""

    def __init__(self, engine: Engine, url: URL) -> None:
        self._engine = engine
        self._url = url

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class ReadStore(_OpenDatabase):
    """The database as a command reads it, with or without a running daemon. It is never created or changed."""

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the database. Raises StoreError, with the remedy, without one of this program's revision."""
        parsed = opening.parse_url(url)
        opening.check_present(parsed)
        engine = opening.reading_engine(parsed)
        read_once(engine, parsed, lambda connection: opening.check_revision(connection, parsed))
        return cls(engine, parsed)

    def read(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a reading function, such as those of store.readers, on one state of the database."""
        return read_once(self._engine, self._url, lambda connection: function(connection, *args, **kwargs))

    def stream(
        self, function: Callable[Concatenate[Connection, P], Iterator[T]], *args: P.args, **kwargs: P.kwargs
    ) -> Iterator[T]:
        """The items of a reading function, one after another, all of one state of the database. Raises StoreError."""
        with contextlib.ExitStack() as opened:
            with explain_errors(self._engine, self._url):
                connection = opened.enter_context(self._engine.connect())
                opening.allow_slow_consumer(connection)
                items = function(connection, *args, **kwargs)
            while True:
                with explain_errors(self._engine, self._url):
                    item = next(items, _END)
                if item is _END:
                    return
                yield cast("T", item)


class CommandStore(_OpenDatabase):
    """The database as a command writes a person's commands into it, with or without a running daemon."""

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the database. Raises StoreError, with the remedy, without one of this program's revision."""
        ReadStore.open(url).close()
        parsed = opening.parse_url(url)
        return cls(opening.writing_engine(parsed), parsed)

    def read(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a reading function, which waits for no writer."""
        engine = opening.reading_engine(self._url)
        try:
            return read_once(engine, self._url, lambda connection: function(connection, *args, **kwargs))
        finally:
            engine.dispose()

    def execute(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a writing function of store.writes in one transaction, durable on return.

        Raises StoreError where the schema is not this program's any more.
        """
        try:
            with self._engine.begin() as connection:
                opening.keep_revision(connection, self._url)
                return function(connection, *args, **kwargs)
        except DBAPIError as error:
            raise opening.unreachable_error(self._url, error) from error
