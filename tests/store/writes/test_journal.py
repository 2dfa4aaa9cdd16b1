"""One entry, one transaction: exactly once, whole or not at all."""

import asyncio
import dataclasses
from decimal import Decimal

import pytest
from sqlalchemy import Connection, func, select

from monitor.core.model.account import CROSS, Scope
from monitor.core.model.alert import Alert, AlertState, AlertTransition, Notification, NotificationReason
from monitor.core.model.events import ReadFailed
from monitor.core.model.intent import IntentState
from monitor.core.model.journal import JournalEntry, Sample
from monitor.core.model.metric_values import SamplePoint
from monitor.core.model.order import CancelOrders, Reduce, Transfer
from monitor.core.numbers.amounts import INFINITE
from monitor.errors import StoreError
from monitor.store.readers.alerts import read_alert, read_alerts
from monitor.store.readers.events import read_events
from monitor.store.readers.history import read_history
from monitor.store.readers.status import read_live_documents
from monitor.store.schema import tables
from monitor.store.startup import load_state
from monitor.store.store import Store
from tests.support.examples.store_rows import NOW, alert, at, event, firing_entry, intent, planned_entry, step
from tests.support.recorded_rows import read_failures, read_transitions


def count(connection: Connection, table: str) -> int:
    return int(connection.execute(select(func.count()).select_from(tables.metadata.tables[table])).scalar_one())


async def test_an_event_is_recorded_once_whatever_is_replayed(store: Store) -> None:
    events = tuple(event(f"key-{number}") for number in range(50))
    counts = []
    for delivered in (events[:30], events, events + events):
        await store.commit(JournalEntry("main", NOW, events=delivered))
        counts.append(await store.read(count, "events"))
    assert counts == [30, 50, 50]
    recorded = await store.read(read_events, limit=None)
    assert [row.key for row in recorded] == [f"key-{number}" for number in range(50)]


async def test_an_event_reads_back_as_it_was_recorded(store: Store) -> None:
    raw = dataclasses.replace(event("k", scope=Scope("BTCUSDT")), payload='{"e":"x","q":"0.10"}', rejected="no time")
    await store.commit(JournalEntry("main", NOW, events=(raw,)))
    (row,) = await store.read(read_events)
    assert (row.account, row.scope, row.symbol, row.stream) == ("main", "isolated", "BTCUSDT", "account")
    assert (row.payload, row.rejected, row.event_time, row.received_at) == (raw.payload, "no time", NOW, NOW)


async def test_events_are_found_by_type_account_and_time_newest_last(store: Store) -> None:
    first = (event("a", type="x", seconds=1), event("b", type="y", seconds=2), event("c", type="x", seconds=3))
    await store.commit(JournalEntry("main", NOW, events=first))
    await store.commit(JournalEntry("other", NOW, events=(event("d", type="x", seconds=4),)))
    assert [row.key for row in await store.read(read_events, type="x")] == ["a", "c", "d"]
    assert [row.key for row in await store.read(read_events, account="main", since=at(2))] == ["b", "c"]
    assert [row.key for row in await store.read(read_events, limit=2)] == ["c", "d"]


async def test_samples_keep_infinite_and_unavailable_apart(store: Store) -> None:
    values = (Decimal("1.2345"), INFINITE, None)
    samples = tuple(Sample("cross", "", "margin_level", at(n), value) for n, value in enumerate(values))
    await store.commit(JournalEntry("main", NOW, samples=samples))
    (row,) = await store.read(read_history, "margin_level")
    assert row.points == (
        SamplePoint(at(0), Decimal("1.2345"), None),
        SamplePoint(at(1), None, "infinite"),
        SamplePoint(at(2), None, "unavailable"),
    )


