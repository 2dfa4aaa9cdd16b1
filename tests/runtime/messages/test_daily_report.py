"""The daily report: made once a day when its time has come, and told like any other notice."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from monitor.core.notifications.outbox import Delivery
from monitor.core.notifications.quiet_hours import QuietHours, parse_time_range
from monitor.core.notifications.report_schedule import DailySchedule
from monitor.core.notifications.throttling import ChannelLimits
from monitor.notify.factory import build_sink
from monitor.runtime.messages.channel_queue import Channel
from monitor.runtime.messages.daily_report import DailyReport, ReportSettings
from monitor.runtime.messages.message_builder import MessageBuilder
from monitor.runtime.messages.notifier import Notifier
from monitor.store.readers.channels import read_channels
from monitor.store.store import Store
from monitor.store.writes import reports
from monitor.store.writes.outbox import read_due_deliveries
from tests.support.clocks.manual_clock import ManualClock
from tests.support.daemon import eventually
from tests.support.sinks import HttpSink, http_sink

BERLIN = ZoneInfo("Europe/Berlin")
EIGHT = datetime(2026, 7, 1, 6, 0, tzinfo=UTC)
"""By the clocks of Berlin."""

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def store(tmp_path: Path, sqlite_template: Path) -> AsyncIterator[Store]:
    shutil.copy(sqlite_template, tmp_path / "monitor.db")
    opened = Store.open(f"sqlite:///{tmp_path / 'monitor.db'}")
    yield opened
    await opened.close()


def daily(store: Store, clock: ManualClock, *channels: str) -> DailyReport:
    order = ReportSettings(DailySchedule(8 * 60, BERLIN), ("main",), channels or ("phone",))
    return DailyReport(order, store, clock, "0.1.0", lambda names: None)


async def queued_reports(store: Store, channel: str = "phone") -> tuple[Delivery, ...]:
    return await store.read(read_due_deliveries, channel, EIGHT + 30 * DAY)


@contextlib.asynccontextmanager
async def notifier_for(
    store: Store, clock: ManualClock, sink: HttpSink, *severities: str, quiet: QuietHours | None = None
) -> AsyncIterator[Notifier]:
    hook, restraint = build_sink("phone", webhook=sink.url), ChannelLimits(quiet)
    channel = Channel("phone", hook, frozenset(severities), limits=restraint)
    notifier = Notifier(
        (channel,), store, clock, MessageBuilder(store, clock, lambda account: None), lambda number: None
    )
    task = asyncio.create_task(notifier.run())
    try:
        yield notifier
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_day_has_one_report_across_restarts(store: Store) -> None:
    await store.register_daemon(1, EIGHT - 3 * DAY, "0.1.0")
    clock = ManualClock(EIGHT - MINUTE)
    first = daily(store, clock, "phone", "mail")
    await first.check()
    # Yesterday's is a day late: nobody wants it any more.
    assert await queued_reports(store) == ()
    clock.advance(60)
    await first.check()
    await first.check()
    await daily(store, clock).check()
    (message,) = await queued_reports(store)
    assert message.severity == "info"
    assert message.text.startswith("report on 1d: ")
    assert len(await queued_reports(store, "mail")) == 1


async def test_missed_report_is_made_up_and_the_next_continues_from_its_end(store: Store) -> None:
    await store.register_daemon(1, EIGHT - 3 * DAY, "0.1.0")
    late = EIGHT + timedelta(hours=3)
    await daily(store, ManualClock(late)).check()
    await daily(store, ManualClock(EIGHT + DAY)).check()
    report = await store.read(reports.read_newest_report)
    assert report is not None
    assert (report.day, report.since, report.until) == ("2026-07-02", late, EIGHT + DAY)
    first, second = await queued_reports(store)
    assert (first.created_at, second.created_at) == (late, EIGHT + DAY)
    assert second.text.startswith("report on 21h: ")


async def test_unwatched_day_has_no_report(store: Store) -> None:
    await store.register_daemon(1, EIGHT + MINUTE, "0.1.0")
    await daily(store, ManualClock(EIGHT + 2 * MINUTE)).check()
    assert await queued_reports(store) == ()


async def test_webhook_report_names_the_audit_head(store: Store) -> None:
    await store.register_daemon(1, EIGHT - 3 * DAY, "0.1.0")
    clock = ManualClock(EIGHT)
    with http_sink() as sink:
        async with notifier_for(store, clock, sink, "info") as notifier:
            await daily(store, clock).check()
            notifier.wake(("phone",))
            await asyncio.to_thread(sink.wait_for_count, 1)
    told = sink.received[0].json()
    assert told["title"].startswith("[NOTICE] info report on 1d: ")
    assert told["reason"] == "notice"
    assert "AUDIT TRAIL" in told["text"]


async def test_quiet_hours_hold_back_the_report(store: Store) -> None:
    await store.register_daemon(1, EIGHT - 3 * DAY, "0.1.0")
    clock = ManualClock(EIGHT)
    quiet = QuietHours((parse_time_range("22:00-09:00"),), BERLIN)
    with http_sink() as sink:
        async with notifier_for(store, clock, sink, "info", quiet=quiet) as notifier:
            await daily(store, clock).check()

            async def is_held() -> bool:
                notifier.wake(("phone",))
                return [d.next_at for d in await queued_reports(store)] == [EIGHT + timedelta(hours=1)]

            await eventually(is_held)
            assert sink.received == []
            clock.advance(3600)
            notifier.wake(("phone",))
            await asyncio.to_thread(sink.wait_for_count, 1)


async def test_a_channel_without_info_gets_none(store: Store) -> None:
    await store.register_daemon(1, EIGHT - 3 * DAY, "0.1.0")
    clock = ManualClock(EIGHT)
    await daily(store, clock).check()
    with http_sink() as sink:
        async with notifier_for(store, clock, sink, "warning", "critical"):

            async def is_over() -> bool:
                return await queued_reports(store) == ()

            await eventually(is_over)
    assert sink.received == []
    # It was left out, which is no failure of the channel.
    assert await store.read(read_channels, EIGHT - DAY) == ()
