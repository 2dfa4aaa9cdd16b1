"""People's orders: written by any process, read by the daemon when there is something new."""

import dataclasses

import pytest

from monitor.core.model.alert import AlertState
from monitor.core.model.events import Ack, Matcher, Silence
from monitor.core.model.intent import IntentState
from monitor.core.model.journal import Entry, Notice
from monitor.core.notifications.outbox import Attempt, DeliveryState
from monitor.errors import OrderRefused
from monitor.store.readers.intents import read_intent
from monitor.store.store import OrderStore, Store
from monitor.store.writes import audit, commands
from monitor.store.writes.intents import recent
from monitor.store.writes.outbox import due
from tests.support.examples.store_rows import NOW, alert, at, fired, intent, planned, step

S = IntentState


async def test_orders_are_read_only_when_there_is_something_new(store: Store) -> None:
    first = await store.orders(NOW)
    assert first is not None
    assert await store.orders(NOW, first.changes) is None
    await store.order(commands.pause, True, "ann", NOW)
    second = await store.orders(NOW, first.changes)
    assert second is not None
    assert second.read.paused
    assert not await store.order(commands.pause, True, "bob", NOW)
    assert await store.orders(NOW, second.changes) is None


async def test_another_process_orders_beside_the_daemon(store: Store, database_url: str) -> None:
    await store.commit(fired(17))
    with OrderStore.open(database_url) as people:
        people.order(commands.acknowledge, 17, "ann", "on it", at(1))
        people.order(commands.acknowledge, 17, "bob", "me too", at(2))
    orders = await store.orders(NOW)
    assert orders is not None
    assert orders.read.acks == (Ack(17, "bob", at(2), "me too"),)
    await store.commit(Entry("main", NOW, alerts=(dataclasses.replace(alert(17), state=AlertState.RESOLVED),)))
    later = await store.orders(NOW)
    assert later is not None
    assert later.read.acks == ()


async def test_only_an_open_alert_can_be_taken(store: Store) -> None:
    await store.commit(Entry("main", NOW, alerts=(alert(1, AlertState.RESOLVED),)))
    with pytest.raises(OrderRefused, match="there is no alert #9"):
        await store.order(commands.acknowledge, 9, "ann", "", NOW)
    with pytest.raises(OrderRefused, match="alert #1 is resolved already"):
        await store.order(commands.acknowledge, 1, "ann", "", NOW)


async def test_a_silence_holds_until_it_ends_or_is_ended(store: Store) -> None:
    wanted = Silence(0, (Matcher("rule", "=~", "near-.*"), Matcher("account", "!=", "b")), NOW, at(60), "ann", "work")
    silence = await store.order(commands.add_silence, wanted)
    assert silence == dataclasses.replace(wanted, id=silence.id)
    orders = await store.orders(at(1))
    assert orders is not None
    assert orders.read.silences == (silence,)
    await store.order(commands.expire_silence, silence.id, at(2))
    orders = await store.orders(at(2))
    assert orders is not None
    assert orders.read.silences == ()
    assert await store.read(commands.read_silences) == (dataclasses.replace(silence, ends_at=at(2)),)
    with pytest.raises(OrderRefused, match="over already"):
        await store.order(commands.expire_silence, silence.id, at(3))
    with pytest.raises(OrderRefused, match="there is no silence 99"):
        await store.order(commands.expire_silence, 99, at(3))


async def test_an_approval_is_read_while_the_intent_is_proposed(store: Store) -> None:
    await store.commit(planned(dataclasses.replace(intent(1, S.PROPOSED), expires_at=at(600)), intent(2, S.PROPOSED)))
    await store.order(commands.decide, 1, True, "ann", at(1))
    await store.order(commands.decide, 2, False, "ann", at(1))
    orders = await store.orders(NOW)
    assert orders is not None
    assert orders.read.decisions == {1: True, 2: False}
    await store.commit(
        Entry("main", NOW, intents=(intent(1),), intent_steps=(step(1, S.PROPOSED, S.PLANNED),)),
    )
    orders = await store.orders(NOW)
    assert orders is not None
    assert orders.read.decisions == {2: False}


