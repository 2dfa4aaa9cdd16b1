"""A process that is killed while it downsamples loses no extreme, and the next one goes on where it stopped."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import TypeVar

from sqlalchemy import BigInteger, Connection, func, select, type_coerce

from monitor.core.model.journal import JournalEntry, Sample
from monitor.store.db import connections as opening
from monitor.store.db.schema_migration import find_problems
from monitor.store.downsampling import BUCKET_MS, StoredSample, find_spare_samples
from monitor.store.schema import tables
from monitor.store.store import Store
from tests.support.command import margin_monitor, write_config

T = TypeVar("T")

HOUR_MS = BUCKET_MS["1h"]
SERIES = 40


def test_killed_downsampling_loses_no_extreme_and_goes_on(database_url: str, tmp_path: Path) -> None:
    config = write_config(tmp_path)
    config.write_text(config.read_text().replace(f"sqlite:///{tmp_path / 'monitor.db'}", database_url))
    asyncio.run(write_old_samples(database_url))
    before = read_samples(database_url)
    words = [sys.executable, "-m", "monitor", "--config", str(config), "db", "prune", "--force"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not read(database_url, count_begun_series) and process.poll() is None:
            assert time.monotonic() < deadline
        process.kill()
    halfway = read_samples(database_url)
    assert find_problems(database_url) == []
    for number, samples in before.items():
        assert hourly_extremes(halfway[number]) == hourly_extremes(samples)
    assert margin_monitor(config, "db", "prune", "--force").code == 0
    assert read_samples(database_url) == {number: without_spare(samples) for number, samples in before.items()}


async def write_old_samples(url: str) -> None:
    """Write samples of a hundred days ago, a hundred seconds apart, of many series."""
    chance = Random(7)
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    begin = midnight - timedelta(days=100)
    samples = tuple(
        Sample(
            "asset", f"A{number}", "price_usdt", begin + timedelta(seconds=100 * n), Decimal(chance.randrange(10**6))
        )
        for number in range(SERIES)
        for n in range(300)
    )
    store = Store.open(url)
    await store.commit(JournalEntry("main", midnight, samples=samples))
    await store.close()


def read(url: str, function: Callable[[Connection], T]) -> T:
    engine = opening.reading_engine(opening.parse_url(url))
    try:
        with closing(engine.connect()) as connection:
            return function(connection)
    finally:
        engine.dispose()


def count_begun_series(connection: Connection) -> int:
    return connection.execute(select(func.count(tables.series.c.minutes_until))).scalar_one()


def read_samples(url: str) -> dict[int, list[StoredSample]]:
    """Return the stored samples of each series."""
    table = tables.samples
    wanted = select(table.c.series, type_coerce(table.c.at, BigInteger), table.c.value, table.c.missing)
    found: dict[int, list[StoredSample]] = {}
    for number, *sample in read(url, lambda c: c.execute(wanted.order_by(table.c.series, table.c.at)).all()):
        found.setdefault(number, []).append(StoredSample(*sample))
    return found


def hourly_extremes(samples: list[StoredSample]) -> dict[int, tuple[Decimal, Decimal]]:
    hours: dict[int, list[Decimal]] = {}
    for sample in samples:
        assert sample.value is not None
        hours.setdefault(sample.at_ms // HOUR_MS, []).append(sample.value)
    return {hour: (min(values), max(values)) for hour, values in hours.items()}


def without_spare(samples: list[StoredSample]) -> list[StoredSample]:
    spare = set(find_spare_samples(samples, HOUR_MS))
    return [sample for sample in samples if sample.at_ms not in spare]
