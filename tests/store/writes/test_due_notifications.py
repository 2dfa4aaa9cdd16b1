"""One look shows all that decides what a channel is told."""

import dataclasses

from monitor.core.model.alert import AlertState
from monitor.core.notifications.outbox import DeliveryAttempt, DeliveryState, LastNotified, NotifiedAlert
from monitor.store.store import Store
from monitor.store.writes.due_notifications import ChannelDue, read_channel_due
from tests.support.examples.store_rows import NOW, alert, at, firing_entry


async def test_channel_due_contains_deliveries_and_their_alerts(store: Store) -> None:
    first, second = (await store.commit(firing_entry(17, "phone", "phone"))).deliveries
    (later,) = (await store.commit(firing_entry(18, "phone"))).deliveries
    await store.postpone_deliveries([later.key], at(60))
    told = LastNotified(17, "phone", AlertState.FIRING, "critical", at(5))
    await store.record_attempts(
        [DeliveryAttempt("phone", first.key, at(5), True, "", DeliveryState.SENT, last_notified=told)]
    )
    seen = await store.read(read_channel_due, "phone", at(9), at(-60), 5, is_limited=False)
    assert (seen.deliveries, seen.next_at, seen.is_complete) == ((second,), at(60), True)
    assert (seen.alerts, seen.last_notified) == ({17: alert(17)}, {17: NotifiedAlert(told, alert(17).key)})
    assert seen.attempted == {17}


async def test_delivery_of_an_earlier_run_may_have_been_sent(store: Store) -> None:
    await store.commit(firing_entry(17, "phone"))
    assert (await store.read(read_channel_due, "phone", at(9), NOW, 5, is_limited=False)).attempted == frozenset()
    assert (await store.read(read_channel_due, "phone", at(9), at(1), 5, is_limited=False)).attempted == {17}


async def test_throttled_channel_gets_all_notified_states_and_times(store: Store) -> None:
    first, _ = (await store.commit(firing_entry(17, "phone", "phone"))).deliveries
    await store.commit(firing_entry(18, "mail"))
    told = [LastNotified(number, "phone", AlertState.FIRING, "critical", at(5)) for number in (17, 18)]
    sent = DeliveryAttempt("phone", first.key, at(5), True, "", DeliveryState.SENT, last_notified=told[0])
    await store.record_attempts([sent])
    (other,) = (
        await store.commit(dataclasses.replace(firing_entry(18, "phone"), alerts=(), transitions=()))
    ).deliveries
    await store.record_attempts([dataclasses.replace(sent, delivery=other.key, at=at(6), last_notified=told[1])])
    seen = await store.read(read_channel_due, "phone", at(9), NOW, 5, is_limited=True)
    assert (sorted(seen.last_notified), seen.sent_at) == ([17, 18], (at(5), at(6)))
    free = await store.read(read_channel_due, "phone", at(9), NOW, 5, is_limited=False)
    assert (sorted(free.last_notified), free.sent_at) == ([17], ())


async def test_truncated_channel_due_is_marked(store: Store) -> None:
    await store.commit(firing_entry(17, "phone", "phone"))
    seen = await store.read(read_channel_due, "phone", NOW, NOW, 1, is_limited=False)
    assert (len(seen.deliveries), seen.is_complete) == (1, False)
    assert await store.read(read_channel_due, "pager", NOW, NOW, 1, is_limited=False) == ChannelDue((), None)
