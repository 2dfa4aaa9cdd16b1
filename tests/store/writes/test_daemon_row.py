"""When a daemon was there is remembered beyond the next one's start, and is the time of those who come beside it."""

import os
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, insert, select

from monitor.clock import MachineClock, SteadyClockReading
from monitor.core.notifications.outbox import Delivery
from monitor.store.command_store import ReadStore
from monitor.store.schema import tables
from monitor.store.store import Store
from monitor.store.writes import reports
from monitor.store.writes.daemon_row import command_clock, read_daemon, read_first_run, read_runs
from monitor.store.writes.outbox import read_due_deliveries
from monitor.store.writes.reports import DailyReportRow
from tests.support.examples.store_rows import NOW, at


async def test_each_run_is_known_from_its_start_to_when_it_was_last_seen(store: Store) -> None:
    assert await store.read(read_first_run) is None
    await store.register_daemon(1, NOW, "0.1.0")
    await store.update_last_seen(at(60))
    await store.register_daemon(2, at(3600), "0.1.0")
    await store.update_last_seen(at(3700))
    assert await store.read(read_runs) == ((NOW, at(60)), (at(3600), at(3700)))
    assert await store.read(read_runs, at(61)) == ((at(3600), at(3700)),)
    assert await store.read(read_first_run) == NOW


async def test_machine_of_the_holder_is_known_while_it_holds_the_database(store: Store, database_url: str) -> None:
    await store.register_daemon(17, NOW, "0.1.0")
    with ReadStore.open(database_url) as reader:
        found = reader.read(read_daemon)
        assert found is not None
        assert (found.running, found.pid, found.host) == (True, 17, os.uname().nodename)
        first = reader.read(_read_seen_at)
        while reader.read(_read_seen_at) == first:
            # By the database's clock, whatever the exchange's time is.
            await store.update_last_seen(at(60))
        assert reader.read(_read_seen_at) - first < timedelta(minutes=5)
        await store.close()
        left = reader.read(read_daemon)
    assert left is not None
    assert (left.running, left.host) == (False, None)


async def test_daemons_that_were_not_seen_for_long_are_left_out(store: Store) -> None:
    gone = {"host": "old", "pid": 1, "version": "0.1.0", "since": NOW, "seen_at": NOW}
    await store.execute(lambda connection: connection.execute(insert(tables.daemons), {"id": "gone", **gone}).close())
    await store.register_daemon(17, NOW, "0.1.0")
    assert await store.read(lambda connection: connection.execute(select(tables.daemons.c.pid)).scalars().all()) == [17]


def _read_seen_at(connection: Connection) -> datetime:
    found: datetime = connection.execute(select(tables.daemons.c.seen_at)).scalar_one()
    return found


async def test_a_day_has_one_report_whatever_is_queued_again(store: Store) -> None:
    report = DailyReportRow("2025-10-10", NOW, NOW - timedelta(days=1), NOW, "3:" + "a" * 64)
    message = Delivery(0, "phone", None, "notice", "info", NOW, NOW, text="daily report")
    first = await store.execute(reports.enqueue_report, report, [message])
    again = await store.execute(reports.enqueue_report, report, [message])
    assert first is not None
    assert again is None
    assert [delivery.text for delivery in await store.read(read_due_deliveries, "phone", NOW)] == ["daily report"]
    assert await store.read(reports.read_newest_report) == report
    assert await store.read(read_due_deliveries, "mail", NOW) == ()


@pytest.mark.parametrize("ordering", [False, True])
async def test_command_uses_the_time_of_the_daemon(store: Store, ordering: bool) -> None:
    wall = datetime.now(UTC)
    assert abs((await store.read(command_clock, is_command=ordering)).now() - wall) < timedelta(minutes=1)
    there = wall - timedelta(hours=3)
    await store.register_daemon(1, there, "0.1.0")
    await store.update_last_seen(there, SteadyClockReading(MachineClock().steady_base, MachineClock().steady_s() - 60))
    now = (await store.read(command_clock, is_command=ordering)).now()
    assert timedelta(seconds=59) < now - there < timedelta(minutes=3)


@pytest.mark.parametrize(
    ("ahead_h", "ordering", "is_taken"), [(1, False, True), (1, True, True), (-1, False, False), (-1, True, True)]
)
async def test_last_seen_time_of_a_remote_daemon_is_used_when_later(
    store: Store, ahead_h: int, ordering: bool, is_taken: bool
) -> None:
    wall = datetime.now(UTC)
    there = wall + timedelta(hours=ahead_h)
    await store.register_daemon(1, there, "0.1.0")
    await store.update_last_seen(there, SteadyClockReading("another machine", time.monotonic()))
    now = (await store.read(command_clock, is_command=ordering)).now()
    assert abs(now - (there if is_taken else wall)) < timedelta(minutes=1)
