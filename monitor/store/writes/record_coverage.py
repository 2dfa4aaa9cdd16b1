"""Record coverage of each account: until when nothing is missing; a lower row means lost data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from monitor.core.model.account import Scope
from monitor.core.model.ledger import ForeignMovement
from monitor.core.numbers.durations import DAY
from monitor.store.db.prepared_statements import prepare_insert
from monitor.store.schema import tables

GAP_MOVEMENT_COLUMNS = ("account", "kind", "symbol", "asset", "amount", "at", "is_certain", "key")


@dataclass(frozen=True, slots=True)
class CoverageUpdate:
    """The accounts whose coverage was extended, and those whose row is missing or below the last extension."""

    extended: tuple[str, ...]
    behind: tuple[str, ...]


def write_coverage(
    connection: Connection, account: str, movements: Iterable[ForeignMovement], known_until: datetime | None
) -> None:
    """Record movements found in a gap, and the closing of the gap. Known movements stay, and so does a later end."""
    rows = (
        (
            account,
            movement.kind,
            movement.scope.symbol,
            movement.asset,
            movement.amount,
            movement.at,
            movement.is_certain,
            movement.key,
        )
        for movement in movements
    )
    prepare_insert(tables.found, GAP_MOVEMENT_COLUMNS, connection.dialect).run(connection, rows)
    if known_until is None:
        return
    table = tables.records
    prepare_insert(table, ("account", "known_until"), connection.dialect).run(connection, [(account, known_until)])
    later = update(table).where(table.c.account == account, table.c.known_until < known_until)
    connection.execute(later.values(known_until=known_until))


def extend_coverage(connection: Connection, accounts: Mapping[str, datetime | None], at: datetime) -> CoverageUpdate:
    """Extend the coverage of accounts to `at`. The given moments are their last extensions, where known.

    A row below that is not changed: the database has lost what was committed, or is another one.
    """
    table = tables.records
    extended, behind = [], []
    for account, last in accounts.items():
        wanted = update(table).where(table.c.account == account)
        if last is not None:
            wanted = wanted.where(table.c.known_until >= last)
        if connection.execute(wanted.values(known_until=at)).rowcount:
            extended.append(account)
        elif last is not None:
            behind.append(account)
    return CoverageUpdate(tuple(extended), tuple(behind))


def read_recorded_until(connection: Connection, account: str) -> datetime | None:
    """Return until when nothing is missing, except after a restore; None for an account never seen."""
    table = tables.records
    return connection.execute(select(table.c.known_until).where(table.c.account == account)).scalar()


def read_gap_movements(connection: Connection, account: str, now: datetime) -> tuple[ForeignMovement, ...]:
    """Return the movements in the gaps of the last day."""
    table = tables.found
    rows = connection.execute(
        select(table).where(table.c.account == account, table.c.at > now - DAY).order_by(table.c.at)
    )
    return tuple(
        ForeignMovement(row.kind, Scope(row.symbol), row.asset, row.amount, row.at, row.is_certain, row.key, row.at)
        for row in rows
    )