async def test_history_by_the_minute_shows_the_last_sample_of_each(store: Store) -> None:
    samples = tuple(Sample("cross", "", "margin_level", at(20 * n), Decimal(n)) for n in range(7))
    await store.commit(JournalEntry("main", NOW, samples=samples))
    (row,) = await store.read(read_history, "margin_level", resolution="1m")
    assert [p.at for p in row.points] == [at(40), at(100), at(120)]
    assert [str(p.value) for p in row.points] == ["2", "5", "6"]


async def test_an_alert_reads_back_whole(store: Store) -> None:
    full = Alert(
        **{
            **{field.name: getattr(alert(17), field.name) for field in dataclasses.fields(Alert)},
            "labels": {"team": "me", "Größe": "ß"},
            "value": INFINITE,
            "pending_s": Decimal("29.5"),
            "escalated": 2,
            "acked_by": "ann",
            "silenced_by": 3,
            "inhibited_by": 4,
            "gone": True,
            **dict.fromkeys(
                ("fired_at", "resolved_at", "unknown_since", "clear_since", "updated_at", "notified_at", "acked_at"),
                NOW,
            ),
        }
    )
    await store.commit(JournalEntry("main", NOW, alerts=(full,)))
    assert (await store.load_state("main", NOW)).alerts == (full,)


@pytest.mark.parametrize(
    "order",
    [
        Transfer("funding", Scope("BTCUSDT"), "USDT", Decimal("12.34567891")),
        Reduce(Scope(), "USDT", Decimal(6000), "BTCUSDT", "SELL", Decimal("0.1"), Decimal(59_400), "BTC", "mm-1-2"),
        CancelOrders(Scope("BTCUSDT"), "BTCUSDT", "BTC"),
    ],
)
async def test_an_intent_reads_back_whole(store: Store, order: Transfer | Reduce | CancelOrders) -> None:
    wanted = dataclasses.replace(
        intent(1),
        order=order,
        kind="transfer_in",
        plan=9,
        reason="below",
        level_before=Decimal("1.21"),
        level_after=INFINITE,
        submitted_at=NOW,
        settled_at=NOW,
        owed_before=Decimal(1),
        free_before=Decimal(2),
        source_before=Decimal(3),
        ref="4711",
        evidence="seen",
        expires_at=NOW,
        refused_code=-3041,
        refused_transiently=True,
        executed_late=True,
        resolved_by="me@here",
        stopped_by_limit=True,
    )
    await store.commit(planned_entry(wanted))
    assert (await store.load_state("main", NOW)).intents == (wanted,)


async def test_alert_has_a_delivery_for_every_named_channel(store: Store) -> None:
    committed = await store.commit(firing_entry(17, "phone", "mail"))
    assert [(delivery.channel, delivery.alert, delivery.reason) for delivery in committed.deliveries] == [
        ("phone", 17, NotificationReason.FIRED),
        ("mail", 17, NotificationReason.FIRED),
    ]
    (row,) = await store.read(read_alerts)
    assert row.deliveries == committed.deliveries


async def test_an_alert_is_replaced_by_its_newer_self_and_its_transitions_stay(store: Store) -> None:
    await store.commit(firing_entry(17))
    over = dataclasses.replace(alert(17), state=AlertState.RESOLVED, resolved_at=at(60))
    change = AlertTransition(17, AlertState.FIRING, AlertState.RESOLVED, at(60), Decimal("1.5"), "clear")
    await store.commit(JournalEntry("main", at(60), alerts=(over,), transitions=(change,)))
    assert await store.read(read_alerts) == ()
    found = await store.read(read_alert, 17)
    assert found is not None
    assert found.alert == over
    assert await store.read(read_transitions, 17) == (
        AlertTransition(17, None, AlertState.FIRING, NOW, Decimal("1.21")),
        change,
    )


async def test_two_accounts_cannot_give_two_alerts_one_number(store: Store) -> None:
    await store.commit(firing_entry(17))
    with pytest.raises(StoreError, match="#17 belongs to another alert"):
        await store.commit(JournalEntry("other", NOW, alerts=(alert(17, account="other"),)))


