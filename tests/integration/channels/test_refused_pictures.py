"""Two services as they answer themselves: an ntfy without attachments, and a Telegram chat without photos."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.core.model.journal import JournalEntry
from monitor.notify.factory import build_sink
from monitor.runtime.messages.channel_queue import Channel
from monitor.store.store import Store
from tests.integration.channels.test_pictures_and_titles import has_learnt_no_pictures, store_levels, telegram
from tests.integration.channels.test_unrecorded_messages import delivery_states
from tests.runtime.messages.test_notifier import EVERYTHING, firing_entry, notifier_on
from tests.support.daemon import eventually
from tests.support.sinks import Answer, HttpSink, Received, http_sink

# Apprise itself imports a module that Python has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

NO_ATTACHMENTS = {"code": 40014, "http": 400, "error": "invalid request: attachments not allowed"}
NO_PHOTOS = {"ok": False, "error_code": 400, "description": "Bad Request: not enough rights to send photos to the chat"}


def is_attached(one: Received) -> bool:
    """Whether the request brings a file: to ntfy with its name in the query, to Telegram by a method of its own."""
    return "filename=" in one.path or one.path.endswith(("/sendPhoto", "/sendDocument"))


def ntfy(server: HttpSink, monkeypatch: pytest.MonkeyPatch) -> str:
    server.default = Answer(200, body=json.dumps({"id": "x", "event": "message"}))
    server.refusals = {is_attached: Answer(400, body=json.dumps(NO_ATTACHMENTS))}
    return f"ntfy://127.0.0.1:{server.port}/alarm"


def telegram_without_photos(server: HttpSink, monkeypatch: pytest.MonkeyPatch) -> str:
    url = telegram(server, monkeypatch)
    server.refusals = {is_attached: Answer(400, body=json.dumps(NO_PHOTOS))}
    return url


Service = Callable[[HttpSink, pytest.MonkeyPatch], str]


def second(now: datetime) -> JournalEntry:
    """Another alert."""
    entry = firing_entry(now + timedelta(seconds=1))
    alert = replace(entry.alerts[0], id=2, key=entry.alerts[0].key._replace(rule="near-call"))
    return replace(entry, alerts=(alert,), notifications=(replace(entry.notifications[0], alert=2),))


@pytest.mark.slow
@pytest.mark.parametrize("service", [ntfy, telegram_without_photos])
async def test_refused_picture_loses_no_text_and_is_not_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: Service
) -> None:
    store = await asyncio.to_thread(Store.open, f"sqlite:///{tmp_path / 'monitor.db'}")
    now = datetime.now(UTC)
    await store_levels(store, now)
    with http_sink() as server, http_sink() as mail:
        phone = build_sink("phone", url=service(server, monkeypatch))
        notifier = notifier_on(
            store,
            Channel("phone", phone, EVERYTHING, fallback="mail"),
            Channel("mail", build_sink("mail", webhook=mail.url), EVERYTHING),
        )
        running = asyncio.create_task(notifier.run())
        notifier.push((await store.commit(firing_entry(now))).deliveries)
        await asyncio.to_thread(server.wait_for, lambda got: any(map(is_attached, got)))
        assert not is_attached(server.received[0])
        assert "margin level 1.46" in server.received[0].body.decode()

        await eventually(lambda: has_learnt_no_pictures(notifier))
        before = len(server.received)
        notifier.push((await store.commit(second(now))).deliveries)
        await asyncio.to_thread(server.wait_for_count, before + 1)

        async def both_sent() -> bool:
            return await delivery_states(store) == [("phone", "sent", 1), ("phone", "sent", 1)]

        await eventually(both_sent)
        # What makes the heartbeat go to /fail.
        assert not notifier.problems
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert sum(map(is_attached, server.received)) == 1
        assert not mail.received
    await store.close()
