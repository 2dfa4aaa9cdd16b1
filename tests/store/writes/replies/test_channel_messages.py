"""Messages by the service's own reference: recorded with the attempt that sent them."""

from dataclasses import replace

import pytest
from sqlalchemy import Connection, text

from monitor.core.notifications.channel_messages import ChannelMessage, MessageReference
from monitor.core.notifications.outbox import Delivery, DeliveryAttempt, DeliveryState
from monitor.store.store import Store
from monitor.store.writes.replies import channel_messages
from tests.support.examples.store_rows import NOW, alert, at, firing_entry

SENT = DeliveryState.SENT


async def send(store: Store, delivery: Delivery, reference: str, second: int = 1) -> None:
    message = MessageReference(reference, "<b>title</b>")
    attempt = DeliveryAttempt(delivery.channel, delivery.key, at(second), True, "ok", SENT, message=message)
    assert await store.record_attempts([attempt]) == 1


async def open_messages(store: Store, *channels: str) -> tuple[ChannelMessage, ...]:
    found = await store.read(channel_messages.read_open_messages, channels)
    assert found.rejected == ()
    return found.messages


async def test_message_is_recorded_with_its_delivery(store: Store) -> None:
    phone, mail = (await store.commit(firing_entry(17, "phone", "mail"))).deliveries
    await send(store, phone, "42/7")
    await store.record_attempts([DeliveryAttempt("mail", mail.key, at(2), True, "ok", SENT)])
    expected = ChannelMessage(1, "phone", "42/7", 17, None, None, "fired", "critical", at(1), "<b>title</b>", "")
    (found,) = await open_messages(store, "phone", "mail")
    assert replace(found, id=1) == expected
    assert await open_messages(store, "mail") == ()
    assert await store.read(channel_messages.read_messages_by_reference, "phone", "42/7") == (found,)


async def test_first_message_about_an_alert_is_found(store: Store) -> None:
    (first,) = (await store.commit(firing_entry(17, "phone"))).deliveries
    await send(store, first, "42/7")
    second = await store.enqueue_once(replace(first, created_at=at(9), next_at=at(9)))
    assert second is not None
    await send(store, second, "42/9")
    assert await store.read(channel_messages.read_first_reference, "phone", 17) == "42/7"
    assert await store.read(channel_messages.read_first_reference, "mail", 17) is None
    newest_first = await open_messages(store, "phone")
    assert [message.reference for message in newest_first] == ["42/9", "42/7"]


async def test_closed_message_is_left_alone_and_pruned(store: Store) -> None:
    (delivery,) = (await store.commit(firing_entry(17, "phone"))).deliveries
    await send(store, delivery, "42/7")
    await store.execute(channel_messages.save_shown, "phone", "42/7", "Acknowledged by ann", None)
    (found,) = await open_messages(store, "phone")
    assert found.shown == "Acknowledged by ann"
    await store.prune(attempts_before=at(50))
    assert await store.read(channel_messages.read_first_reference, "phone", 17) == "42/7"
    await store.execute(channel_messages.save_shown, "phone", "42/7", "Resolved", at(30))
    assert await open_messages(store, "phone") == ()
    assert await store.prune(attempts_before=at(50)) == 1
    assert await store.read(channel_messages.read_first_reference, "phone", 17) is None


async def test_answered_message_without_a_row_gets_one(store: Store) -> None:
    await store.commit(firing_entry(17, "phone"))
    for _ in range(2):
        message = MessageReference("42/8", "title")
        await store.execute(channel_messages.add_found_message, "phone", message, 17, None, NOW)
    (found,) = await open_messages(store, "phone")
    assert (found.reference, found.alert, found.text) == ("42/8", 17, "title")


@pytest.mark.parametrize(
    ("change", "column"), [("severity = 'loud'", "severity"), ("at = 9000000000000000000", "at"), ("at = -1", "at")]
)
async def test_row_that_cannot_be_understood_costs_its_message_alone(store: Store, change: str, column: str) -> None:
    for number, reference in ((17, "42/7"), (18, "42/7"), (19, "42/8")):
        entry = replace(firing_entry(number, "phone"), alerts=(alert(number, rule=f"rule-{number}"),))
        (delivery,) = (await store.commit(entry)).deliveries
        await send(store, delivery, reference)

    def break_row(connection: Connection) -> None:
        connection.execute(text(f"UPDATE channel_messages SET {change} WHERE alert = 18"))

    before = {message.alert: message.id for message in await open_messages(store, "phone")}
    await store.execute(break_row)
    found = await store.read(channel_messages.read_open_messages, ["phone"])
    assert [message.alert for message in found.messages] == [19]
    assert found.rejected == (f"{before[18]} ({column})",)
