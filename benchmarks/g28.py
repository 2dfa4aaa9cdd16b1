"""G28: the database of a year at default settings, 20 scopes: its size, worked out from days, and its backup."""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

from sqlalchemy import Connection

from benchmarks.process import ROOT
from benchmarks.report import Finding, Target, finding, main
from benchmarks.year_store import ACCOUNT, METRICS, OWN_METRICS, scope_symbols
from monitor.core.model.account import CROSS
from monitor.core.model.events import StreamEvent
from monitor.core.model.journal import JournalEntry
from monitor.store.db import connections as opening
from monitor.store.db.free_pages import release_free_pages
from monitor.store.db.prepared_statements import prepare_insert
from monitor.store.db.schema_migration import upgrade
from monitor.store.downsampling import downsample
from monitor.store.schema import tables
from monitor.store.writes import interest, journal

SCOPES = 20
POLL = timedelta(seconds=75)
"""At default settings, while all scopes are safe."""
POLLS_AN_HOUR = timedelta(hours=1) // POLL
FINE_DAYS, HOURLY_DAYS = 90, 275
ASSET_METRICS = ("price_usdt", "owed")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def measure(quick: bool) -> list[Finding]:
    """A few days of polls, as they are and downsampled to hours; then a copy of the file beside a writer."""
    days, scopes = (1, 4) if quick else (4, SCOPES)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        path = Path(folder) / "monitor.db"
        upgrade(f"sqlite:///{path}")
        engine = opening.writing_engine(opening.parse_url(f"sqlite:///{path}"))
        try:
            empty = _used_bytes(path)
            for day in range(days):
                with engine.begin() as connection:
                    write_day(connection, BEGIN + timedelta(days=day), scopes)
            fine = (_used_bytes(path) - empty) / days
            backup_s, longest_ms = _backup_beside_writer(Path(folder), path)
            end = BEGIN + timedelta(days=days)
            took: list[float] = []
            for resolution in ("1m", "1h"):
                is_last = False
                while not is_last:
                    began = time.perf_counter()
                    with engine.begin() as connection:
                        is_last = downsample(connection, resolution, end).is_last
                    took.append((time.perf_counter() - began) * 1000)
            released = True
            while released:
                began = time.perf_counter()
                with engine.begin() as connection:
                    released = bool(release_free_pages(connection, keep=0))
                took.append((time.perf_counter() - began) * 1000)
            hourly = (_used_bytes(path) - empty) / days
            size = path.stat().st_size
        finally:
            engine.dispose()
    year_gb = (fine * FINE_DAYS + hourly * HOURLY_DAYS) / 1e9 * SCOPES / scopes
    return [
        finding(Target("G28", 2), f"a year, {SCOPES} scopes, worked out from {days} days of {scopes}", "GB", [year_gb]),
        finding(Target("G28"), f"a day of polls as it is, {scopes} scopes", "MB", [fine / 1e6]),
        finding(Target("G28"), f"a day of hours, {scopes} scopes", "MB", [hourly / 1e6]),
        finding(Target("G28"), "the file after downsampling all of it", "MB", [size / 1e6]),
        finding(
            Target("G28"), "a step of downsampling, or of releasing pages: how long the writer is held", "ms", took
        ),
        finding(Target("G28"), f"`db backup` of {fine * days / 1e6:.0f} MB beside a writer", "s", [backup_s]),
        finding(Target("G28"), "the longest commit meanwhile", "ms", [longest_ms]),
    ]