async def test_an_approval_comes_too_late_or_after_a_rejection_or_not_at_all(store: Store) -> None:
    await store.commit(planned(dataclasses.replace(intent(1, S.PROPOSED), expires_at=at(600)), intent(2)))
    with pytest.raises(OrderRefused, match="waited too long"):
        await store.order(commands.decide, 1, True, "ann", at(600))
    await store.order(commands.decide, 1, True, "ann", at(1))
    await store.order(commands.decide, 1, False, "ann", at(2))
    with pytest.raises(OrderRefused, match="was rejected already"):
        await store.order(commands.decide, 1, True, "bob", at(3))
    with pytest.raises(OrderRefused, match="intent 2 is PLANNED"):
        await store.order(commands.decide, 2, True, "bob", at(3))
    with pytest.raises(OrderRefused, match="there is no intent 3"):
        await store.order(commands.decide, 3, True, "bob", at(3))


async def test_the_time_of_a_proposal_begins_with_the_first_message_that_was_taken(store: Store) -> None:
    asks = dataclasses.replace(intent(1, S.PROPOSED), expires_at=at(600))
    notice = Notice("critical", "R-1 waits for you", ("phone", "mail"), NOW, intent=1)
    entry = planned(asks, intent(2, S.PROPOSED))
    phone, mail = (await store.commit(dataclasses.replace(entry, notices=(notice,)))).deliveries
    failed, sent = DeliveryState.QUEUED, DeliveryState.SENT
    await store.record_attempts([Attempt("phone", phone.id, at(1), False, "503", failed, at(30))])
    before = await store.orders(NOW)
    assert before is not None and not before.read.asked
    await store.record_attempts([Attempt("mail", mail.id, at(100), True, "250", sent)])
    await store.record_attempts([Attempt("phone", phone.id, at(200), True, "200", sent)])
    orders = await store.orders(NOW, before.changes)
    assert orders is not None and orders.read.asked == {1: at(100)}
    known = {one.id: one for one in await store.read(recent, "main", at(201))}
    assert (known[1].asked_at, known[1].expires_at) == (at(100), at(700))
    assert known[2].asked_at is None
    # A step that knew nothing of it leaves it as it is.
    over = dataclasses.replace(asks, state=S.REJECTED, settled_at=at(300))
    await store.commit(Entry("main", NOW, intents=(over,), intent_steps=(step(1, S.PROPOSED, S.REJECTED),)))
    assert {one.id: one.asked_at for one in await store.read(recent, "main", at(301))} == {1: at(100), 2: None}
    assert (await store.read(audit.verify)).flaws == ()


async def test_a_person_settles_only_what_is_unresolved(store: Store) -> None:
    await store.commit(planned(intent(1)))
    await store.claim(intent(1), NOW)
    await store.record(intent(1, S.UNCERTAIN), step(1, S.SUBMITTING, S.UNCERTAIN))
    with pytest.raises(OrderRefused, match="intent 1 is UNCERTAIN"):
        await store.order(commands.resolve, 1, S.CONFIRMED, "ann", "seen in the app", at(5), ("phone",))
    await store.record(intent(1, S.UNRESOLVED), step(1, S.UNCERTAIN, S.UNRESOLVED))
    assert await store.read(due, "phone", at(9)) == ()
    settled = await store.order(commands.resolve, 1, S.CONFIRMED, "ann", "seen in the app", at(5), ("phone", "mail"))
    for channel in ("phone", "mail"):
        (told,) = await store.read(due, channel, at(5))
        assert (told.reason, told.severity) == ("notice", "info")
        assert told.text is not None
        assert told.text.endswith("R-1): counts as done (resolved by ann: seen in the app)")
    with pytest.raises(OrderRefused, match="intent 1 is CONFIRMED"):
        await store.order(commands.resolve, 1, S.FAILED, "bob", "not there", at(6), ("phone",))
    assert len(await store.read(due, "phone", at(9))) == 1
    found = await store.read(read_intent, 1)
    assert found is not None
    assert found.intent == settled
    assert found.steps[-1] == step(1, S.UNRESOLVED, S.CONFIRMED, 5, "resolved by ann: seen in the app")
    orders = await store.orders(at(6))
    assert orders is not None
    assert orders.settled == (settled,)


async def test_a_drill_waits_for_the_daemon_and_tells_what_came_of_it(store: Store) -> None:
    number = await store.order(commands.request_drill, "near-call", "ann", NOW)
    orders = await store.orders(NOW)
    assert orders is not None
    assert [(drill.id, drill.rule) for drill in orders.drills] == [(number, "near-call")]
    await store.finish_drill(number, at(1), "told phone")
    drill = await store.read(commands.read_drill, number)
    assert drill is not None
    assert (drill.done_at, drill.outcome) == (at(1), "told phone")
