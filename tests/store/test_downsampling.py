"""Downsampling keeps extremes, gaps and what histories show, in steps that may end at any moment."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Connection, Engine, delete, event, update

from monitor.core.engine.history_summary import (
    TimeRange,
    known_values,
    largest_magnitude,
    lowest_value,
    ranges_where,
    unknown_ranges,
)
from monitor.core.model.journal import JournalEntry, Sample
from monitor.core.model.metric_values import SamplePoint
from monitor.core.numbers.amounts import INFINITE
from monitor.store.downsampling import BUCKET_MS, CoarseResolution, downsample
from monitor.store.pruning import MIN_STEP_PAUSE_S
from monitor.store.readers.history import read_history
from monitor.store.schema import tables
from monitor.store.store import Store

MIDNIGHT = datetime(2025, 10, 10, tzinfo=UTC)
DAYS = 2
METRICS = ("margin_level", "liabilities_usdt")
END = MIDNIGHT + timedelta(days=DAYS)


def recorded_days(seed: int = 1) -> Iterator[Sample]:
    """Samples of two days, seconds or a quarter of an hour apart: long digits, gaps and infinite values among them."""
    chance = Random(seed)
    for metric in METRICS:
        at, value = MIDNIGHT, Decimal("1.5")
        while at < END:
            value += Decimal(chance.randrange(-9, 10)).scaleb(-chance.choice((2, 25)))
            kind = chance.randrange(60)
            yield Sample("cross", "", metric, at, None if kind == 0 else INFINITE if kind == 1 else value)
            at += timedelta(seconds=chance.choice((10, 12, 20, 900)))


async def record_days(store: Store) -> dict[str, Sequence[SamplePoint]]:
    """Record the two days; return their samples by metric."""
    await store.commit(JournalEntry("main", END, samples=tuple(recorded_days())))
    return await read_all(store)


async def read_all(store: Store) -> dict[str, Sequence[SamplePoint]]:
    return {metric: row.points for metric in METRICS for row in await store.read(read_history, metric)}


async def run_to_end(store: Store, resolution: CoarseResolution, batch: int = 500) -> int:
    dropped, is_last = 0, False
    while not is_last:
        step = await store.execute(downsample, resolution, END, batch)
        dropped, is_last = dropped + step.dropped, step.is_last
    return dropped


def buckets(points: Sequence[SamplePoint], resolution: CoarseResolution) -> dict[int, list[SamplePoint]]:
    width = timedelta(milliseconds=BUCKET_MS[resolution])
    return {number: list(group) for number, group in groupby(points, key=lambda point: (point.at - MIDNIGHT) // width)}


def extremes(points: Sequence[SamplePoint]) -> tuple[Decimal | None, Decimal | None]:
    values = [point.value for point in points if point.value is not None]
    return min(values, default=None), max(values, default=None)


@pytest.mark.parametrize("resolution", ["1m", "1h"])
async def test_each_span_keeps_its_ends_and_extremes(store: Store, resolution: CoarseResolution) -> None:
    before = await record_days(store)
    assert await run_to_end(store, resolution) > 0
    after = await read_all(store)
    for metric in METRICS:
        raw, kept = (buckets(points[metric], resolution) for points in (before, after))
        assert kept.keys() == raw.keys()
        for number, points in raw.items():
            assert (kept[number][0], kept[number][-1]) == (points[0], points[-1])
            assert extremes(kept[number]) == extremes(points)


async def test_lows_of_any_days_and_unknown_times_stay_the_same(store: Store) -> None:
    before = await record_days(store)
    await run_to_end(store, "1m")
    await run_to_end(store, "1h")
    after = await read_all(store)
    span = TimeRange(MIDNIGHT, END)
    for metric in METRICS:
        then, now = (known_values(points[metric], (), span) for points in (before, after))
        assert lowest_value(now) == lowest_value(then)
        assert largest_magnitude(now) == largest_magnitude(then)
        assert unknown_ranges(now, span) == unknown_ranges(then, span)


@pytest.mark.parametrize("metric", ["stream_connected", "actions_blocked"])
async def test_times_of_yes_and_no_stay_the_same(store: Store, metric: str) -> None:
    chance = Random(5)
    moments = sorted(MIDNIGHT + timedelta(seconds=chance.randrange(7_200)) for _ in range(60))
    samples = tuple(Sample("monitor", "", metric, at, Decimal(max(0, chance.randrange(-2, 4)))) for at in moments)
    await store.commit(JournalEntry("main", END, samples=samples))
    span = TimeRange(MIDNIGHT, MIDNIGHT + timedelta(hours=3))

    async def times_off() -> Sequence[TimeRange]:
        (series,) = await store.read(read_history, metric)
        return ranges_where(known_values(series.points, (), span), lambda value: value == 0)

    before = await times_off()
    assert len(before) > 10
    await run_to_end(store, "1m")
    await run_to_end(store, "1h")
    assert await times_off() == before


async def test_downsampling_twice_changes_nothing_more(store: Store) -> None:
    await record_days(store)
    await run_to_end(store, "1h")
    once = await read_all(store)
    assert await run_to_end(store, "1h") == 0
    await store.execute(forget_progress)
    assert await run_to_end(store, "1h") == 0
    assert await read_all(store) == once


async def test_hours_by_way_of_minutes_are_the_hours_at_once(store: Store) -> None:
    await record_days(store)
    await run_to_end(store, "1m")
    await run_to_end(store, "1h", batch=70)
    by_minutes = await read_all(store)
    await store.execute(delete_samples)
    await store.execute(forget_progress)
    await record_days(store)
    await run_to_end(store, "1h")
    assert await read_all(store) == by_minutes


@pytest.mark.parametrize("batch", [1, 7, 10_000])
async def test_size_of_the_steps_does_not_matter(store: Store, batch: int) -> None:
    samples = [sample for sample in recorded_days() if sample.at < MIDNIGHT + timedelta(hours=3)]
    await store.commit(JournalEntry("main", END, samples=tuple(samples)))
    await run_to_end(store, "1h", batch)
    for metric, points in (await read_all(store)).items():
        own = [sample for sample in samples if sample.metric == metric]
        finite = [s.value for s in own if s.value is not None and s.value.is_finite()]
        assert extremes(points) == (min(finite), max(finite))
        assert len(points) < len(own)


@pytest.mark.parametrize("resolution", ["1m", "1h"])
async def test_histories_of_that_resolution_stay_the_same(store: Store, resolution: CoarseResolution) -> None:
    await record_days(store)
    then = [await store.read(read_history, metric, resolution=resolution) for metric in METRICS]
    await run_to_end(store, resolution)
    assert [await store.read(read_history, metric, resolution=resolution) for metric in METRICS] == then


async def test_days_that_are_not_old_enough_stay_as_they_are(store: Store) -> None:
    before = await record_days(store)
    noon = MIDNIGHT + timedelta(days=1, hours=12)
    await store.prune(minutes_before=noon, hours_before=noon)
    after = await read_all(store)
    for metric in METRICS:
        today = [point for point in before[metric] if point.at >= MIDNIGHT + timedelta(days=1)]
        assert list(after[metric][-len(today) :]) == today
        assert len(after[metric]) < len(before[metric]) * 2 / 3


async def test_other_writers_have_half_of_the_time_between_the_steps(tmp_path: Path) -> None:
    # Only SQLite has one lock for all writers.
    store = Store.open(f"sqlite:///{tmp_path / 'monitor.db'}")
    await record_days(store)
    began, ended = list[float](), list[float]()
    with listening({"begin": began, "commit": ended}):
        await store.prune(minutes_before=END, hours_before=END, events_before=END)
    await store.close()
    assert len(began) == len(ended) > 3
    for start, end, next_start in zip(began, ended, began[1:], strict=False):
        assert next_start - end >= max(MIN_STEP_PAUSE_S, end - start)


@contextlib.contextmanager
def listening(moments: Mapping[str, list[float]]) -> Iterator[None]:
    """Note when each transaction of this process passes these events."""

    def noter(found: list[float]) -> Callable[[Connection], None]:
        return lambda _: found.append(time.monotonic())

    noters = {name: noter(found) for name, found in moments.items()}
    for name, note in noters.items():
        event.listen(Engine, name, note)
    try:
        yield
    finally:
        for name, note in noters.items():
            event.remove(Engine, name, note)


def forget_progress(connection: Connection) -> None:
    """Forget how far the series are downsampled, as if nothing were."""
    connection.execute(update(tables.series).values(minutes_until=None, hours_until=None))


def delete_samples(connection: Connection) -> None:
    connection.execute(delete(tables.samples))
