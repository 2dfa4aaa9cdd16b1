"""What a channel is spared, through the real notifier, store and receiver."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitor.clock import SystemClock
from monitor.core.model.alert import Alert, AlertKey, AlertState, Notification, NotificationReason, Severity
from monitor.core.model.journal import JournalEntry, Notice
from monitor.core.notifications.outbox import Delivery
from monitor.core.notifications.quiet_hours import QuietHours, TimeOfDayRange
from monitor.core.notifications.throttling import ChannelLimits
from monitor.notify.factory import build_sink
from monitor.runtime.messages.channel_queue import Channel
from monitor.runtime.messages.message_builder import MessageBuilder
from monitor.runtime.messages.notifier import Notifier
from monitor.store.readers.alerts import read_alerts
from monitor.store.store import Store
from tests.support.daemon import eventually
from tests.support.sinks import HttpSink, http_sink
from tests.support.throttled_machine import ThrottledMachine

EVERYTHING = frozenset({"info", "warning", "critical"})
SPEED = 20.0


def firing(now: datetime, *numbers: int, severity: Severity = "warning", account: str = "main") -> JournalEntry:
    """Pairs that cross a rung in one step."""
    alerts = tuple(
        Alert(
            id=n,
            key=AlertKey("below-initial", account, "isolated", f"A{n}USDT"),
            state=AlertState.FIRING,
            severity=severity,
            since=now,
            when="margin_level < initial_level",
            clear="",
            summary=f"margin level 1.{n}",
            fired_at=now,
            notified_at=now,
        )
        for n in numbers
    )
    told = tuple(Notification(alert.id, NotificationReason.FIRED, severity, ("phone",), now) for alert in alerts)
    return JournalEntry(account, now, alerts=alerts, notifications=told)


@asynccontextmanager
async def running_notifier(
    store: Store, sink: HttpSink, clock: SystemClock, restraint: ChannelLimits
) -> AsyncIterator[Notifier]:
    channel = Channel("phone", build_sink("phone", webhook=sink.url), EVERYTHING, limits=restraint)
    notifier = Notifier(
        (channel,), store, clock, MessageBuilder(store, clock, lambda account: None), lambda number: None
    )
    await notifier.restore()
    running = asyncio.create_task(notifier.run())
    try:
        yield notifier
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def documents(sink: HttpSink) -> list[dict[str, Any]]:
    return [one.json() for one in list(sink.received)]


async def wait_for_documents(sink: HttpSink, count: int) -> Sequence[dict[str, Any]]:
    async def is_there() -> bool:
        return len(sink.received) >= count

    await eventually(is_there, story=lambda: str([one["title"] for one in documents(sink)]))
    return documents(sink)


@pytest.mark.slow
async def test_pairs_firing_together_are_one_message(database_url: str) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    clock = SystemClock(datetime.now(UTC), SPEED)
    with http_sink() as sink:
        async with running_notifier(store, sink, clock, ChannelLimits()):
            await store.commit(firing(clock.now(), *range(11, 31)))
            (message,) = await wait_for_documents(sink, 1)

            async def all_sent() -> bool:
                rows = await store.read(read_alerts)
                return all(d.state == "sent" for row in rows for d in row.deliveries)

            await eventually(all_sent)
        assert len(sink.received) == 1
    assert message["title"].startswith("[FIRING] warning main A11USDT: margin level 1.11, and 19 more (#11, #12, ")
    assert [one["id"] for one in message["alerts"]] == list(range(11, 31))
    assert all(f"(#{n})" in message["text"] for n in range(12, 31))
    await store.close()


async def test_quiet_hours_hold_back_non_critical_messages(database_url: str) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    machine = ThrottledMachine()
    clock = SystemClock(datetime(2026, 3, 29, 3, tzinfo=UTC), SPEED, anchor=machine.wall_s(), machine=machine)
    restraint = ChannelLimits(QuietHours((TimeOfDayRange(60, 5 * 60),), UTC))
    with http_sink() as sink:
        async with running_notifier(store, sink, clock, restraint) as notifier:
            await store.commit(firing(clock.now(), 11))
            await store.commit(firing(clock.now(), 12, severity="critical"))
            notice = Notice("info", "an order ended", ("phone",), clock.now())
            await store.commit(JournalEntry("main", clock.now(), notices=(notice,)))
            notifier.wake(("phone",))
            first = await wait_for_documents(sink, 1)
            assert [one["id"] for one in first] == [12]
            machine.skip(2 * 3600 / SPEED)
            notifier.wake(("phone",))
            told = await wait_for_documents(sink, 3)
        assert clock.now() >= datetime(2026, 3, 29, 5, tzinfo=UTC)
    assert {one["reason"] for one in told[1:]} == {"fired", "notice"}
    await store.close()


async def test_held_message_is_considered_again_after_a_restart(database_url: str) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    clock = SystemClock(datetime.now(UTC), SPEED)
    (delivery,) = (await store.commit(firing(clock.now(), 11))).deliveries
    await store.postpone_deliveries([delivery.key], clock.now() + timedelta(hours=8))
    held = Delivery(0, "phone", None, "notice", "info", clock.now(), clock.now(), text="x", attempts=0)
    await store.enqueue_once(held)
    with http_sink() as sink:
        async with running_notifier(store, sink, clock, ChannelLimits()):
            told = await wait_for_documents(sink, 2)
    assert {one["reason"] for one in told} == {"fired", "notice"}
    await store.close()
