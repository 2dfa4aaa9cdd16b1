"""The outbox: nothing is lost, every attempt is kept, and each channel's last words are known."""

import dataclasses

from sqlalchemy import select

from monitor.core.model.alert import AlertState, NotificationReason
from monitor.core.model.journal import JournalEntry
from monitor.core.notifications.outbox import Delivery, DeliveryAttempt, DeliveryState, LastNotified, NotifiedAlert
from monitor.store.schema import tables
from monitor.store.store import Store
from monitor.store.writes.outbox import (
    read_due_deliveries,
    read_failing_channels,
    read_last_notified,
    read_next_due_at,
    read_sent_times,
)
from tests.support.examples.store_rows import NOW, alert, at, firing_entry

LAST_NOTIFIED = LastNotified(17, "phone", AlertState.FIRING, "critical", at(5))


async def test_a_delivery_is_due_on_its_own_channel_when_its_time_has_come(store: Store) -> None:
    committed = await store.commit(firing_entry(17, "phone", "mail"))
    assert await store.read(read_due_deliveries, "phone", NOW) == (committed.deliveries[0],)
    assert await store.read(read_due_deliveries, "phone", at(-1)) == ()
    assert await store.read(read_next_due_at, "mail") == NOW
    assert await store.read(read_next_due_at, "pager") is None


async def test_a_failed_attempt_is_kept_and_the_delivery_waits(store: Store) -> None:
    (delivery,) = (await store.commit(firing_entry(17, "phone"))).deliveries
    queued = DeliveryState.QUEUED
    assert (
        await store.record_attempts([DeliveryAttempt("phone", delivery.key, at(1), False, "503", queued, at(30))]) == 1
    )
    assert await store.read(read_due_deliveries, "phone", at(29)) == ()
    (waiting,) = await store.read(read_due_deliveries, "phone", at(30))
    assert (waiting.attempts, waiting.answer, waiting.state) == (1, "503", queued)
    sent = DeliveryState.SENT
    assert (
        await store.record_attempts(
            [DeliveryAttempt("phone", delivery.key, at(31), True, "200 OK", sent, last_notified=LAST_NOTIFIED)]
        )
        == 1
    )
    assert await store.read(read_due_deliveries, "phone", at(99)) == ()
    rows = await store.read(lambda c: c.execute(select(tables.delivery_attempts)).all())
    assert [(row.delivery, row.at, row.ok, row.answer) for row in rows] == [
        (delivery.id, at(1), False, "503"),
        (delivery.id, at(31), True, "200 OK"),
    ]


async def test_no_channel_is_given_the_same_message_twice(store: Store) -> None:
    (delivery,) = (await store.commit(firing_entry(17, "phone"))).deliveries
    stand_in = dataclasses.replace(delivery, channel="mail", next_at=at(3))
    queued = await store.enqueue_once(stand_in)
    assert queued is not None and await store.read(read_due_deliveries, "mail", at(3)) == (queued,)
    # Neither again, nor back to where it came from, whatever became of it there.
    await store.close_unsent_deliveries(DeliveryState.FAILED, {queued.key: "503"})
    assert [await store.enqueue_once(stand_in), await store.enqueue_once(delivery)] == [None, None]
    assert await store.enqueue_once(dataclasses.replace(stand_in, created_at=at(60))) is not None
    notice = Delivery(0, "mail", None, "notice", "info", NOW, NOW, text="R-1: done")
    assert await store.enqueue_once(notice) is not None
    assert await store.enqueue_once(notice) is None
    assert await store.enqueue_once(dataclasses.replace(notice, text="R-2: done")) is not None


async def test_a_finished_delivery_takes_no_further_attempt(store: Store) -> None:
    (delivery,) = (await store.commit(firing_entry(17, "phone"))).deliveries
    attempt = DeliveryAttempt("phone", delivery.key, NOW, True, "", DeliveryState.SENT)
    assert await store.record_attempts([attempt]) == 1
    assert await store.record_attempts([attempt]) == 0
    assert not await store.close_unsent_deliveries(DeliveryState.EXPIRED, {delivery.key: "too late"})


async def test_result_of_a_lost_delivery_leaves_its_successor_alone(store: Store) -> None:
    lost = Delivery(0, "phone", None, "notice", "critical", NOW, NOW, text="an order ended")
    # After a failover the database gives the same ids to other messages.
    row = await store.enqueue_once(
        dataclasses.replace(lost, created_at=at(60), next_at=at(60), text="the record was lost")
    )
    assert row is not None
    earlier = dataclasses.replace(lost, id=row.id)
    attempt = DeliveryAttempt("phone", earlier.key, at(1), True, "204", DeliveryState.SENT)
    assert await store.record_attempts([attempt]) == 0
    assert await store.close_unsent_deliveries(DeliveryState.EXPIRED, {earlier.key: "told already"}) == 0
    assert await store.postpone_deliveries([earlier.key], at(3600)) == 0
    assert await store.read(read_due_deliveries, "phone", at(60)) == (row,)


