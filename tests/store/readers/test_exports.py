"""Whole histories, on each of the two databases."""

import tracemalloc
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, insert

from monitor.core.model.account import CROSS, Scope
from monitor.core.model.alert import AlertState
from monitor.core.model.journal import JournalEntry, Sample
from monitor.core.model.ledger import Movement
from monitor.core.numbers.amounts import INFINITE
from monitor.errors import StoreError
from monitor.store.command_store import ReadStore
from monitor.store.readers.exports import (
    stream_alerts,
    stream_charges,
    stream_intents,
    stream_movements,
    stream_samples,
)
from monitor.store.schema import tables
from monitor.store.store import Store
from monitor.store.writes.interest import record_charges
from monitor.store.writes.movements import write_movements
from tests.support.examples.store_rows import NOW, alert, at, charge, intent, planned_entry

PAIR = Scope("BTCUSDT")


def movement(key: str, seconds: float) -> Movement:
    return Movement(
        CROSS, "capital-flow", key, at(seconds), at(seconds), "USDT", Decimal("0.10000001"), "BORROW", "another hand"
    )


def ids(database_url: str, function: Any, **span: datetime) -> list[Any]:
    """The charges, movements, alerts, intents or samples of a time, by what tells them apart."""
    with ReadStore.open(database_url) as store:
        found = list(store.stream(function, span.get("since"), span.get("until")))
    names = ("id", "charge.tx_id", "movement.key", "metric")
    return [_attribute(row, next(name for name in names if _attribute(row, name) is not None)) for row in found]


def _attribute(row: Any, path: str) -> Any:
    for name in path.split("."):
        row = getattr(row, name, None)
    return row


async def test_rows_of_a_time_come_oldest_first(database_url: str, store: Store) -> None:
    await store.execute(
        record_charges, "main", CROSS, (charge(2, hours=2), charge(1, hours=1), charge(3, hours=3)), None
    )
    await store.execute(write_movements, "main", (movement("b", 7200), movement("a", 3600), movement("c", 10800)))
    two, three = at(7200), at(10800)
    for function, names in ((stream_charges, [1, 2, 3]), (stream_movements, ["a", "b", "c"])):
        assert ids(database_url, function) == names
        assert ids(database_url, function, since=two) == names[1:]
        assert ids(database_url, function, since=two, until=three) == names[1:2]


async def test_alerts_and_intents_of_any_state_come_by_number(database_url: str, store: Store) -> None:
    entries = (JournalEntry("main", NOW, alerts=(alert(4, AlertState.RESOLVED), alert(5))), planned_entry(intent(7)))
    for entry in entries:
        await store.commit(entry)
    assert ids(database_url, stream_alerts) == [4, 5]
    assert ids(database_url, stream_intents) == [7]
    assert ids(database_url, stream_alerts, since=at(1)) == ids(database_url, stream_intents, until=NOW) == []


async def test_samples_come_series_by_series_with_their_gaps(database_url: str, store: Store) -> None:
    values = {"margin_level": (Decimal("1.50"), INFINITE), "assets_usdt": (Decimal(7), Decimal("7.000000001"))}
    for number in range(2):
        samples = tuple(Sample("cross", "", name, at(number), value[number]) for name, value in values.items())
        await store.commit(JournalEntry("main", at(number), samples=samples))
    with ReadStore.open(database_url) as opened:
        found = list(opened.stream(stream_samples, None, None))
    assert [(row.metric, row.at, row.value, row.missing) for row in found] == [
        ("assets_usdt", at(0), Decimal(7), None),
        ("assets_usdt", at(1), Decimal("7.000000001"), None),
        ("margin_level", at(0), Decimal("1.50"), None),
        ("margin_level", at(1), None, "infinite"),
    ]


def fill(connection: Connection, count: int) -> None:
    connection.execute(
        insert(tables.series), [{"id": 1, "account": "main", "scope": "cross", "subject": "", "metric": "margin_level"}]
    )
    moments = (datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=number) for number in range(count))
    rows = [{"series": 1, "at": moment, "value": Decimal("1.5"), "missing": None} for moment in moments]
    connection.execute(insert(tables.samples), rows)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(database_url: str) -> None:
    count = 30_000
    engine = create_engine(database_url)
    with engine.begin() as connection:
        fill(connection, count)
    engine.dispose()
    with ReadStore.open(database_url) as store:
        rows = store.stream(stream_samples, None, None)
        assert len(list(islice(rows, 5_000))) == 5_000
        tracemalloc.start()
        try:
            rest = sum(1 for _ in rows)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert rest == count - 5_000
    # All of them would be more than ten times that.
    assert peak < 1_500_000


def test_damaged_row_is_an_error_of_the_store(database_url: str) -> None:
    engine = create_engine(database_url)
    values = {"account": "main", "scope": "cross", "symbol": "", "kind": "transfer", "key": "k", "at": NOW}
    values |= {"seen_at": NOW, "asset": "USDT", "amount": Decimal(1), "type": "x", "origin": "trade", "detail": "{"}
    with engine.begin() as connection:
        connection.execute(insert(tables.movements), [values])
    engine.dispose()
    with ReadStore.open(database_url) as store, pytest.raises(StoreError, match="can't be understood"):
        list(store.stream(stream_movements, None, None))
