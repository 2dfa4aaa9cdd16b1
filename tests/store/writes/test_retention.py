"""What is too old goes, in portions, and nothing else does."""

from dataclasses import replace
from decimal import Decimal

from monitor.core.model.events import ReadFailed
from monitor.core.model.journal import JournalEntry, Notice, Sample
from monitor.core.model.price_history import HourSpan
from monitor.core.notifications.outbox import DeliveryAttempt, DeliveryState
from monitor.store.readers.events import read_events, read_movements
from monitor.store.readers.history import read_history
from monitor.store.readers.price_history import read_symbol_bars
from monitor.store.store import Store
from monitor.store.writes import price_bars, retention
from tests.store.writes.test_movements import FLOW
from tests.support.examples.price_bars import bars, hour
from tests.support.examples.store_rows import NOW, at, event
from tests.support.recorded_rows import read_failures


async def test_only_older_rows_are_pruned(store: Store) -> None:
    samples = tuple(
        Sample("cross", "", metric, at(n), Decimal(n)) for metric in ("margin_level", "equity_usdt") for n in range(10)
    )
    events = tuple(event(f"key-{n}", seconds=n) for n in range(10))
    failures = tuple(ReadFailed("cross", None, at(n), "no answer") for n in range(10))
    await store.commit(JournalEntry("main", NOW, samples=samples, events=events, failures=failures))
    assert await store.prune(samples_before=at(4), events_before=at(5), failures_before=at(6)) == 8 + 5 + 6
    for metric in ("margin_level", "equity_usdt"):
        (row,) = await store.read(read_history, metric)
        assert [point.at for point in row.points] == [at(n) for n in range(4, 10)]
    assert [row.key for row in await store.read(read_events)] == [f"key-{n}" for n in range(5, 10)]
    assert [failure.at for failure in await store.read(read_failures)] == [at(n) for n in range(6, 10)]
    assert await store.prune(samples_before=at(4)) == 0


async def test_past_prices_older_than_their_span_go(store: Store) -> None:
    span = HourSpan(hour(0), hour(5))
    await store.execute(price_bars.save_bars, "FOOUSDT", span, bars(["1"] * 5))
    assert await store.prune(bars_before=hour(3)) == 3
    assert [bar.opens_at for bar in (await store.read(read_symbol_bars, "FOOUSDT", *span)).bars] == [hour(3), hour(4)]
    assert await store.prune(bars_before=hour(3)) == 0
    assert await store.prune(bars_before=hour(9)) == 2


async def test_old_movements_go(store: Store) -> None:
    movements = tuple(replace(FLOW, key=str(n), at=at(n)) for n in range(5))
    await store.commit(JournalEntry("main", NOW, movements=movements))
    assert await store.prune(movements_before=at(3)) == 3
    assert [row.key for row in await store.read(read_movements, kind="capital-flow")] == ["3", "4"]
    assert await store.prune(movements_before=at(3)) == 0


async def test_a_portion_takes_no_more_than_it_may(store: Store) -> None:
    samples = tuple(Sample("cross", "", "margin_level", at(n), Decimal(n)) for n in range(10))
    events = tuple(event(f"key-{n}", seconds=n) for n in range(10))
    await store.commit(JournalEntry("main", NOW, samples=samples, events=events))
    portions = [await store.execute(retention.prune_samples, at(8), 3) for _ in range(4)]
    assert portions == [3, 3, 2, 0]
    portions = [await store.execute(retention.prune_events, at(8), 3) for _ in range(4)]
    assert portions == [3, 3, 2, 0]


async def test_old_attempts_are_pruned_except_for_open_deliveries(store: Store) -> None:
    failures = tuple(ReadFailed(read="cross", scope=None, at=at(n), cause="no answer") for n in range(4))
    notices = tuple(Notice("info", f"notice {n}", ("phone",), at(n)) for n in range(2))
    queued = (await store.commit(JournalEntry("main", NOW, failures=failures, notices=notices))).deliveries
    for delivery, state in zip(queued, (DeliveryState.SENT, DeliveryState.QUEUED), strict=True):
        await store.record_attempts([DeliveryAttempt("phone", delivery.key, at(1), True, "told", state)])
    assert await store.prune(failures_before=at(2), attempts_before=at(2)) == 3
    assert await store.prune(failures_before=at(2), attempts_before=at(2)) == 0
