"""Amounts and times come back exactly as they went in."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Engine, MetaData, Table, insert, select, text

from monitor.store.db import connections as opening
from monitor.store.schema.columns import AmountType, TimestampType, to_milliseconds

table = Table("probe", MetaData(), Column("amount", AmountType), Column("moment", TimestampType))

THIRTY_DIGITS = (
    "123456789012345678901234567890",
    "0.000000000000000000000000000001",
    "12345678901234567890.0123456789",
    "-999999999999999.999999999999999",
    "1E+29",
    "1E-30",
    "0E-8",
    "0.10",
)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = opening.writing_engine(opening.parse_url(database_url))
    with engine.begin() as connection:
        table.create(connection)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("written", THIRTY_DIGITS)
def test_thirty_digits_come_back(engine: Engine, written: str) -> None:
    with engine.begin() as connection:
        connection.execute(insert(table), {"amount": Decimal(written)})
        read = connection.execute(select(table.c.amount)).scalar_one()
        lying = connection.execute(text("SELECT CAST(amount AS TEXT) FROM probe")).scalar_one()
    assert read == Decimal(written)
    assert lying == format(Decimal(written), "f")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.decimals(allow_nan=False, allow_infinity=False, places=15, min_value=-(10**15), max_value=10**15))
def test_any_amount_comes_back(engine: Engine, amount: Decimal) -> None:
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM probe"))
        connection.execute(insert(table), {"amount": amount})
        assert connection.execute(select(table.c.amount)).scalar_one() == amount


def test_infinity_is_kept_and_not_a_number_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(insert(table), {"amount": Decimal("Infinity")})
        assert connection.execute(select(table.c.amount)).scalar_one() == Decimal("Infinity")
        with pytest.raises(Exception, match="not a number"):
            connection.execute(insert(table), {"amount": Decimal("NaN")})


def test_a_time_is_whole_milliseconds_utc(engine: Engine) -> None:
    berlin = timezone(timedelta(hours=2))
    moment = datetime(2025, 10, 10, 23, 14, 5, 123999, tzinfo=berlin)
    with engine.begin() as connection:
        connection.execute(insert(table), {"moment": moment})
        assert connection.execute(text("SELECT moment FROM probe")).scalar_one() == 1760130845123
        assert connection.execute(select(table.c.moment)).scalar_one() == datetime(
            2025, 10, 10, 21, 14, 5, 123000, tzinfo=UTC
        )


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(TypeError):
        to_milliseconds(datetime(2025, 10, 10))  # noqa: DTZ001 – that is the point
