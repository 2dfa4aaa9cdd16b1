"""Recorded samples of one metric."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, func, select, type_coerce

from monitor.core.engine.history_summary import SamplePoint
from monitor.core.model.alert import MetricScope
from monitor.records.history import HistoryRow, Resolution
from monitor.store.schema import tables

_BUCKET_MS = {"1m": 60_000, "1h": 3_600_000}


def read_history(
    connection: Connection,
    metric: str,
    *,
    account: str | None = None,
    scope: MetricScope | None = None,
    subject: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    resolution: Resolution = "raw",
    newest: int | None = None,
) -> tuple[HistoryRow, ...]:
    """Return every matching series of the metric, from `since` to before `until`.

    With a resolution of a minute or an hour, the last sample of each. `newest`: at most so many samples of each series,
    the newest ones.
    """
    table = tables.series
    wanted = _matching_series(metric, account, scope, subject)
    found = connection.execute(wanted.order_by(table.c.account, table.c.scope, table.c.subject)).all()
    return tuple(
        HistoryRow(
            metric,
            row.account,
            row.scope,
            row.subject,
            resolution,
            _read_points(connection, row.id, since, until, resolution, newest),
        )
        for row in found
    )


def count_samples(
    connection: Connection,
    metric: str,
    *,
    account: str | None = None,
    scope: MetricScope | None = None,
    subject: str | None = None,
    since: datetime,
) -> tuple[int, int]:
    """Return the number of matching series of the metric, and of their samples since a moment."""
    matching = _matching_series(metric, account, scope, subject).subquery()
    series = connection.execute(select(func.count()).select_from(matching)).scalar_one()
    samples = tables.samples
    wanted = select(func.count()).select_from(samples).where(samples.c.at >= since)
    found = connection.execute(wanted.where(samples.c.series.in_(select(matching.c.id)))).scalar_one()
    return series, found


def _matching_series(
    metric: str, account: str | None, scope: MetricScope | None, subject: str | None
) -> Select[tuple[Any, ...]]:
    table = tables.series
    wanted = select(table).where(table.c.metric == metric)
    if account is not None:
        wanted = wanted.where(table.c.account == account)
    if scope is not None:
        wanted = wanted.where(table.c.scope == scope)
    if subject is not None:
        wanted = wanted.where(table.c.subject == subject)
    return wanted


def _read_points(
    connection: Connection,
    series: int,
    since: datetime | None,
    until: datetime | None,
    resolution: Resolution,
    newest: int | None,
) -> tuple[SamplePoint, ...]:
    table = tables.samples
    span = [table.c.series == series]
    if since is not None:
        span.append(table.c.at >= since)
    if until is not None:
        span.append(table.c.at < until)
    wanted = select(table.c.at, table.c.value, table.c.missing).where(*span)
    if resolution != "raw":
        bucket = type_coerce(table.c.at, BigInteger) // _BUCKET_MS[resolution]
        wanted = wanted.where(table.c.at.in_(select(func.max(table.c.at)).where(*span).group_by(bucket)))
    if newest is None:
        return tuple(
            SamplePoint(row.at, row.value, row.missing) for row in connection.execute(wanted.order_by(table.c.at))
        )
    rows = connection.execute(wanted.order_by(table.c.at.desc()).limit(newest)).all()
    return tuple(SamplePoint(row.at, row.value, row.missing) for row in reversed(rows))
