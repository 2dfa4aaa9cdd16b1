"""Interest charges, each recorded once, with the spans in which the record is complete."""

from datetime import datetime

from sqlalchemy import Connection, and_, delete, insert, select

from monitor.core.model.account import InterestCharge, Scope
from monitor.core.numbers.intervals import Interval
from monitor.store.db.prepared_statements import prepare_insert
from monitor.store.schema import tables

CHARGE_COLUMNS = (
    "account",
    "scope",
    "symbol",
    "asset",
    "raw_asset",
    "principal",
    "interest",
    "daily_rate",
    "kind",
    "tx_id",
    "charged_at",
)


def record_charges(
    connection: Connection, account: str, scope: Scope, charges: tuple[InterestCharge, ...], span: Interval | None
) -> int:
    """Record charges and return how many were new. `span` is then complete; None: only these charges are recorded."""
    rows = (
        (
            account,
            charge.scope.kind,
            charge.scope.symbol,
            charge.asset,
            charge.raw_asset,
            charge.principal,
            charge.interest,
            charge.daily_rate,
            charge.kind,
            charge.tx_id,
            charge.charged_at,
        )
        for charge in charges
    )
    new = prepare_insert(tables.interest, CHARGE_COLUMNS, connection.dialect).run(connection, rows)
    if span is not None and span[0] < span[1]:
        _merge_span(connection, account, scope, span)
    return new


def drop_spans_after(connection: Connection, account: str, until: datetime) -> None:
    """Drop complete spans of the account that end after `until`; the charges stay."""
    table = tables.interest_spans
    connection.execute(delete(table).where(table.c.account == account, table.c.until > until))


def _merge_span(connection: Connection, account: str, scope: Scope, span: Interval) -> None:
    """Merge spans that meet, so that a scope without gaps has a single row."""
    table = tables.interest_spans
    since, until = span
    meeting = and_(
        table.c.account == account, table.c.symbol == scope.symbol, table.c.since <= until, table.c.until >= since
    )
    for row in connection.execute(select(table.c.since, table.c.until).where(meeting)).all():
        since, until = min(since, row.since), max(until, row.until)
    connection.execute(delete(table).where(meeting))
    whole = {"account": account, "symbol": scope.symbol, "since": since, "until": until}
    connection.execute(insert(table), whole)
