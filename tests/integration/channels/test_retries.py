"""What is critical is tried again whatever the refusal, in plain words; nothing outside decides for how long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from monitor.core.model.alert import Severity
from monitor.core.model.journal import JournalEntry, Notice
from monitor.core.notifications.outbox import Delivery
from monitor.notify.factory import build_sink
from monitor.notify.sinks import SendResult
from monitor.runtime.messages import message_sender
from monitor.runtime.messages.channel_queue import Channel
from monitor.runtime.messages.notifier import Notifier
from monitor.runtime.messages.outbox import ChannelOutbox, build_failed_attempt
from monitor.store.store import Store
from monitor.store.writes.due_notifications import read_channel_due
from monitor.view.messages.message import Message
from monitor.view.messages.template import MessageTemplate
from tests.integration.channels.test_unrecorded_messages import delivery_states, notifier_with_fallback, titles
from tests.runtime.messages.test_notifier import EVERYTHING, firing_entry, notifier_on
from tests.support.daemon import eventually
from tests.support.sinks import Answer, http_sink


class BrokenSink:
    """A sink with a bug, or one that hangs whatever its time-out."""

    name = "phone"
    accepts_images = False
    is_formatted = False

    def __init__(self, *, hangs: bool = False) -> None:
        self.attempts = 0
        self._hangs = hangs

    async def warm_up(self) -> None: ...

    async def send(self, message: Message) -> SendResult:
        self.attempts += 1
        if self._hangs:
            await asyncio.Event().wait()
        raise OverflowError("cannot convert float infinity to integer")

    async def close(self) -> None: ...


@asynccontextmanager
async def running_notifier(notifier: Notifier) -> AsyncIterator[Notifier]:
    serving = asyncio.create_task(notifier.run())
    try:
        yield notifier
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


@pytest.mark.parametrize("status", [400, 403, 404, 410, 422])
async def test_refused_first_message_is_sent_again(database_url: str, status: int) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    with http_sink() as phone, http_sink() as mail:
        phone.answers = [Answer(status, body="a proxy's hiccup")]
        async with notifier_with_fallback(store, phone, mail) as notifier:
            notifier.push((await store.commit(firing_entry(datetime.now(UTC)))).deliveries)
            await asyncio.to_thread(phone.wait_for_count, 2)

            async def both_written() -> bool:
                return await delivery_states(store) == [("mail", "sent", 1), ("phone", "sent", 2)]

            await eventually(both_written)
    await store.close()


async def test_non_critical_message_is_not_retried_after_a_refusal(database_url: str) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    now = datetime.now(UTC)
    with http_sink() as phone, http_sink() as mail:
        phone.default = Answer(400)
        async with notifier_with_fallback(store, phone, mail) as notifier:
            notifier.push(
                (
                    await store.commit(
                        JournalEntry("main", now, notices=(Notice("info", "an order", ("phone",), now),))
                    )
                ).deliveries
            )
            await asyncio.to_thread(mail.wait_for_count, 1)
        assert len(phone.received) == 1
    await store.close()


def test_critical_message_is_retried_for_ten_minutes_after_a_refusal() -> None:
    began = datetime(2026, 3, 29, tzinfo=UTC)
    outbox = ChannelOutbox(count(), speed=2.0)
    severities: tuple[tuple[Severity, timedelta], ...] = (
        ("critical", timedelta(minutes=20)),
        ("warning", timedelta(0)),
    )
    for severity, patience in severities:
        delivery = outbox.add(Delivery(0, "phone", None, "notice", severity, began, began, text=severity))
        assert delivery is not None
        # Failures of another kind don't count, however long they lasted.
        late = began + timedelta(hours=2)
        assert not outbox.is_given_up(delivery, late, is_final=False)
        if patience:
            assert not outbox.is_given_up(delivery, late, is_final=True)
            assert not outbox.is_given_up(delivery, late + patience - timedelta(seconds=1), is_final=True)
        assert outbox.is_given_up(delivery, late + patience, is_final=True)


@pytest.mark.parametrize(("severity", "longest_s"), [("critical", 60), ("warning", 900)])
@pytest.mark.parametrize("asked", [86_400.0, 1e300, float("inf")])
def test_retry_after_is_bounded(severity: Severity, longest_s: int, asked: float) -> None:
    now = datetime(2026, 3, 29, tzinfo=UTC)
    delivery = Delivery(1, "phone", 1, "notice", severity, now, now)
    attempt = build_failed_attempt(delivery, "429", asked, False, now, 1.0)
    assert attempt.next_at == now + timedelta(seconds=longest_s)


@pytest.mark.parametrize("asked", [None, -5.0, float("-inf"), float("nan"), 0.0])
def test_nonsensical_retry_after_is_ignored(asked: float | None) -> None:
    now = datetime(2026, 3, 29, tzinfo=UTC)
    attempt = build_failed_attempt(
        Delivery(1, "phone", 1, "notice", "critical", now, now), "429", asked, False, now, 1.0
    )
    assert attempt.next_at == now + timedelta(seconds=1)


@pytest.mark.parametrize("asked", ["86400", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT", "-9", "1e9", "\u0665"])
async def test_retry_after_never_delays_a_critical_message_for_long(database_url: str, asked: str) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    with http_sink() as phone, http_sink() as mail:
        phone.default = Answer(429, {"Retry-After": asked.encode().decode("latin-1")})
        async with notifier_with_fallback(store, phone, mail) as notifier:
            notifier.push((await store.commit(firing_entry(datetime.now(UTC)))).deliveries)

            async def is_put_off() -> bool:
                states = await delivery_states(store)
                return any((name, state) == ("phone", "queued") and tries for name, state, tries in states)

            await eventually(is_put_off)
            later = datetime.now(UTC) + timedelta(seconds=61)
            seen = await store.read(read_channel_due, "phone", later, later, 10, is_limited=False)
            assert [delivery.alert for delivery in seen.deliveries] == [1]
            await asyncio.to_thread(mail.wait_for_count, 1)
    await store.close()


async def test_broken_sink_is_retried_and_its_fallback_used_at_once(database_url: str) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    broken = BrokenSink()
    with http_sink() as mail:
        channels = (
            Channel("phone", broken, EVERYTHING, fallback="mail"),
            Channel("mail", build_sink("mail", webhook=mail.url), EVERYTHING),
        )
        async with running_notifier(notifier_on(store, *channels)) as notifier:
            began = asyncio.get_running_loop().time()
            notifier.push((await store.commit(firing_entry(datetime.now(UTC)))).deliveries)
            await asyncio.to_thread(mail.wait_for_count, 1)

            async def asked_again() -> bool:
                return broken.attempts >= 3

            await eventually(asked_again)
            # One second, then two.
            assert asyncio.get_running_loop().time() - began >= 2.9
            assert notifier.problems == {"phone": "sending failed here: OverflowError"}
    await store.close()


async def test_hanging_sink_times_out_and_its_fallback_is_used(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_sender, "SEND_TIMEOUT_S", 0.2)
    store = await asyncio.to_thread(Store.open, database_url)
    with http_sink() as mail:
        channels = (
            Channel("phone", BrokenSink(hangs=True), EVERYTHING, fallback="mail"),
            Channel("mail", build_sink("mail", webhook=mail.url), EVERYTHING),
        )
        async with running_notifier(notifier_on(store, *channels)) as notifier:
            notifier.push((await store.commit(firing_entry(datetime.now(UTC)))).deliveries)
            await asyncio.to_thread(mail.wait_for_count, 1)
            assert notifier.problems == {"phone": "it hangs: no answer within 0.2 s"}
    await store.close()


async def test_refused_template_falls_back_to_plain_text(database_url: str) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    template = MessageTemplate("phone.txt", "Ours: {{ title }}")
    now = datetime.now(UTC)
    with http_sink() as phone, http_sink() as mail:
        phone.answers = [Answer(422)]
        channels = (
            Channel("phone", build_sink("phone", webhook=phone.url, template=template), EVERYTHING, fallback="mail"),
            Channel("mail", build_sink("mail", webhook=mail.url), EVERYTHING),
        )
        async with running_notifier(notifier_on(store, *channels)) as notifier:
            notifier.push((await store.commit(firing_entry(now))).deliveries)
            await asyncio.to_thread(phone.wait_for_count, 2)
            notifier.notify(Notice("info", "something else", ("phone",), now))
            await asyncio.to_thread(phone.wait_for_count, 3)
            assert not notifier.problems
        assert [one.json()["text"].startswith("Ours:") for one in phone.received] == [True, False, False]
        assert not mail.received
        assert ("phone", "sent", 1) in await delivery_states(store)
    await store.close()


async def test_critical_retries_use_plain_text_and_others_the_template(database_url: str) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    template = MessageTemplate("phone.txt", "Ours: {{ title }}")
    now = datetime.now(UTC)
    with http_sink() as phone:
        phone.answers = [Answer(503), Answer(503)]
        channel = Channel("phone", build_sink("phone", webhook=phone.url, template=template), EVERYTHING)
        async with running_notifier(notifier_on(store, channel)) as notifier:
            notifier.push((await store.commit(firing_entry(now))).deliveries)
            await asyncio.to_thread(phone.wait_for_count, 1)
            notifier.notify(Notice("info", "something else", ("phone",), now))
            await asyncio.to_thread(phone.wait_for_count, 4)
        said = {
            (title, one.json()["text"].startswith("Ours:"))
            for title, one in zip(titles(phone), phone.received, strict=True)
        }
    assert (TITLE_OF_ALERT, True) in said
    assert (TITLE_OF_ALERT, False) in said
    assert {plain for title, plain in said if title.startswith("[NOTICE]")} == {True}
    await store.close()


TITLE_OF_ALERT = "[FIRING] critical main cross: margin level 1.46 (#1)"
