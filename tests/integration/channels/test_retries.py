"""What is critical is tried again whatever the refusal, in plain words; nothing outside decides for how long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from monitor.core.model.alert import Severity
from monitor.core.model.journal import Entry, Notice
from monitor.core.notifications.outbox import Delivery
from monitor.notify.factory import build_sink
from monitor.notify.sinks import SendResult
from monitor.runtime.messages import message_sender
from monitor.runtime.messages.channel_queue import Channel
from monitor.runtime.messages.notifier import Notifier
from monitor.runtime.messages.outbox import Outbox, failed_attempt
from monitor.store.store import Store
from monitor.store.writes.due_notifications import look
from monitor.view.messages.message import Message
from monitor.view.messages.template import MessageTemplate
from tests.integration.channels.test_unrecorded_messages import states, telling, titles
from tests.runtime.messages.test_notifier import EVERYTHING, firing, telling_on
from tests.support.daemon import eventually
from tests.support.sinks import Answer, http_sink


class Broken:
    """A sink with a bug, or one that hangs whatever its time-out."""

    name = "phone"
    takes_pictures = False
    decorates = False

    def __init__(self, *, hangs: bool = False) -> None:
        self.asked = 0
        self._hangs = hangs

    async def warm(self) -> None: ...

    async def send(self, message: Message) -> SendResult:
        self.asked += 1
        if self._hangs:
            await asyncio.Event().wait()
        raise OverflowError("cannot convert float infinity to integer")

    async def close(self) -> None: ...


@asynccontextmanager
async def running(notifier: Notifier) -> AsyncIterator[Notifier]:
    serving = asyncio.create_task(notifier.run())
    try:
        yield notifier
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


@pytest.mark.parametrize("status", [400, 403, 404, 410, 422])
async def test_one_refusal_never_loses_the_first_word(database_url: str, status: int) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    with http_sink() as phone, http_sink() as mail:
        phone.answers = [Answer(status, body="a proxy's hiccup")]
        async with telling(store, phone, mail) as notifier:
            notifier.hand((await store.commit(firing(datetime.now(UTC)))).deliveries)
            await asyncio.to_thread(phone.wait_for_count, 2)

            async def both_written() -> bool:
                return await states(store) == [("mail", "sent", 1), ("phone", "sent", 2)]

            await eventually(both_written)
    await store.close()


async def test_what_is_not_critical_is_refused_once(database_url: str) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    now = datetime.now(UTC)
    with http_sink() as phone, http_sink() as mail:
        phone.default = Answer(400)
        async with telling(store, phone, mail) as notifier:
            notifier.hand(
                (
                    await store.commit(Entry("main", now, notices=(Notice("info", "an order", ("phone",), now),)))
                ).deliveries
            )
            await asyncio.to_thread(mail.wait_for_count, 1)
        assert len(phone.received) == 1
    await store.close()


def test_ten_minutes_are_tried_and_then_a_refusal_is_believed() -> None:
    began = datetime(2026, 3, 29, tzinfo=UTC)
    outbox = Outbox(count(), speed=2.0)
    severities: tuple[tuple[Severity, timedelta], ...] = (
        ("critical", timedelta(minutes=20)),
        ("warning", timedelta(0)),
    )
    for severity, patience in severities:
        delivery = outbox.put(Delivery(0, "phone", None, "notice", severity, began, began, text=severity))
        assert delivery is not None
        # Failures of another kind don't count, however long they lasted.
        late = began + timedelta(hours=2)
        assert not outbox.gives_up(delivery, late, is_final=False)
        if patience:
            assert not outbox.gives_up(delivery, late, is_final=True)
            assert not outbox.gives_up(delivery, late + patience - timedelta(seconds=1), is_final=True)
        assert outbox.gives_up(delivery, late + patience, is_final=True)


@pytest.mark.parametrize(("severity", "longest_s"), [("critical", 60), ("warning", 900)])
@pytest.mark.parametrize("asked", [86_400.0, 1e300, float("inf")])
def test_a_wish_to_wait_has_bounds(severity: Severity, longest_s: int, asked: float) -> None:
    now = datetime(2026, 3, 29, tzinfo=UTC)
    delivery = Delivery(1, "phone", 1, "notice", severity, now, now)
    attempt = failed_attempt(delivery, "429", asked, False, now, 1.0)
    assert attempt.next_at == now + timedelta(seconds=longest_s)


@pytest.mark.parametrize("asked", [None, -5.0, float("-inf"), float("nan"), 0.0])
def test_a_wish_that_makes_no_sense_is_none(asked: float | None) -> None:
    now = datetime(2026, 3, 29, tzinfo=UTC)
    attempt = failed_attempt(Delivery(1, "phone", 1, "notice", "critical", now, now), "429", asked, False, now, 1.0)
    assert attempt.next_at == now + timedelta(seconds=1)


@pytest.mark.parametrize("asked", ["86400", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT", "-9", "1e9", "\u0665"])
async def test_no_wish_of_a_server_puts_a_critical_word_off_for_long(database_url: str, asked: str) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    with http_sink() as phone, http_sink() as mail:
        phone.default = Answer(429, {"Retry-After": asked.encode().decode("latin-1")})
        async with telling(store, phone, mail) as notifier:
            notifier.hand((await store.commit(firing(datetime.now(UTC)))).deliveries)

            async def is_put_off() -> bool:
                return ("phone", "queued", 1) in await states(store)

            await eventually(is_put_off)
            later = datetime.now(UTC) + timedelta(seconds=61)
            seen = await store.read(look, "phone", later, later, 10, restrained=False)
            assert [delivery.alert for delivery in seen.due] == [1]
            await asyncio.to_thread(mail.wait_for_count, 1)
    await store.close()


async def test_a_sink_with_a_bug_is_asked_again_in_good_time_and_its_fallback_at_once(database_url: str) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    broken = Broken()
    with http_sink() as mail:
        channels = (
            Channel("phone", broken, EVERYTHING, fallback="mail"),
            Channel("mail", build_sink("mail", webhook=mail.url), EVERYTHING),
        )
        async with running(telling_on(store, *channels)) as notifier:
            began = asyncio.get_running_loop().time()
            notifier.hand((await store.commit(firing(datetime.now(UTC)))).deliveries)
            await asyncio.to_thread(mail.wait_for_count, 1)

            async def asked_again() -> bool:
                return broken.asked >= 3

            await eventually(asked_again)
            # One second, then two.
            assert asyncio.get_running_loop().time() - began >= 2.9
            assert notifier.troubles == {"phone": "sending failed here: OverflowError"}
    await store.close()


async def test_a_sink_that_hangs_is_left_and_its_fallback_told(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_sender, "SEND_WITHIN_S", 0.2)
    store = await asyncio.to_thread(Store.open, database_url)
    with http_sink() as mail:
        channels = (
            Channel("phone", Broken(hangs=True), EVERYTHING, fallback="mail"),
            Channel("mail", build_sink("mail", webhook=mail.url), EVERYTHING),
        )
        async with running(telling_on(store, *channels)) as notifier:
            notifier.hand((await store.commit(firing(datetime.now(UTC)))).deliveries)
            await asyncio.to_thread(mail.wait_for_count, 1)
            assert notifier.troubles == {"phone": "it hangs: no answer within 0.2 s"}
    await store.close()


async def test_a_refused_template_is_plain_words_at_once_and_from_then_on(database_url: str) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    template = MessageTemplate("phone.txt", "Ours: {{ title }}")
    now = datetime.now(UTC)
    with http_sink() as phone, http_sink() as mail:
        phone.answers = [Answer(422)]
        channels = (
            Channel("phone", build_sink("phone", webhook=phone.url, template=template), EVERYTHING, fallback="mail"),
            Channel("mail", build_sink("mail", webhook=mail.url), EVERYTHING),
        )
        async with running(telling_on(store, *channels)) as notifier:
            notifier.hand((await store.commit(firing(now))).deliveries)
            await asyncio.to_thread(phone.wait_for_count, 2)
            notifier.say(Notice("info", "something else", ("phone",), now))
            await asyncio.to_thread(phone.wait_for_count, 3)
            assert not notifier.troubles
        assert [one.json()["text"].startswith("Ours:") for one in phone.received] == [True, False, False]
        assert not mail.received
        assert ("phone", "sent", 1) in await states(store)
    await store.close()


async def test_after_an_outage_critical_words_are_plain_and_others_are_not(database_url: str) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    template = MessageTemplate("phone.txt", "Ours: {{ title }}")
    now = datetime.now(UTC)
    with http_sink() as phone:
        phone.answers = [Answer(503), Answer(503)]
        channel = Channel("phone", build_sink("phone", webhook=phone.url, template=template), EVERYTHING)
        async with running(telling_on(store, channel)) as notifier:
            notifier.hand((await store.commit(firing(now))).deliveries)
            await asyncio.to_thread(phone.wait_for_count, 1)
            notifier.say(Notice("info", "something else", ("phone",), now))
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
