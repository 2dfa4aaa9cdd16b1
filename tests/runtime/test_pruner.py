"""Old samples go, or are kept to the hour, while the daemon runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from monitor.core.model.journal import JournalEntry, Sample
from monitor.runtime import pruner
from monitor.runtime.pruner import RowRetention, prune, prune_hourly
from monitor.store.readers.history import read_history
from monitor.store.readers.samples import read_thinned_until
from monitor.store.store import Store
from tests.support.clocks.manual_clock import ManualClock
from tests.support.daemon import eventually
from tests.support.examples.store_rows import NOW


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    opened = Store.open(database_url)
    yield opened
    await opened.close()


async def test_samples_older_than_their_span_go_and_the_others_stay(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'monitor.db'}")
    times = [NOW - timedelta(days=days) for days in (0, 6, 8)]
    samples = tuple(Sample("cross", "", "margin_level", at, Decimal(1)) for at in times)
    await store.commit(JournalEntry("main", NOW, samples=samples))
    retention = RowRetention(timedelta(days=7), timedelta(days=7), timedelta(), timedelta(days=90))
    clock = ManualClock(NOW)
    settle(clock, NOW)
    pruning = asyncio.create_task(prune_hourly(retention, store, clock))

    async def gone() -> bool:
        (series,) = await store.read(read_history, "margin_level")
        return [point.at for point in series.points] == [times[1], times[0]]

    await eventually(gone)
    await cancel(pruning)
    await store.close()


def settle(clock: ManualClock, now: datetime) -> None:
    """Let the clock measure the exchange's time."""
    clock.record_measurement(now, clock.elapsed_s(), clock.elapsed_s())


async def cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_clock_that_is_ahead_at_the_start_costs_no_recent_sample(store: Store) -> None:
    recent = [NOW - timedelta(seconds=10 * number) for number in range(100, 0, -1)]
    samples = tuple(
        Sample("cross", "", "margin_level", at, Decimal(number % 7))
        for number, at in enumerate((NOW - timedelta(days=500), *recent))
    )
    await store.commit(JournalEntry("main", NOW, samples=samples))
    retention = RowRetention(timedelta(days=90), timedelta(days=400), timedelta(), timedelta(days=90))
    clock = ManualClock(NOW + timedelta(days=120))
    pruning = asyncio.create_task(prune_hourly(retention, store, clock))
    await store.read(read_history, "margin_level")
    settle(clock, NOW)

    async def old_one_gone() -> bool:
        (series,) = await store.read(read_history, "margin_level")
        return series.points[0].at > NOW - timedelta(days=500)

    await eventually(old_one_gone)
    await cancel(pruning)
    (series,) = await store.read(read_history, "margin_level")
    assert [point.at for point in series.points] == recent


async def test_deletion_without_the_time_is_reported(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pruner, "SETTLE_TIMEOUT_S", 0.01)
    retention = RowRetention(timedelta(days=90), timedelta(days=400), timedelta(), timedelta(days=90))
    pruning = asyncio.create_task(prune_hourly(retention, store, ManualClock(NOW)))

    async def said() -> bool:
        return "rows.not_pruned cause=the exchange's time is not known" in caplog.text

    await eventually(said)
    await cancel(pruning)


async def test_marks_of_a_clock_that_was_ahead_do_not_end_the_downsampling(store: Store) -> None:
    retention = RowRetention(timedelta(days=10), timedelta(), timedelta(), timedelta(days=90))
    first = Sample("cross", "", "margin_level", NOW, Decimal(1))
    await store.commit(JournalEntry("main", NOW, samples=(first,)))
    await prune(retention, store, ManualClock(NOW + timedelta(days=1000)))
    clock = ManualClock(NOW)
    settle(clock, NOW)
    assert await prune(retention, store, clock) == 0
    assert await store.read(read_thinned_until, "main") == NOW + timedelta(hours=1)
    begin = NOW + timedelta(days=1)
    later = tuple(
        Sample("cross", "", "margin_level", begin + timedelta(minutes=number), Decimal(number))
        for number in range(1, 51)
    )
    await store.commit(JournalEntry("main", begin, samples=later))
    clock.advance(timedelta(days=20).total_seconds())
    assert await prune(retention, store, clock) == 48


async def test_samples_of_old_hours_are_few_until_those_go_too(store: Store) -> None:
    values = {0: "1.5", 10: "1.2", 20: "1.3", 30: "1.4", 50: "1.6"}
    hours = [NOW - timedelta(days=days) for days in (31, 11, 2)]
    samples = tuple(
        Sample("cross", "", "margin_level", hour + timedelta(minutes=minute), Decimal(value))
        for hour in hours
        for minute, value in values.items()
    )
    await store.commit(JournalEntry("main", NOW, samples=samples))
    retention = RowRetention(timedelta(days=10), timedelta(days=30), timedelta(), timedelta(days=90))
    assert await prune(retention, store, ManualClock(NOW)) == 5 + 2
    (series,) = await store.read(read_history, "margin_level")
    kept = [(point.at - hours[1], str(point.value)) for point in series.points if point.at < hours[2]]
    assert kept == [(timedelta(minutes=minute), values[minute]) for minute in (0, 10, 50)]
    assert len(series.points) == 3 + 5


async def test_start_reads_the_same_pegs_after_deletion_however_short_samples_are_kept(store: Store) -> None:
    chance = Random(3)
    begin = NOW - timedelta(days=6)
    samples = tuple(
        Sample(
            "asset",
            "FDUSD",
            "peg_ratio",
            begin + timedelta(minutes=3 * number),
            Decimal(chance.randrange(9_900, 9_999)),
        )
        for number in range(1_000)
    )
    await store.commit(JournalEntry("main", NOW, samples=samples))
    before = (await store.load_state("main", NOW)).pegs
    retention = RowRetention(timedelta(days=1), timedelta(), timedelta(), timedelta(days=90))
    await prune(retention, store, ManualClock(NOW))
    assert (await store.load_state("main", NOW)).pegs == before


async def test_hourly_samples_are_kept_for_good_without_an_age(store: Store) -> None:
    old = Sample("cross", "", "margin_level", NOW - timedelta(days=5000), Decimal(1))
    await store.commit(JournalEntry("main", NOW, samples=(old,)))
    retention = RowRetention(timedelta(days=1), timedelta(), timedelta(), timedelta(days=90))
    assert await prune(retention, store, ManualClock(NOW)) == 0
    (series,) = await store.read(read_history, "margin_level")
    assert [point.at for point in series.points] == [old.at]
