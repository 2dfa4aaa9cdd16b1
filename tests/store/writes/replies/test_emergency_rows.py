"""Emergencies in the database: which may still repeat, what a press does, and how they ended."""

from dataclasses import replace

from monitor.core.model.alert import Alert, AlertState
from monitor.core.model.journal import JournalEntry
from monitor.core.notifications.channel_messages import MessageReference
from monitor.core.notifications.emergencies import Emergency
from monitor.core.notifications.outbox import Delivery, DeliveryAttempt, DeliveryState
from monitor.store.readers.alerts import read_alert
from monitor.store.store import Store
from monitor.store.writes import commands, outbox
from monitor.store.writes.replies import emergency_rows
from monitor.store.writes.replies.presses import Press
from tests.support.examples.store_rows import NOW, alert, at, firing_entry

PRESS = Press("pushover/r1", "phone", "pushover:annas-phone", "ack", at(9))


async def ring(store: Store, receipt: str, *numbers: int) -> None:
    """Let alerts fire and be sent as one emergency."""
    for number in numbers:
        entry = replace(firing_entry(number, "phone"), alerts=(alert(number, rule=f"rule-{number}"),))
        (delivery,) = (await store.commit(entry)).deliveries
        await send(store, delivery, receipt)


async def send(store: Store, delivery: Delivery, receipt: str) -> None:
    message = MessageReference(receipt, "text")
    attempt = DeliveryAttempt("phone", delivery.key, at(1), True, "ok", DeliveryState.SENT, message=message)
    await store.record_attempts([attempt])


async def open_emergencies(store: Store) -> tuple[Emergency, ...]:
    return (await store.read(emergency_rows.read_open_emergencies, "phone")).emergencies


async def stored(store: Store, number: int) -> Alert:
    row = await store.read(read_alert, number)
    assert row is not None
    return row.alert


async def test_open_emergencies_have_their_alerts_as_they_are_now(store: Store) -> None:
    await ring(store, "r1", 17, 18)
    await ring(store, "r2", 19)
    await store.execute(commands.acknowledge, 18, "bob", "mine", at(2))
    first, second = await open_emergencies(store)
    assert (first.receipt, [(each.id, each.acked_by) for each in first.alerts]) == ("r1", [(17, None), (18, "bob")])
    assert (second.receipt, [each.id for each in second.alerts]) == ("r2", [19])
    assert (await store.read(emergency_rows.read_open_emergencies, "mail")).emergencies == ()


async def test_press_acknowledges_the_open_alerts_and_is_done_once(store: Store) -> None:
    await ring(store, "r1", 17, 18, 19)
    await store.execute(commands.acknowledge, 18, "bob", "mine", at(2))
    await store.commit(JournalEntry("main", NOW, alerts=(alert(19, AlertState.RESOLVED, rule="rule-19"),)))
    (emergency,) = await open_emergencies(store)
    first = await store.execute(emergency_rows.record_press, PRESS, emergency)
    again = await store.execute(emergency_rows.record_press, PRESS, emergency)
    assert (first.is_done, first.answer, first.is_repeated) == (True, "acknowledged #17", False)
    assert (again.is_done, again.answer, again.is_repeated) == (True, "acknowledged #17", True)
    assert [(await stored(store, number)).acked_by for number in (17, 18, 19)] == ["pushover:annas-phone", "bob", None]
    assert await open_emergencies(store) == ()


async def test_press_on_what_is_over_is_refused_and_ends_the_emergency(store: Store) -> None:
    await ring(store, "r1", 17)
    (emergency,) = await open_emergencies(store)
    await store.commit(JournalEntry("main", NOW, alerts=(alert(17, AlertState.RESOLVED, rule="rule-17"),)))
    result = await store.execute(emergency_rows.record_press, PRESS, emergency)
    assert not result.is_done
    assert (await stored(store, 17)).acked_by is None
    assert await open_emergencies(store) == ()


async def test_emergency_of_a_drill_is_over_with_the_drill(store: Store) -> None:
    drill = await store.execute(commands.request_drill, "near-call", "ann", NOW)
    delivery = Delivery(0, "phone", None, "drill", "critical", NOW, NOW, text="{}", drill=drill)
    (queued,) = await store.execute(outbox.enqueue_all, [delivery])
    await send(store, queued, "r1")
    (emergency,) = await open_emergencies(store)
    assert (emergency.drill, emergency.is_drill_over, emergency.alerts) == (drill, False, ())
    answered = await store.execute(emergency_rows.record_press, replace(PRESS, key="pushover/r0"), emergency)
    assert answered.answer == f"drill {drill} was answered"
    await store.finish_drill(drill, at(5), "carried out")
    await send(store, (await store.execute(outbox.enqueue_all, [replace(delivery, created_at=at(1))]))[0], "r2")
    (over,) = await open_emergencies(store)
    assert (over.receipt, over.is_drill_over) == ("r2", True)


async def test_recorded_end_closes_the_emergency(store: Store) -> None:
    await ring(store, "r1", 17)
    await store.execute(emergency_rows.record_end, "phone", "r1", "cancelled", at(5))
    assert await open_emergencies(store) == ()
