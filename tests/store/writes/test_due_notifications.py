"""One look shows all that decides what a channel is told."""

import dataclasses

from monitor.core.model.alert import AlertState
from monitor.core.notifications.outbox import Attempt, DeliveryState, Heard, Told
from monitor.store.store import Store
from monitor.store.writes.due_notifications import Look, look
from tests.support.examples.store_rows import NOW, alert, at, fired


async def test_a_look_shows_what_is_due_and_what_it_is_about(store: Store) -> None:
    first, second = (await store.commit(fired(17, "phone", "phone"))).deliveries
    (later,) = (await store.commit(fired(18, "phone"))).deliveries
    await store.postpone([later.id], at(60))
    told = Told(17, "phone", AlertState.FIRING, "critical", at(5))
    await store.record_attempts([Attempt("phone", first.id, at(5), True, "", DeliveryState.SENT, told=told)])
    seen = await store.read(look, "phone", at(9), at(-60), 5, restrained=False)
    assert (seen.due, seen.next_at, seen.is_whole) == ((second,), at(60), True)
    assert (seen.alerts, seen.heard) == ({17: alert(17)}, {17: Heard(told, alert(17).key)})
    assert seen.tried == {17}


async def test_what_was_to_be_told_before_this_life_may_have_been(store: Store) -> None:
    await store.commit(fired(17, "phone"))
    assert (await store.read(look, "phone", at(9), NOW, 5, restrained=False)).tried == frozenset()
    assert (await store.read(look, "phone", at(9), at(1), 5, restrained=False)).tried == {17}


async def test_a_restrained_channel_is_shown_all_that_it_heard_and_when(store: Store) -> None:
    first, _ = (await store.commit(fired(17, "phone", "phone"))).deliveries
    await store.commit(fired(18, "mail"))
    told = [Told(number, "phone", AlertState.FIRING, "critical", at(5)) for number in (17, 18)]
    sent = Attempt("phone", first.id, at(5), True, "", DeliveryState.SENT, told=told[0])
    await store.record_attempts([sent])
    (other,) = (await store.commit(dataclasses.replace(fired(18, "phone"), alerts=(), transitions=()))).deliveries
    await store.record_attempts([dataclasses.replace(sent, delivery=other.id, at=at(6), told=told[1])])
    seen = await store.read(look, "phone", at(9), NOW, 5, restrained=True)
    assert (sorted(seen.heard), seen.sent) == ([17, 18], (at(5), at(6)))
    free = await store.read(look, "phone", at(9), NOW, 5, restrained=False)
    assert (sorted(free.heard), free.sent) == ([17], ())


async def test_a_look_that_leaves_something_out_says_so(store: Store) -> None:
    await store.commit(fired(17, "phone", "phone"))
    seen = await store.read(look, "phone", NOW, NOW, 1, restrained=False)
    assert (len(seen.due), seen.is_whole) == (1, False)
    assert await store.read(look, "pager", NOW, NOW, 1, restrained=False) == Look((), None)
