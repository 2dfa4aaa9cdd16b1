"""Old samples go while the daemon runs."""

import asyncio
import contextlib
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from monitor.core.model.journal import JournalEntry, Sample
from monitor.runtime.pruner import prune_hourly
from monitor.store.readers.history import read_history
from monitor.store.store import Store
from tests.support.clocks.manual_clock import ManualClock
from tests.support.daemon import eventually
from tests.support.examples.store_rows import NOW


async def test_samples_older_than_their_span_go_and_the_others_stay(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'monitor.db'}")
    times = [NOW - timedelta(days=days) for days in (0, 6, 8)]
    samples = tuple(Sample("cross", "", "margin_level", at, Decimal(1)) for at in times)
    await store.commit(JournalEntry("main", NOW, samples=samples))
    pruning = asyncio.create_task(
        prune_hourly(timedelta(days=7), timedelta(), timedelta(days=90), store, ManualClock(NOW))
    )

    async def gone() -> bool:
        (series,) = await store.read(read_history, "margin_level")
        return [point.at for point in series.points] == [times[1], times[0]]

    await eventually(gone)
    pruning.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await pruning
    await store.close()