async def test_an_entry_that_is_refused_leaves_nothing_behind(store: Store) -> None:
    await store.commit(planned_entry(intent(1)))
    bad = JournalEntry(
        "main",
        NOW,
        events=(event("lost"),),
        failures=(ReadFailed("cross", CROSS, NOW, "no answer"),),
        samples=(Sample("cross", "", "margin_level", NOW, Decimal(1)),),
        alerts=(alert(1),),
        transitions=(AlertTransition(1, None, AlertState.FIRING, NOW, None),),
        notifications=(Notification(1, NotificationReason.FIRED, "critical", ("phone",), NOW),),
        intents=(intent(1, IntentState.CONFIRMED),),
        intent_steps=(step(1, IntentState.UNCERTAIN, IntentState.CONFIRMED),),
        live="{}",
    )
    with pytest.raises(StoreError, match="intent 1 is no longer UNCERTAIN"):
        await store.commit(bad)
    emptied = ("events", "failures", "interest", "series", "samples", "alerts", "deliveries", "live")
    assert [await store.read(count, name) for name in emptied] == [0] * 8
    # What was remembered of the undone part must not mislead the next entry.
    good = JournalEntry("main", NOW, samples=(Sample("cross", "", "margin_level", NOW, Decimal(1)),))
    await store.commit(good)
    assert await store.read(count, "samples") == 1


async def test_a_refused_entry_costs_its_neighbours_nothing(store: Store) -> None:
    entries = [
        JournalEntry("main", NOW, events=(event(f"key-{n}"),), alerts=(alert(n + 1, rule=f"rule-{n}"),))
        for n in range(40)
    ]
    for number in (3, 17, 39):
        stranger = AlertTransition(999, None, AlertState.FIRING, NOW, None)
        entries[number] = dataclasses.replace(entries[number], transitions=(stranger,))
    answers = await asyncio.gather(*(store.commit(entry) for entry in entries), return_exceptions=True)
    refused = [number for number, answer in enumerate(answers) if isinstance(answer, StoreError)]
    assert refused == [3, 17, 39]
    recorded = {row.key for row in await store.read(read_events, limit=None)}
    assert recorded == {f"key-{n}" for n in range(40) if n not in refused}
    assert not store.is_failing


async def test_failed_reads_and_the_live_document_read_back(store: Store) -> None:
    failed = ReadFailed("isolated", None, NOW, "NaN", rejected="marginLevel", payload="{")
    await store.commit(JournalEntry("main", NOW, failures=(failed,), live='{"a":1}'))
    await store.commit(JournalEntry("main", at(1), live='{"a":2}'))
    assert await store.read(read_failures) == (failed,)
    assert [(d.account, d.at, d.document) for d in await store.read(read_live_documents)] == [
        ("main", at(1), '{"a":2}')
    ]


async def test_account_loads_open_and_undelivered_alerts(store: Store) -> None:
    await store.commit(firing_entry(1, "phone"))
    await store.commit(JournalEntry("main", NOW, alerts=(alert(2, AlertState.RESOLVED, rule="told"),)))
    await store.commit(JournalEntry("main", NOW, alerts=(alert(3, AlertState.PENDING, rule="later"),)))
    await store.commit(JournalEntry("other", NOW, alerts=(alert(4, account="other"),)))
    over = dataclasses.replace(alert(1), state=AlertState.RESOLVED)
    await store.commit(JournalEntry("main", NOW, alerts=(over,)))
    loaded = await store.load_state("main", at(7200))
    assert [(one.id, one.state) for one in loaded.alerts] == [(1, AlertState.RESOLVED), (3, AlertState.PENDING)]
    ids = await store.next_ids(NOW)
    assert (ids.alert, ids.intent) == (5, 1)


async def test_an_account_never_seen_loads_empty(store: Store) -> None:
    loaded = await store.read(load_state, "nobody", NOW)
    assert (loaded.alerts, loaded.intents, loaded.interest, loaded.pegs, loaded.live_document) == ((), (), {}, {}, None)
