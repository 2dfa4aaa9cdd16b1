"""Precompiled inserts for events, samples, alerts and deliveries."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Insert, Table, insert
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

from monitor.store.schema.columns import TimestampType, to_milliseconds

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

Convert = Callable[[Any], Any]


class PreparedInsert:
    """INSERT of whole rows into one table, except those whose key exists."""

    def __init__(self, table: Table, columns: tuple[str, ...], dialect: Dialect) -> None:
        compiled = insert_new_rows(table, dialect).compile(dialect=dialect, column_keys=list(columns))
        self._sql = str(compiled)
        if compiled.positiontup not in (None, list(columns)):
            raise ValueError(f"the columns of {table.name} must stand in the table's own order")
        self._columns = columns
        self._has_named_parameters = dialect.paramstyle != "qmark"
        converters = ((index, _converter(table.c[name].type, dialect)) for index, name in enumerate(columns))
        self._converters = [(index, convert) for index, convert in converters if convert is not None]

    def run(self, connection: Connection, rows: Iterable[tuple[Any, ...]]) -> int:
        """Insert rows and return how many were new. A row has its values in the order of the given columns."""
        converted: list[Any] = []
        for row in rows:
            values = list(row)
            for index, convert in self._converters:
                if values[index] is not None:
                    values[index] = convert(values[index])
            converted.append(tuple(values))
        if not converted:
            return 0
        if self._has_named_parameters:
            converted = [dict(zip(self._columns, row, strict=True)) for row in converted]
        with _driver_cursor(connection, self._sql) as cursor:
            cursor.executemany(self._sql, converted)
            return int(cursor.rowcount)


class PreparedRowWrite:
    """A statement that writes one whole row of a table, such as an upsert. The database fills excluded columns."""

    def __init__(self, statement: Insert, table: Table, dialect: Dialect, excluded: tuple[str, ...] = ()) -> None:
        self._columns = [column.name for column in table.columns if column.name not in excluded]
        compiled = statement.compile(dialect=dialect, column_keys=self._columns)
        self._sql = str(compiled)
        self._order = list(compiled.positiontup) if compiled.positiontup is not None else None
        self._converters = {name: _converter(table.c[name].type, dialect) for name in self._columns}

    def run(self, connection: Connection, row: Mapping[str, Any]) -> int:
        """Write the row, which has a value for every column; return how many rows were written."""
        with _driver_cursor(connection, self._sql) as cursor:
            cursor.execute(self._sql, self._parameters(row))
            return int(cursor.rowcount)

    def run_returning_id(self, connection: Connection, row: Mapping[str, Any]) -> int:
        """Write the row and return the one value that the statement returns for it."""
        with _driver_cursor(connection, self._sql) as cursor:
            cursor.execute(self._sql, self._parameters(row))
            return int(cursor.fetchone()[0])

    def _parameters(self, row: Mapping[str, Any]) -> Any:
        values = {
            name: row[name] if convert is None or row[name] is None else convert(row[name])
            for name, convert in self._converters.items()
        }
        return values if self._order is None else tuple(values[name] for name in self._order)


@contextlib.contextmanager
def _driver_cursor(connection: Connection, sql: str) -> Iterator[Any]:
    """Yield a cursor of the driver in the connection's transaction; errors are raised as SQLAlchemy's.

    SQLAlchemy's own execution costs as much again as the statement.
    """
    if not connection.in_transaction():
        connection.begin()
    dialect: Any = connection.dialect
    cursor = connection.connection.cursor()
    try:
        yield cursor
    except dialect.dbapi.Error as error:
        raise DBAPIError.instance(
            sql, None, error, dialect.dbapi.Error, hide_parameters=True, dialect=dialect
        ) from error
    finally:
        cursor.close()


def _converter(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    # The type's full conversion costs as much as the insert itself.
    return to_milliseconds if isinstance(kind, TimestampType) else kind.bind_processor(dialect)


@lru_cache(maxsize=16)
def prepare_insert(table: Table, columns: tuple[str, ...], dialect: Dialect) -> PreparedInsert:
    """Return the compiled insert of these columns for this database."""
    return PreparedInsert(table, columns, dialect)


@lru_cache(maxsize=16)
def prepare_upsert(
    table: Table, dialect: Dialect, keys: tuple[str, ...], guard: tuple[str, ...] = ()
) -> PreparedRowWrite:
    """Return the statement of `upsert`, compiled for this database."""
    return PreparedRowWrite(upsert(table, dialect, keys, guard), table, dialect)


@lru_cache(maxsize=16)
def prepare_insert_returning_id(table: Table, dialect: Dialect) -> PreparedRowWrite:
    """Return an INSERT of a row without its `id`; the result is the id that the database assigned."""
    return PreparedRowWrite(insert(table).returning(table.c.id), table, dialect, excluded=("id",))


def insert_new_rows(table: Table, dialect: Dialect) -> Insert:
    """Return INSERT … ON CONFLICT DO NOTHING in the dialect of the database."""
    return _dialect_insert(table, dialect.name).on_conflict_do_nothing()


def _dialect_insert(table: Table, dialect: str) -> "postgresql.Insert | sqlite.Insert":
    # Only the one that is used is loaded: PostgreSQL's takes a tenth of the start of a command.
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def upsert(table: Table, dialect: Dialect, keys: tuple[str, ...], guard: tuple[str, ...] = ()) -> Insert:
    """Return INSERT … ON CONFLICT (keys) DO UPDATE of every other column, if the `guard` columns stay the same.

    The result's rowcount shows whether a row was written.
    """
    return _upsert(table, dialect.name, keys, guard)


@lru_cache
def _upsert(table: Table, dialect: str, keys: tuple[str, ...], guard: tuple[str, ...]) -> Insert:
    statement = _dialect_insert(table, dialect)
    changed: Mapping[str, Any] = {
        column.name: statement.excluded[column.name]
        for column in table.columns
        if column.name not in keys and column.name not in guard
    }
    where = None
    for name in guard:
        same = table.c[name] == statement.excluded[name]
        where = same if where is None else where & same
    replacing = statement.on_conflict_do_update(index_elements=list(keys), set_=changed, where=where)
    return replacing.execution_options(preserve_rowcount=True)