def write_day(connection: Connection, day: datetime, scopes: int = SCOPES) -> None:
    """The samples of a day in the order in which polls bring them, and the interest of its hours."""
    chance = Random(day.toordinal())
    symbols = scope_symbols(scopes)
    keys = [(ACCOUNT, "isolated" if symbol else "cross", symbol, metric) for symbol in symbols for metric in METRICS]
    keys += [(ACCOUNT, "asset", f"A{number:02}", metric) for number in range(scopes + 1) for metric in ASSET_METRICS]
    keys += [(ACCOUNT, "monitor", "", metric) for metric in OWN_METRICS]
    prepare_insert(tables.series, ("account", "scope", "subject", "metric"), connection.dialect).run(connection, keys)
    ids = {tuple(row[1:5]): row.id for row in connection.execute(tables.series.select())}
    write = prepare_insert(tables.samples, journal.SAMPLE_COLUMNS, connection.dialect)
    charge = prepare_insert(tables.interest, interest.CHARGE_COLUMNS, connection.dialect)
    prices = [Decimal(chance.randrange(1_000, 90_000)).scaleb(-2) for _ in symbols]
    last: dict[tuple[str, str, str, str], Decimal] = {}
    for number in range(timedelta(days=1) // POLL):
        at = day + POLL * number
        prices = [price * (1 + Decimal(chance.randrange(-9, 10)).scaleb(-4)) for price in prices]
        if number % POLLS_AN_HOUR == 0:
            # Unchanged figures are written once an hour.
            last.clear()
        values = dict(zip(keys, _values(prices, number), strict=True))
        write.run(connection, [(ids[key], at, value, None) for key, value in values.items() if last.get(key) != value])
        last = values
        if number % POLLS_AN_HOUR == 0:
            rows = (
                (ACCOUNT, "isolated", symbol, "USDT", "USDT", Decimal("1000.12345678"), Decimal("0.00412345"),
                 Decimal("0.00030000"), "PERIODIC", number, at)
                for symbol in symbols
            )  # fmt: skip
            charge.run(connection, rows)


def _values(prices: list[Decimal], number: int) -> Iterator[Decimal]:
    """Figures with as many digits as real ones: divisions have 28. Every other debt is in coins, the others in USDT."""
    for index, price in enumerate(prices):
        interest = Decimal("0.00412345") * (1 + number // POLLS_AN_HOUR)
        held, owed = Decimal("2.51234567"), Decimal("812.12345678") + interest
        assets = held * price
        if index % 2:
            assets, owed, interest = Decimal("20812.12345678"), held * price, interest * price
        level, distance = assets / owed, 1 - owed * Decimal("1.1") / assets
        yield from (level, level.quantize(Decimal("1E-8")), assets, owed, assets - owed, interest)
        yield from (distance, distance, 1 / distance, distance / 2, (level * 10**9).quantize(Decimal(1)) - number)
        yield from (level / 1000 - Decimal(number).scaleb(-9), Decimal("1.1"))
    for price in (*prices, Decimal(1)):
        yield from (price.quantize(Decimal("1E-4")), Decimal("812.12345678"))
    yield from (Decimal(1), Decimal(number % 7).scaleb(-3), Decimal("0.0123"), Decimal("0.00001") / prices[0])


def _backup_beside_writer(folder: Path, path: Path) -> tuple[float, float]:
    """Seconds of a backup, and milliseconds of the longest commit of an event meanwhile."""
    config, longest, ends = folder / "config.toml", [0.0], threading.Event()
    config.touch(mode=0o600)
    config.write_text(
        f'[storage]\nurl = "sqlite:///{path}"\n\n[[accounts]]\nname = "main"\napi_key = "k"\napi_secret = "s"\n'
    )

    def write_events() -> None:
        engine = opening.writing_engine(opening.parse_url(f"sqlite:///{path}"))
        number = 0
        while not ends.is_set():
            began = time.perf_counter()
            with engine.begin() as connection:
                event = StreamEvent("account", CROSS, "executionReport", f"key-{number}", BEGIN, BEGIN, "{}")
                journal.commit(connection, JournalEntry(ACCOUNT, BEGIN, events=(event,)))
            longest[0] = max(longest[0], (time.perf_counter() - began) * 1000)
            number += 1
            ends.wait(0.05)
        engine.dispose()

    writer = threading.Thread(target=write_events)
    writer.start()
    try:
        words = (sys.executable, "-m", "monitor", "--config", str(config), "db", "backup", str(folder / "copy.db"))
        began = time.perf_counter()
        subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
        took = time.perf_counter() - began
    finally:
        ends.set()
        writer.join()
    return took, longest[0]


def _used_bytes(path: Path) -> int:
    """The bytes of the pages in use."""
    engine = opening.reading_engine(opening.parse_url(f"sqlite:///{path}"))
    try:
        with engine.connect() as connection:
            pages, free, size = (
                int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
                for name in ("page_count", "freelist_count", "page_size")
            )
        return (pages - free) * size
    finally:
        engine.dispose()


if __name__ == "__main__":
    main(measure, __doc__ or "")
