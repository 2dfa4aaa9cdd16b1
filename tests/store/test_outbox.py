"""The outbox: nothing is lost, every attempt is kept, and each channel's last words are known."""

import dataclasses

from sqlalchemy import select

from monitor.core.alerts import AlertState, Reason
from monitor.core.journal import Entry
from monitor.core.outbox import Delivery, DeliveryState, Told
from monitor.store import tables
from monitor.store.store import Store
from tests.store.samples import NOW, alert, at, fired

HEARD = Told(17, "phone", AlertState.FIRING, "critical", at(5))


async def test_a_delivery_is_due_on_its_own_channel_when_its_time_has_come(store: Store) -> None:
    committed = await store.commit(fired(17, "phone", "mail"))
    assert await store.due("phone", NOW) == (committed.deliveries[0],)
    assert await store.due("phone", at(-1)) == ()
    assert await store.next_due("mail") == NOW
    assert await store.next_due("pager") is None


async def test_a_failed_attempt_is_kept_and_the_delivery_waits(store: Store) -> None:
    (delivery,) = (await store.commit(fired(17, "phone"))).deliveries
    queued = DeliveryState.QUEUED
    assert await store.record_attempt(delivery.id, at=at(1), ok=False, answer="503", state=queued, next_at=at(30))
    assert await store.due("phone", at(29)) == ()
    (waiting,) = await store.due("phone", at(30))
    assert (waiting.attempts, waiting.answer, waiting.state) == (1, "503", queued)
    sent = DeliveryState.SENT
    assert await store.record_attempt(delivery.id, at=at(31), ok=True, answer="200 OK", state=sent, told=HEARD)
    assert await store.due("phone", at(99)) == ()
    rows = await store.read(lambda c: c.execute(select(tables.delivery_attempts)).all())
    assert [(row.delivery, row.at, row.ok, row.answer) for row in rows] == [
        (delivery.id, at(1), False, "503"),
        (delivery.id, at(31), True, "200 OK"),
    ]


async def test_a_finished_delivery_takes_no_further_attempt(store: Store) -> None:
    (delivery,) = (await store.commit(fired(17, "phone"))).deliveries
    assert await store.record_attempt(delivery.id, at=NOW, ok=True, answer="", state=DeliveryState.SENT)
    assert not await store.record_attempt(delivery.id, at=NOW, ok=True, answer="", state=DeliveryState.SENT)
    assert not await store.close_delivery(delivery.id, DeliveryState.EXPIRED, "too late")


async def test_what_a_channel_heard_is_known_while_the_alert_matters(store: Store) -> None:
    (delivery,) = (await store.commit(fired(17, "phone"))).deliveries
    sent = DeliveryState.SENT
    await store.record_attempt(delivery.id, at=at(5), ok=True, answer="", state=sent, told=HEARD)
    assert await store.told("phone") == {17: HEARD}
    assert await store.told("mail") == {}
    over = dataclasses.replace(alert(17), state=AlertState.RESOLVED)
    notice = fired(17, "phone").notifications[0]
    entry = Entry("main", at(9), alerts=(over,), notifications=(dataclasses.replace(notice, reason=Reason.RESOLVED),))
    (last,) = (await store.commit(entry)).deliveries
    assert await store.told("phone") == {17: HEARD}
    heard = dataclasses.replace(HEARD, state=AlertState.RESOLVED)
    await store.record_attempt(last.id, at=at(9), ok=True, answer="", state=sent, told=heard)
    assert await store.told("phone") == {}


async def test_a_notice_belongs_to_no_alert(store: Store) -> None:
    notice = Delivery(0, "phone", None, "notice", "info", NOW, NOW, text="a tranId was found after FAILED")
    queued = await store.queue(notice)
    assert queued.id > 0
    assert await store.due("phone", NOW) == (queued,)


async def test_old_deliveries_are_given_up(store: Store) -> None:
    await store.commit(fired(17, "phone", "mail"))
    assert await store.expire_deliveries(at(-1)) == 0
    assert await store.expire_deliveries(at(1), "phone") == 1
    assert await store.due("phone", at(9)) == ()
    assert len(await store.due("mail", at(9))) == 1


async def test_a_postponed_delivery_comes_later(store: Store) -> None:
    (delivery,) = (await store.commit(fired(17, "phone"))).deliveries
    assert await store.postpone(delivery.id, at(3600))
    assert await store.next_due("phone") == at(3600)
