"""Interest paid: sums by day or asset, sums by debt, and the spans with a complete record."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from sqlalchemy import Connection, select

from monitor.core.metrics.interest_paid import MONTH, sum_interest_by_debt
from monitor.core.model.account import DebtKey, InterestCharge, InterestPaid
from monitor.core.numbers.intervals import Interval
from monitor.records.interest import InterestSumRow
from monitor.store.schema import tables
from monitor.store.schema.row_mapping import charge_from_row

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
    wanted = select(table).order_by(table.c.charged_at, table.c.id)
    if account is not None:
        wanted = wanted.where(table.c.account == account)
    if since is not None:
        wanted = wanted.where(table.c.charged_at >= since)
    if until is not None:
        wanted = wanted.where(table.c.charged_at < until)
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
    sums: dict[tuple[date | None, str, str, str], tuple[Decimal, int]] = {}
    for row in read_charges(connection, account=account, since=since, until=until):
        charge = row.charge
        day = charge.charged_at.date() if by == "day" else None
        key = (day, charge.asset, row.account, charge.scope.symbol)
        total, count = sums.get(key, (Decimal(0), 0))
        sums[key] = (total + charge.interest, count + 1)
        if max_sums is not None and len(sums) > max_sums:
            break
    ordered = sorted(sums.items(), key=lambda item: (item[0][0] or date.min, *item[0][1:]))
    return tuple(
        InterestSumRow(day, asset, account, "isolated" if symbol else "cross", symbol, total, count)
        for (day, asset, account, symbol), (total, count) in ordered
    )


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
