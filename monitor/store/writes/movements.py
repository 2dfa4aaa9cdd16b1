"""Movements of money, each recorded once, and lending terms, each change recorded."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, select

from monitor.core.model.account import Scope
from monitor.core.model.ledger import Movement
from monitor.core.model.lending_terms import LendingTerms, TermsKey
from monitor.store.db.prepared_statements import prepare_insert
from monitor.store.schema import tables

MOVEMENT_COLUMNS = (
    "account",
    "scope",
    "symbol",
    "kind",
    "key",
    "at",
    "seen_at",
    "asset",
    "amount",
    "type",
    "origin",
    "intent",
    "detail",
)


def write_movements(connection: Connection, account: str, movements: Iterable[Movement]) -> int:
    """Write movements and return how many were new."""
    rows = (
        (
            account,
            movement.scope.kind,
            movement.scope.symbol,
            movement.kind,
            movement.key,
            movement.at,
            movement.seen_at,
            movement.asset,
            movement.amount,
            movement.type,
            movement.origin,
            movement.intent,
            json.dumps(dict(movement.detail or {}), ensure_ascii=False),
        )
        for movement in movements
    )
    return prepare_insert(tables.movements, MOVEMENT_COLUMNS, connection.dialect).run(connection, rows)


def read_foreign_movements(connection: Connection, account: str, since: datetime) -> tuple[Movement, ...]:
    """Return the foreign movements since then, as they were recorded."""
    return _read_movements(connection, account, since, tables.movements.c.origin == "another hand")


def read_own_movements(connection: Connection, account: str, since: datetime) -> tuple[Movement, ...]:
    """Return the movements of own orders since then, as they were recorded."""
    return _read_movements(connection, account, since, tables.movements.c.intent.is_not(None))


def _read_movements(
    connection: Connection, account: str, since: datetime, wanted: ColumnElement[bool]
) -> tuple[Movement, ...]:
    table = tables.movements
    found = select(table).where(table.c.account == account, table.c.at >= since, wanted)
    return tuple(
        Movement(
            scope=Scope(row.symbol),
            kind=row.kind,
            key=row.key,
            at=row.at,
            seen_at=row.seen_at,
            asset=row.asset,
            amount=row.amount,
            type=row.type,
            origin=row.origin,
            intent=row.intent,
            detail=json.loads(row.detail),
        )
        for row in connection.execute(found.order_by(table.c.id))
    )


def write_terms(connection: Connection, account: str, terms: Iterable[LendingTerms]) -> int:
    """Write lending terms and return how many were new. Older terms stay: they show what changed when."""
    rows = ((account, entry.kind, entry.subject, entry.text, entry.seen_at) for entry in terms)
    columns = ("account", "kind", "subject", "text", "seen_at")
    return prepare_insert(tables.terms, columns, connection.dialect).run(connection, rows)


def read_newest_terms(connection: Connection, account: str) -> Mapping[TermsKey, LendingTerms]:
    """Return the newest terms by kind and subject."""
    table = tables.terms
    newest = (
        select(table.c.kind, table.c.subject, func.max(table.c.id).label("id"))
        .where(table.c.account == account)
        .group_by(table.c.kind, table.c.subject)
        .subquery()
    )
    rows = connection.execute(select(table).join(newest, and_(table.c.id == newest.c.id)))
    return {(row.kind, row.subject): LendingTerms(row.kind, row.subject, row.text, row.seen_at) for row in rows}


def read_ledger_until(connection: Connection, account: str) -> Mapping[Scope, datetime]:
    """Return the time of the newest recorded row of each scope's ledger."""
    table = tables.movements
    newest = (
        select(table.c.symbol, func.max(table.c.at))
        .where(table.c.account == account, table.c.kind == "capital-flow")
        .group_by(table.c.symbol)
    )
    return {Scope(symbol): at for symbol, at in connection.execute(newest)}
