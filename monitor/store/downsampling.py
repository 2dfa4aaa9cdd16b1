"""Downsampling of old samples to minutes and hours, in small steps; no extreme and no gap is lost.

Of each minute or hour the first, the lowest, the highest and the last sample are kept, and each one at which the value
began or ceased to be known, finite or zero: so the times in which something held, or was off, stay exact. To hours by
way of minutes gives the same samples as to hours at once.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby, pairwise
from typing import Literal, NamedTuple

from sqlalchemy import BigInteger, Connection, delete, or_, select, type_coerce, update

from monitor.core.numbers.durations import DAY
from monitor.store.schema import tables
from monitor.store.schema.columns import EPOCH

log = logging.getLogger(__name__)

CoarseResolution = Literal["1m", "1h"]

BUCKET_MS: Mapping[CoarseResolution, int] = {"1m": 60_000, "1h": 3_600_000}

MAX_SERIES_PER_STEP = 25
"""Most series in one step: each costs two statements, however few samples it has."""

MAX_SAMPLES_PER_STEP = 1_000

_MAX_PARAMETERS = 500
"""Most moments in one statement."""


class StoredSample(NamedTuple):
    """A sample as it is stored, its moment in milliseconds since 1970."""

    at_ms: int
    value: Decimal | None
    missing: str | None


class DownsamplingStep(NamedTuple):
    """Result of one step: the number of samples dropped, and whether others are left to look at."""

    dropped: int
    is_last: bool


def downsample(
    connection: Connection, resolution: CoarseResolution, before: datetime, batch: int = MAX_SAMPLES_PER_STEP
) -> DownsamplingStep:
    """Downsample whole days before `before`, about `batch` samples at most.

    How far each series is done is recorded with it, in the same transaction: a step that is interrupted is repeated.
    """
    series = tables.series
    done = series.c.minutes_until if resolution == "1m" else series.c.hours_until
    edge = _floor_day(before)
    wanted = select(series.c.id, done.label("done")).where(or_(done.is_(None), done < edge)).order_by(series.c.id)
    found = connection.execute(wanted.limit(MAX_SERIES_PER_STEP + 1)).all()
    dropped = seen = 0
    for number, row in enumerate(found):
        if number == MAX_SERIES_PER_STEP or seen >= batch:
            return DownsamplingStep(dropped, is_last=False)
        samples, until = _read_buckets(connection, row.id, row.done, edge, BUCKET_MS[resolution], batch)
        spare = tuple(find_spare_samples(samples, BUCKET_MS[resolution]))
        _drop(connection, row.id, spare)
        connection.execute(update(series).where(series.c.id == row.id).values({done.name: until}))
        dropped, seen = dropped + len(spare), seen + len(samples)
        if until < edge:
            return DownsamplingStep(dropped, is_last=False)
    return DownsamplingStep(dropped, is_last=True)


def reset_future_marks(connection: Connection, now: datetime) -> int:
    """Set marks beyond the present hour back to its end; return how many series had one.

    A clock that was ahead made them: what is recorded from now on would never be downsampled. Up to now all is, since
    everything recorded before was.
    """
    series = tables.series
    end = now - (now - EPOCH) % timedelta(hours=1) + timedelta(hours=1)
    rows = 0
    for mark in (series.c.minutes_until, series.c.hours_until):
        rows = max(rows, connection.execute(update(series).where(mark > end).values({mark.name: end})).rowcount)
    if rows:
        log.warning("samples.marks_reset count=%d until=%s", rows, end.isoformat())
    return rows


def find_spare_samples(samples: Sequence[StoredSample], bucket_ms: int) -> Iterator[int]:
    """Return the moments of the samples, oldest first, that their minutes or hours do without."""
    for _, group in groupby(samples, key=lambda sample: sample.at_ms // bucket_ms):
        bucket = list(group)
        kept = {bucket[0].at_ms, bucket[-1].at_ms}
        finite = [(sample.value, sample.at_ms) for sample in bucket if sample.value is not None]
        if finite:
            kept.add(min(finite)[1])
            kept.add(max(finite, key=lambda found: (found[0], -found[1]))[1])
        kept.update(later.at_ms for earlier, later in pairwise(bucket) if _kind_of(earlier) != _kind_of(later))
        yield from (sample.at_ms for sample in bucket if sample.at_ms not in kept)


def _kind_of(sample: StoredSample) -> tuple[str | None, bool]:
    return sample.missing, sample.value == 0


def _read_buckets(
    connection: Connection, series: int, since: datetime | None, edge: datetime, bucket_ms: int, batch: int
) -> tuple[Sequence[StoredSample], datetime]:
    """Return the samples of whole minutes or hours, about `batch` at most, and the moment up to which these are all."""
    table = tables.samples
    moment = type_coerce(table.c.at, BigInteger)
    wanted = select(moment, table.c.value, table.c.missing).where(table.c.series == series, table.c.at < edge)
    if since is not None:
        wanted = wanted.where(table.c.at >= since)
    rows = connection.execute(wanted.order_by(table.c.at).limit(batch + 1)).all()
    if len(rows) <= batch:
        return [StoredSample(*row) for row in rows], edge
    # The last minute or hour may go on behind the batch: it is left to the next step, or is read whole if it is alone.
    first, last = (rows[index][0] // bucket_ms * bucket_ms for index in (0, -1))
    until_ms = last if last > first else first + bucket_ms
    until = EPOCH + timedelta(milliseconds=until_ms)
    if last == first:
        rows = connection.execute(wanted.where(table.c.at < until).order_by(table.c.at)).all()
    return [StoredSample(*row) for row in rows if row[0] < until_ms], until


def _drop(connection: Connection, series: int, moments: Sequence[int]) -> None:
    table = tables.samples
    own = table.c.series == series
    for start in range(0, len(moments), _MAX_PARAMETERS):
        part = moments[start : start + _MAX_PARAMETERS]
        connection.execute(delete(table).where(own, type_coerce(table.c.at, BigInteger).in_(part)))


def _floor_day(at: datetime) -> datetime:
    return at - (at - EPOCH) % DAY
