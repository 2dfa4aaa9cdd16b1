"""All recorded samples of one account, in order of time."""

from datetime import datetime

from sqlalchemy import Connection, select

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