async def test_last_notified_state_is_kept_while_the_alert_is_open(store: Store) -> None:
    (delivery,) = (await store.commit(firing_entry(17, "phone"))).deliveries
    sent = DeliveryState.SENT
    await store.record_attempts(
        [DeliveryAttempt("phone", delivery.key, at(5), True, "", sent, last_notified=LAST_NOTIFIED)]
    )
    assert await store.read(read_last_notified, "phone") == {17: NotifiedAlert(LAST_NOTIFIED, alert(17).key)}
    assert await store.read(read_last_notified, "mail") == {}
    over = dataclasses.replace(alert(17), state=AlertState.RESOLVED)
    notice = firing_entry(17, "phone").notifications[0]
    entry = JournalEntry(
        "main", at(9), alerts=(over,), notifications=(dataclasses.replace(notice, reason=NotificationReason.RESOLVED),)
    )
    (last,) = (await store.commit(entry)).deliveries
    assert await store.read(read_last_notified, "phone") == {17: NotifiedAlert(LAST_NOTIFIED, alert(17).key)}
    heard = dataclasses.replace(LAST_NOTIFIED, state=AlertState.RESOLVED)
    await store.record_attempts([DeliveryAttempt("phone", last.key, at(9), True, "", sent, last_notified=heard)])
    assert await store.read(read_last_notified, "phone") == {}


async def test_a_notice_belongs_to_no_alert(store: Store) -> None:
    notice = Delivery(0, "phone", None, "notice", "info", NOW, NOW, text="a tranId was found after FAILED")
    queued = await store.enqueue_once(notice)
    assert queued is not None
    assert queued.id > 0
    assert await store.read(read_due_deliveries, "phone", NOW) == (queued,)


async def test_a_postponed_delivery_comes_later(store: Store) -> None:
    (delivery,) = (await store.commit(firing_entry(17, "phone"))).deliveries
    assert await store.postpone_deliveries([delivery.key], at(3600)) == 1
    assert await store.read(read_next_due_at, "phone") == at(3600)
    assert await store.read(read_next_due_at, "phone", at(3600)) is None


async def test_grouped_messages_count_once_and_drills_not(store: Store) -> None:
    first, second = (await store.commit(firing_entry(17, "phone", "phone"))).deliveries
    sent = DeliveryState.SENT
    await store.record_attempts([DeliveryAttempt("phone", one.key, at(5), True, "", sent) for one in (first, second)])
    drill = await store.enqueue_once(Delivery(0, "phone", None, "drill", "info", NOW, NOW, text="{}", drill=3))
    assert drill is not None
    await store.record_attempts([DeliveryAttempt("phone", drill.key, at(7), True, "", sent)])
    assert await store.read(read_sent_times, "phone", NOW) == (at(5),)
    assert await store.read(read_sent_times, "phone", at(5)) == ()


async def test_a_channel_fails_while_its_last_attempt_did(store: Store) -> None:
    first, second = (await store.commit(firing_entry(17, "phone", "phone"))).deliveries
    assert await store.read(read_failing_channels, ("phone", "mail")) == frozenset()
    await store.record_attempts([DeliveryAttempt("phone", first.key, at(1), False, "503", DeliveryState.FAILED)])
    assert await store.read(read_failing_channels, ("phone", "mail")) == {"phone"}
    await store.record_attempts([DeliveryAttempt("phone", second.key, at(2), True, "", DeliveryState.SENT)])
    assert await store.read(read_failing_channels, ("phone", "mail")) == frozenset()


async def test_retry_postponed_by_a_wrong_clock_is_made_after_the_correction(store: Store) -> None:
    for text, wait_s in (("ahead", 3600), ("soon", 120)):
        row = await store.enqueue_once(Delivery(0, "phone", None, "notice", "info", NOW, NOW, text=text))
        assert row is not None
        await store.record_attempts(
            [DeliveryAttempt("phone", row.key, NOW, False, "503", DeliveryState.QUEUED, at(wait_s))]
        )
    await store.release_postponed_deliveries(NOW)
    assert [one.text for one in await store.read(read_due_deliveries, "phone", NOW)] == ["ahead"]
