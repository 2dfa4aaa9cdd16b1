"""Telling: what was sent while the store fails is not sent again and again."""

import asyncio
import shutil
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.clock import SystemClock
from monitor.core.model.alert import Alert, AlertKey, AlertState, Notification, NotificationReason
from monitor.core.model.journal import JournalEntry
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.notify.factory import build_sink
from monitor.records.alerts import AlertRow
from monitor.runtime.messages.channel_queue import Channel
from monitor.runtime.messages.message_builder import MessageBuilder
from monitor.runtime.messages.notifier import Notifier
from monitor.store.readers.alerts import read_alerts
from monitor.store.store import Store
from tests.support.daemon import eventually
from tests.support.sinks import Answer, HttpSink, http_sink

EVERYTHING = frozenset({"info", "warning", "critical"})


def firing_entry(now: datetime) -> JournalEntry:
    alert = Alert(
        id=1,
        key=AlertKey("below-initial", "main", "cross", ""),
        state=AlertState.FIRING,
        severity="critical",
        since=now,
        when="margin_level < 1.5",
        clear="",
        summary="margin level 1.46",
        fired_at=now,
        notified_at=now,
    )
    told = Notification(1, NotificationReason.FIRED, "critical", ("phone",), now)
    return JournalEntry("main", now, alerts=(alert,), notifications=(told,))


async def rows(store: Store) -> tuple[AlertRow, ...]:
    return await store.read(read_alerts)


async def is_sent(store: Store) -> bool:
    return [delivery.state for row in await rows(store) for delivery in row.deliveries] == ["sent"]


def notifier(store: Store, sink: HttpSink) -> Notifier:
    return notifier_on(store, Channel("phone", build_sink("phone", webhook=sink.url), EVERYTHING))


def notifier_on(store: Store, *channels: Channel, builder: MessageBuilder | None = None) -> Notifier:
    builder = builder or MessageBuilder(store, SystemClock(), lambda account: None)
    return Notifier(channels, store, SystemClock(), builder, lambda number: None)


@pytest.mark.slow
async def test_message_sent_but_not_recorded_is_sent_once(tmp_path: Path, sqlite_template: Path) -> None:
    path = tmp_path / "monitor.db"
    shutil.copy(sqlite_template, path)
    with http_sink() as sink:
        store = await asyncio.to_thread(Store.open, f"sqlite:///{path}")
        await store.commit(firing_entry(datetime.now(UTC)))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        running = asyncio.create_task(notifier(store, sink).run())

        async def fails() -> bool:
            return store.is_failing

        await eventually(fails)
        # Long enough for several more looks at what is due.
        await asyncio.sleep(3)
        assert len(sink.received) == 1
        other.close()
        await eventually(lambda: is_sent(store), 30)
        assert len(sink.received) == 1
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await store.close()


async def test_delivery_is_sent_and_recorded(tmp_path: Path, database_url: str) -> None:
    with http_sink() as sink:
        store = await asyncio.to_thread(Store.open, database_url)
        await store.commit(firing_entry(datetime.now(UTC)))
        telling = notifier(store, sink)
        running = asyncio.create_task(telling.run())
        await eventually(lambda: is_sent(store))
        await telling.drain(timeout_s=5)
        assert [one.json()["title"] for one in sink.received] == [
            "[FIRING] critical main cross: margin level 1.46 (#1)"
        ]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await store.close()


async def test_alert_without_figures_is_sent_and_says_so(tmp_path: Path, sqlite_template: Path) -> None:
    path = tmp_path / "monitor.db"
    shutil.copy(sqlite_template, path)
    with http_sink() as sink:
        store = await asyncio.to_thread(Store.open, f"sqlite:///{path}")
        await store.commit(firing_entry(datetime.now(UTC)))
        # An account of which the program has lost the state.
        states: dict[str, tuple[AccountState, AccountSettings]] = {}
        builder = MessageBuilder(store, SystemClock(), states.__getitem__)
        phone = Channel("phone", build_sink("phone", webhook=sink.url), EVERYTHING)
        running = asyncio.create_task(notifier_on(store, phone, builder=builder).run())
        await eventually(lambda: is_sent(store))
        (request,) = sink.received
        assert "The rest is missing: an error in margin-monitor" in request.json()["text"]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await store.close()


async def test_critical_alert_resolved_before_a_restart_is_still_sent(tmp_path: Path, database_url: str) -> None:
    with http_sink() as sink:
        store = await asyncio.to_thread(Store.open, database_url)
        now = datetime.now(UTC)
        fired = firing_entry(now)
        over = replace(fired.alerts[0], state=AlertState.RESOLVED, resolved_at=now)
        await store.commit(fired)
        await store.commit(
            replace(
                fired,
                alerts=(over,),
                notifications=(replace(fired.notifications[0], reason=NotificationReason.RESOLVED),),
            )
        )
        running = asyncio.create_task(notifier(store, sink).run())
        await asyncio.to_thread(sink.wait_for_count, 1)
        assert [one.json()["title"] for one in sink.received] == [
            "[RESOLVED] critical main cross: margin level 1.46 (#1)"
        ]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await store.close()


async def test_day_old_delivery_is_tried_once_more_with_its_age(tmp_path: Path, sqlite_template: Path) -> None:
    path = tmp_path / "monitor.db"
    shutil.copy(sqlite_template, path)
    with http_sink() as sink:
        sink.default = Answer(503)
        store = await asyncio.to_thread(Store.open, f"sqlite:///{path}")
        await store.commit(firing_entry(datetime.now(UTC) - timedelta(hours=25)))
        running = asyncio.create_task(notifier(store, sink).run())

        async def is_given_up() -> bool:
            return [delivery.state for row in await rows(store) for delivery in row.deliveries] == ["failed"]

        await eventually(is_given_up)
        (tried,) = sink.received
        assert "Delayed: this was due 1d 1h ago" in tried.json()["text"]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await store.close()


async def test_mutual_fallback_channels_are_each_tried_once_at_a_time(tmp_path: Path, sqlite_template: Path) -> None:
    path = tmp_path / "monitor.db"
    shutil.copy(sqlite_template, path)
    with http_sink() as phone, http_sink() as mail:
        phone.default = mail.default = Answer(503)
        store = await asyncio.to_thread(Store.open, f"sqlite:///{path}")
        await store.commit(firing_entry(datetime.now(UTC)))
        channels = (
            Channel("phone", build_sink("phone", webhook=phone.url), EVERYTHING, fallback="mail"),
            Channel("mail", build_sink("mail", webhook=mail.url), EVERYTHING, fallback="phone"),
        )
        running = asyncio.create_task(notifier_on(store, *channels).run())

        async def tried_twice() -> bool:
            return min(len(phone.received), len(mail.received)) >= 2

        await eventually(tried_twice)
        (row,) = await rows(store)
        assert sorted((delivery.channel, delivery.state) for delivery in row.deliveries) == [
            ("mail", "queued"),
            ("phone", "queued"),
        ]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await store.close()
