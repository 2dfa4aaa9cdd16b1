"""Interest paid: the charges themselves, and their sums by day or asset."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from sqlalchemy import Connection, select

from monitor.core.account import InterestCharge
from monitor.store import tables
from monitor.store.rows import charge_of


@dataclass(frozen=True, slots=True)
class ChargeRow:
    """One charge and whose it was."""

    account: str
    charge: InterestCharge


@dataclass(frozen=True, slots=True)
class InterestSum:
    """Charges of one asset in one scope, together; `day` (UTC) None: over the whole time asked for."""

    day: date | None
    asset: str
    account: str
    scope: str
    symbol: str
    interest: Decimal
    charges: int


def read_charges(
    connection: Connection,
    *,
    account: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[ChargeRow, ...]:
    """The charges from `since` to before `until`, oldest first."""
    table = tables.interest
    wanted = select(table).order_by(table.c.charged_at, table.c.id)
    if account is not None:
        wanted = wanted.where(table.c.account == account)
    if since is not None:
        wanted = wanted.where(table.c.charged_at >= since)
    if until is not None:
        wanted = wanted.where(table.c.charged_at < until)
    return tuple(ChargeRow(row["account"], charge_of(row)) for row in connection.execute(wanted).mappings())


def read_interest(
    connection: Connection,
    *,
    by: Literal["day", "asset"],
    account: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[InterestSum, ...]:
    """Sums of charges, exact, by day and asset or by asset alone, oldest day first."""
    sums: dict[tuple[date | None, str, str, str], tuple[Decimal, int]] = {}
    for row in read_charges(connection, account=account, since=since, until=until):
        charge = row.charge
        day = charge.charged_at.date() if by == "day" else None
        key = (day, charge.asset, row.account, charge.scope.symbol)
        total, count = sums.get(key, (Decimal(0), 0))
        sums[key] = (total + charge.interest, count + 1)
    ordered = sorted(sums.items(), key=lambda item: (item[0][0] or date.min, *item[0][1:]))
    return tuple(
        InterestSum(day, asset, account, "isolated" if symbol else "cross", symbol, total, count)
        for (day, asset, account, symbol), (total, count) in ordered
    )
