"""Interest paid: sums by day or asset, sums by debt, and the spans with a complete record."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from sqlalchemy import BigInteger, ColumnElement, Connection, Text, cast, func, literal_column, select, type_coerce

from monitor.core.metrics.interest_paid import MONTH, sum_interest_by_debt
from monitor.core.model.account import DebtKey, InterestCharge, InterestPaid
from monitor.core.numbers.intervals import Interval
from monitor.records.interest import InterestSumRow
from monitor.store.schema import tables
from monitor.store.schema.columns import EPOCH
from monitor.store.schema.row_mapping import charge_from_row

_DAY_MS = 86_400_000

_FETCH_ROWS = 1_000
"""Rows in memory at a time: a month of many pairs is tens of thousands."""


@dataclass(frozen=True, slots=True)
class InterestChargeRow:
    """One charge with its account."""

    account: str
    charge: InterestCharge


def read_charges(
    connection: Connection,
    *,
    account: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[InterestChargeRow]:
    """Return the charges from `since` to before `until`, oldest first; usable while the connection is open."""
    table = tables.interest
    wanted = select(table).where(*_matching(account, since, until)).order_by(table.c.charged_at, table.c.id)
    rows = connection.execution_options(yield_per=_FETCH_ROWS).execute(wanted)
    return (InterestChargeRow(row["account"], charge_from_row(row)) for row in rows.mappings())


def read_interest(
    connection: Connection,
    *,
    by: Literal["day", "asset"],
    account: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    max_sums: int | None = None,
) -> tuple[InterestSumRow, ...]:
    """Return exact sums of charges, by day and asset or by asset alone, oldest day first.

    With more than `max_sums` of them reading ends: then one more is returned, and none of them is whole.
    """
    table = tables.interest
    day = type_coerce(table.c.charged_at, BigInteger) // _DAY_MS if by == "day" else literal_column("0")
    # The database groups the amounts, and exact sums are made here: SQLite adds in floats.
    amounts = func.aggregate_strings(cast(table.c.interest, Text), " ")
    keys = (table.c.asset, table.c.account, table.c.symbol)
    wanted = select(day.label("day"), *keys, amounts.label("amounts")).group_by("day", *keys)
    wanted = wanted.where(*_matching(account, since, until))
    if max_sums is not None:
        wanted = wanted.limit(max_sums + 1)
    found = sorted(connection.execute(wanted).all(), key=lambda row: tuple(row)[:4])
    return tuple(
        _sum_row(None if by == "asset" else (EPOCH + timedelta(days=number)).date(), asset, name, symbol, text.split())
        for number, asset, name, symbol, text in found
    )


def _sum_row(day: date | None, asset: str, account: str, symbol: str, charges: Sequence[str]) -> InterestSumRow:
    total = sum(map(Decimal, charges), Decimal(0))
    return InterestSumRow(day, asset, account, "isolated" if symbol else "cross", symbol, total, len(charges))


def _matching(account: str | None, since: datetime | None, until: datetime | None) -> tuple[ColumnElement[bool], ...]:
    table = tables.interest
    found = []
    if account is not None:
        found.append(table.c.account == account)
    if since is not None:
        found.append(table.c.charged_at >= since)
    if until is not None:
        found.append(table.c.charged_at < until)
    return tuple(found)


def read_interest_paid(connection: Connection, account: str, now: datetime) -> Mapping[DebtKey, InterestPaid]:
    """Return the interest paid on each debt of an account, from its recorded charges."""
    return sum_interest_by_debt(
        (row.charge for row in read_charges(connection, account=account, since=now - MONTH)), now
    )


def read_recorded_spans(
    connection: Connection, account: str | None = None
) -> Mapping[tuple[str, str], tuple[Interval, ...]]:
    """Return the spans in which every charge is recorded, oldest first, by account and pair (empty: cross)."""
    table = tables.interest_spans
    wanted = select(table).order_by(table.c.account, table.c.symbol, table.c.since)
    if account is not None:
        wanted = wanted.where(table.c.account == account)
    found: dict[tuple[str, str], tuple[Interval, ...]] = {}
    for row in connection.execute(wanted):
        key = (row.account, row.symbol)
        found[key] = (*found.get(key, ()), (row.since, row.until))
    return found
