"""What adorns a message may be refused: its words are told all the same, as they were written, and at once."""

import asyncio
import json
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.model.alert import NotificationReason
from monitor.core.model.journal import JournalEntry, Sample
from monitor.notify.factory import build_sink
from monitor.notify.sinks import Delivered, NotDelivered
from monitor.runtime.messages.channel_queue import Channel
from monitor.store.store import Store
from monitor.view.messages.message import Message, alert_message
from tests.integration.channels.test_unrecorded_messages import delivery_states
from tests.runtime.messages.test_notifier import EVERYTHING, firing_entry, notifier_on
from tests.support.daemon import eventually
from tests.support.examples.documents import ALERT, NOW
from tests.support.sinks import Answer, HttpSink, Received, http_sink, smtp_sink, text_of

# Apprise itself imports a module that Python has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

HEDGE = Message("[FIRING] critical R&D <hedge> cross: margin level 1.2 (#1)", "R&D <hedge> is *low*", "failure", {})


def telegram(server: HttpSink, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a Telegram chat, whose service is the server."""
    from apprise.plugins.telegram import NotifyTelegram

    monkeypatch.setattr(NotifyTelegram, "notify_url", f"{server.url}/bot")
    server.default = Answer(200, body=json.dumps({"ok": True, "result": {}}))
    return "tgram://123456789:abcdefg_hijklmnop/12315544/"


@pytest.mark.parametrize("plain", [False, True])
async def test_a_title_arrives_in_telegram_as_it_is_written(monkeypatch: pytest.MonkeyPatch, plain: bool) -> None:
    with http_sink() as server:
        sink = build_sink("phone", url=telegram(server, monkeypatch))
        assert isinstance(await sink.send(replace(HEDGE, plain=plain)), Delivered)
        (posted,) = server.received
    assert posted.json()["text"].startswith(
        "<b>[FIRING] critical R&amp;D &lt;hedge&gt; cross: margin level 1.2 (#1)</b>"
    )
    assert "R&amp;D &lt;hedge&gt; is *low*" in posted.json()["text"]


async def test_plain_text_is_sent_as_a_plain_text_mail() -> None:
    with smtp_sink() as server:
        url = f"mailto://127.0.0.1:{server.port}?from=monitor@example.org&to=me@example.org&mode=insecure"
        sink = build_sink("mail", url=url)
        assert isinstance(await sink.send(replace(HEDGE, plain=True)), Delivered)
        (mail,) = server.mails
    assert mail.get_content_type() == "text/plain"
    assert mail["Subject"] == HEDGE.title
    assert text_of(mail).strip() == HEDGE.text


async def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        dead = f"http://127.0.0.1:{gone.getsockname()[1]}"
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, dead)
    # What is changed in the environment is undone after the test.
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NO_PROXY", "")
    with http_sink() as server:
        message = alert_message(ALERT, NotificationReason.FIRED, None, NOW)
        assert isinstance(await build_sink("app", url=f"json://127.0.0.1:{server.port}/").send(message), Delivered)
        assert isinstance(await build_sink("hook", webhook=server.url).send(message), Delivered)
        assert len(server.received) == 2


async def test_refusal_of_the_message_itself_is_recognised() -> None:
    with http_sink() as server:
        for status, is_refused in ((400, True), (413, True), (401, False), (404, False), (503, False)):
            server.default = Answer(status)
            result = await build_sink("app", url=f"json://127.0.0.1:{server.port}/").send(HEDGE)
            assert isinstance(result, NotDelivered)
            assert result.is_refused is is_refused


def with_picture(received: list[Received]) -> list[bool]:
    return [bool(one.json()["attachments"]) for one in received]


async def store_levels(store: Store, now: datetime) -> None:
    """A history to be drawn."""
    samples = tuple(
        Sample("cross", "", "margin_level", now - timedelta(seconds=10 * n), Decimal("1.6") - Decimal(n) / 100)
        for n in range(1, 20)
    )
    await store.commit(JournalEntry("main", now, samples=samples))


@pytest.mark.slow
async def test_text_is_sent_first_and_a_refused_picture_is_no_failure(tmp_path: Path) -> None:
    store = await asyncio.to_thread(Store.open, f"sqlite:///{tmp_path / 'monitor.db'}")
    now = datetime.now(UTC)
    await store_levels(store, now)
    with http_sink() as server, http_sink() as mail:
        server.answers = [Answer(200), Answer(413)]
        channels = (
            Channel("phone", build_sink("phone", url=f"json://127.0.0.1:{server.port}/"), EVERYTHING, fallback="mail"),
            Channel("mail", build_sink("mail", webhook=mail.url), EVERYTHING),
        )
        notifier = notifier_on(store, *channels)
        running = asyncio.create_task(notifier.run())
        notifier.push((await store.commit(firing_entry(now))).deliveries)
        await asyncio.to_thread(server.wait_for_count, 2)
        assert with_picture(server.received) == [False, True]
        assert server.received[0].json()["title"] == server.received[1].json()["title"]
        second = firing_entry(now + timedelta(seconds=1))
        second = replace(
            second,
            alerts=(replace(second.alerts[0], id=2, key=second.alerts[0].key._replace(rule="near-call")),),
            notifications=(replace(second.notifications[0], alert=2),),
        )
        await eventually(lambda: has_learnt_no_pictures(notifier))
        notifier.push((await store.commit(second)).deliveries)
        await asyncio.to_thread(server.wait_for_count, 3)

        async def both_sent() -> bool:
            return await delivery_states(store) == [("phone", "sent", 1), ("phone", "sent", 1)]

        await eventually(both_sent)
        assert not notifier.problems
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert with_picture(server.received) == [False, True, False]
        assert not mail.received
    await store.close()


async def has_learnt_no_pictures(notifier: object) -> bool:
    return "phone" in notifier._sender._without_charts  # type: ignore[attr-defined]


@pytest.mark.slow
async def test_text_does_not_wait_for_a_slow_picture(tmp_path: Path) -> None:
    store = await asyncio.to_thread(Store.open, f"sqlite:///{tmp_path / 'monitor.db'}")
    now = datetime.now(UTC)
    await store_levels(store, now)
    with http_sink() as server:
        server.answers = [Answer(200), Answer(hang=True)]
        sink = build_sink("phone", url=f"json://127.0.0.1:{server.port}/", timeout_s=20)
        notifier = notifier_on(store, Channel("phone", sink, EVERYTHING))
        running = asyncio.create_task(notifier.run())
        notifier.push((await store.commit(firing_entry(now))).deliveries)
        await asyncio.to_thread(server.wait_for_count, 2)
        second = replace(firing_entry(now), alerts=(replace(firing_entry(now).alerts[0], id=2),))
        second = replace(second, notifications=(replace(second.notifications[0], alert=2),))
        notifier.push_unrecorded(second, second.alerts)
        await asyncio.to_thread(server.wait_for_count, 3, 15)
        assert with_picture(server.received) == [False, True, False]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        # The picture that hangs has ended with it: nothing is left that no one waits for.
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("picture")]
    await store.close()
