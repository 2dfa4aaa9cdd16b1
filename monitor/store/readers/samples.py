"""All recorded samples of one account, in order of time, and the moments from which on they are whole and new."""

from datetime import datetime

from sqlalchemy import Connection, func, select

from monitor.core.model.metric import METRICS, MissingValue
from monitor.core.numbers.amounts import INFINITE
from monitor.simulation.recorded_frames import ReplaySample
from monitor.store.schema import tables


def read_samples(connection: Connection, account: str, since: datetime, until: datetime) -> tuple[ReplaySample, ...]:
    """Return the samples from `since` to before `until`, oldest first.

    Metrics that this version does not know are left out.
    """
    series, samples = tables.series, tables.samples
    rows = connection.execute(
        select(samples.c.at, series.c.scope, series.c.subject, series.c.metric, samples.c.value, samples.c.missing)
        .join(series, series.c.id == samples.c.series)
        .where(series.c.account == account, samples.c.at >= since, samples.c.at < until)
        .order_by(samples.c.at)
    )
    return tuple(
        ReplaySample(
            row.at,
            row.scope,
            row.subject,
            row.metric,
            row.value if row.missing is None else INFINITE if row.missing == "infinite" else MissingValue.UNAVAILABLE,
        )
        for row in rows
        if row.metric in METRICS
    )


def read_newest_moment(connection: Connection) -> datetime | None:
    """Return the moment of the newest sample of any account; None without samples."""
    series, samples = tables.series, tables.samples
    newest = select(func.max(samples.c.at)).where(samples.c.series == series.c.id).scalar_subquery()
    return max((at for at in connection.execute(select(newest)).scalars() if at is not None), default=None)


def read_thinned_until(connection: Connection, account: str) -> datetime | None:
    """Return the moment before which samples of the account may be kept to the hour only; None if none are."""
    series = tables.series
    return connection.execute(select(func.max(series.c.hours_until)).where(series.c.account == account)).scalar()
