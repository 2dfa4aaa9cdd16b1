"""Column types for amounts and times, exact on SQLite and PostgreSQL, and readable by people."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, MetaData, Numeric, Text, text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

metadata = MetaData()
"""The metadata of every table."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

Id = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit id that SQLite assigns itself when it is the primary key."""


class AmountType(TypeDecorator[Decimal]):
    """An exact Decimal: NUMERIC on PostgreSQL, text without exponent on SQLite (whose numbers are floats).

    Infinity is kept; NaN is refused with ValueError, since no figure of ours may be one.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        native: TypeEngine[Any] = Numeric(asdecimal=True) if dialect.name == "postgresql" else Text()
        return dialect.type_descriptor(native)

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.is_nan():
            raise ValueError("not a number can't be stored as an amount")
        return value if dialect.name == "postgresql" else format(value, "f")

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


class TimestampType(TypeDecorator[datetime]):
    """An aware time, as whole milliseconds since 1970 UTC (finer parts are cut off)."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_milliseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else EPOCH + timedelta(milliseconds=value)


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Return an index of the rows of `where` alone, on both databases.

    Only SQLite's option names them: PostgreSQL's would load its dialect with each command. Tables are created by the
    migrations, which name both.
    """
    return Index(name, *columns, unique=unique, sqlite_where=text(where))


def to_milliseconds(time: datetime) -> int:
    """Return whole milliseconds since 1970 UTC. Raises TypeError for a naive time."""
    return (time - EPOCH) // _MILLISECOND
