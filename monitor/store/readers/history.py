"""Recorded samples of one metric."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, func, or_, select, type_coerce

from monitor.core.model.alert import MetricScope
from monitor.core.model.metric_values import SamplePoint
from monitor.records.history import HistoryRow, Resolution
from monitor.store.schema import tables

_BUCKET_MS = {"1m": 60_000, "1h": 3_600_000}

_SERIES_PER_STATEMENT = 500


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
    span = _bounds(since, until)
    if newest is None:
        points = _read_points(connection, [row.id for row in found], span, resolution)
    else:
        points = {row.id: _read_newest(connection, row.id, span, resolution, newest) for row in found}
    return tuple(
        HistoryRow(metric, row.account, row.scope, row.subject, resolution, tuple(points[row.id])) for row in found
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


def _bounds(since: datetime | None, until: datetime | None) -> Sequence[ColumnElement[bool]]:
    at = tables.samples.c.at
    return [*([] if since is None else [at >= since]), *([] if until is None else [at < until])]


def _read_points(
    connection: Connection, series: Sequence[int], span: Sequence[ColumnElement[bool]], resolution: Resolution
) -> Mapping[int, Sequence[SamplePoint]]:
    """Return the samples of each series, many series in one statement: hundreds of scopes have as many."""
    table = tables.samples
    points: dict[int, list[SamplePoint]] = {number: [] for number in series}
    for start in range(0, len(series), _SERIES_PER_STATEMENT):
        own = table.c.series.in_(series[start : start + _SERIES_PER_STATEMENT])
        wanted = _wanted_samples([own, *span], resolution)
        for number, at, value, missing in connection.execute(wanted):
            points[number].append(SamplePoint(at, value, missing))
    return points


def _wanted_samples(own: Sequence[ColumnElement[bool]], resolution: Resolution) -> Select[tuple[Any, ...]]:
    """Return the query of the samples, or of the last one in each minute or hour, by series and time."""
    table = tables.samples
    columns = (table.c.series, table.c.at, table.c.value, table.c.missing)
    if resolution == "raw":
        return select(*columns).where(*own).order_by(table.c.series, table.c.at)
    bucket = type_coerce(table.c.at, BigInteger) // _BUCKET_MS[resolution]
    following = func.lead(bucket).over(partition_by=table.c.series, order_by=table.c.at)
    # One pass in the order of the primary key.
    found = select(*columns, bucket.label("bucket"), following.label("following")).where(*own).subquery()
    is_last = or_(found.c.following.is_(None), found.c.following != found.c.bucket)
    return (
        select(found.c.series, found.c.at, found.c.value, found.c.missing)
        .where(is_last)
        .order_by(found.c.series, found.c.at)
    )


def _read_newest(
    connection: Connection, series: int, span: Sequence[ColumnElement[bool]], resolution: Resolution, newest: int
) -> Sequence[SamplePoint]:
    table = tables.samples
    own = [table.c.series == series, *span]
    wanted = select(table.c.at, table.c.value, table.c.missing).where(*own)
    if resolution != "raw":
        bucket = type_coerce(table.c.at, BigInteger) // _BUCKET_MS[resolution]
        wanted = wanted.where(table.c.at.in_(select(func.max(table.c.at)).where(*own).group_by(bucket)))
    rows = connection.execute(wanted.order_by(table.c.at.desc()).limit(newest)).all()
    return [SamplePoint(row.at, row.value, row.missing) for row in reversed(rows)]
