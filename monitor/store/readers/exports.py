"""Whole histories, row by row: only some rows are in memory at a time."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select

from monitor.core.alerting.lifecycle import with_ack
from monitor.core.model.account import Scope
from monitor.core.model.alert import Alert, AlertState
from monitor.core.model.intent import Intent
from monitor.core.model.ledger import Movement
from monitor.records.exports import MovementRow, SampleRow
from monitor.store.commands_in_force import read_newest_acks
from monitor.store.readers.interest import InterestChargeRow, read_charges
from monitor.store.schema import tables
from monitor.store.schema.row_mapping import DbRow, alert_from_row, intent_from_row

_FETCH_ROWS = 1_000


def stream_charges(
    connection: Connection, since: datetime | None, until: datetime | None
) -> Iterator[InterestChargeRow]:
    """Every interest charge from `since` to before `until`, oldest first."""
    return read_charges(connection, since=since, until=until)


def stream_movements(connection: Connection, since: datetime | None, until: datetime | None) -> Iterator[MovementRow]:
    """Every movement that happened from `since` to before `until`, oldest first."""
    table = tables.movements
    wanted = select(table).where(*_span(table.c.at, since, until)).order_by(table.c.at, table.c.id)
    for row in _rows(connection, wanted):
        movement = Movement(
            scope=Scope(row["symbol"]),
            kind=row["kind"],
            key=row["key"],
            at=row["at"],
            seen_at=row["seen_at"],
            asset=row["asset"],
            amount=row["amount"],
            type=row["type"],
            origin=row["origin"],
            intent=row["intent"],
            detail=json.loads(row["detail"]),
        )
        yield MovementRow(row["account"], movement)


def stream_intents(connection: Connection, since: datetime | None, until: datetime | None) -> Iterator[Intent]:
    """Every intent created from `since` to before `until`, oldest first."""
    table = tables.intents
    wanted = select(table).where(*_span(table.c.created_at, since, until)).order_by(table.c.created_at, table.c.id)
    return (intent_from_row(row) for row in _rows(connection, wanted))


def stream_alerts(connection: Connection, since: datetime | None, until: datetime | None) -> Iterator[Alert]:
    """Every alert that ever fired or is open and began from `since` to before `until`, by its number."""
    table = tables.alerts
    acks = read_newest_acks(connection)
    wanted = select(table).where(table.c.state != AlertState.INACTIVE, *_span(table.c.since, since, until))
    return (with_ack(alert_from_row(row), acks) for row in _rows(connection, wanted.order_by(table.c.id)))


def stream_samples(connection: Connection, since: datetime | None, until: datetime | None) -> Iterator[SampleRow]:
    """Every sample taken from `since` to before `until`: one series after another, each oldest first."""
    series, samples = tables.series, tables.samples
    order = (series.c.account, series.c.scope, series.c.subject, series.c.metric)
    # Series by series, as the rows lie on the disk: sorting all samples by time would need room for all of them.
    for each in connection.execute(select(series).order_by(*order)).all():
        wanted = select(samples).where(samples.c.series == each.id, *_span(samples.c.at, since, until))
        for row in _rows(connection, wanted.order_by(samples.c.at)):
            yield SampleRow(
                each.account, each.scope, each.subject, each.metric, row["at"], row["value"], row["missing"]
            )


def _span(
    column: ColumnElement[datetime], since: datetime | None, until: datetime | None
) -> tuple[ColumnElement[bool], ...]:
    bounds = []
    if since is not None:
        bounds.append(column >= since)
    if until is not None:
        bounds.append(column < until)
    return tuple(bounds)


def _rows(connection: Connection, wanted: Select[Any]) -> Iterator[DbRow]:
    return iter(connection.execute(wanted, execution_options={"yield_per": _FETCH_ROWS}).mappings())
