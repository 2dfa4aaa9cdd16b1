"""Telling while nothing can be written: from memory, with every try and stand-in, and written down afterwards."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from monitor.core.model.alert import AlertState, Reason
from monitor.core.model.journal import Entry, Notice
from monitor.core.notifications.outbox import Attempt, Delivery, DeliveryState
from monitor.notify.factory import build_sink
from monitor.runtime.messages.channel_queue import Channel, Wellbeing
from monitor.runtime.messages.notifier import Notifier
from monitor.runtime.messages.outbox import Outbox
from monitor.store.readers.alerts import read_alerts
from monitor.store.store import Store
from monitor.store.writes.due_notifications import Look
from tests.integration.store.test_failing_store import KilledServer
from tests.runtime.messages.test_notifier import EVERYTHING, firing, telling_on
from tests.support.daemon import eventually
from tests.support.postgres import own_server
from tests.support.sinks import Answer, HttpSink, Received, http_sink

TITLE = "[FIRING] critical main cross: margin level 1.46 (#1)"


@asynccontextmanager
async def telling(store: Store, phone: HttpSink, mail: HttpSink) -> AsyncIterator[Notifier]:
    """A notifier whose phone has the mail as its fallback."""
    notifier = telling_on(
        store,
        Channel("phone", build_sink("phone", webhook=phone.url), EVERYTHING, fallback="mail"),
        Channel("mail", build_sink("mail", webhook=mail.url), EVERYTHING),
    )
    running = asyncio.create_task(notifier.run())
    try:
        yield notifier
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def states(store: Store) -> list[tuple[str, str, int]]:
    """Every delivery about an alert: its channel, its state and how often it was tried."""
    rows = await store.read(read_alerts, include_closed=True)
    return sorted((d.channel, d.state, d.attempts) for row in rows for d in row.deliveries)


def numbers(received: Sequence[Received]) -> set[int]:
    """Which alerts these messages are about; several may be in one."""
    return {int(number) for one in received for number in re.findall(r"#(\d+)", one.json()["title"])}


def titles(sink: HttpSink) -> list[str]:
    return [one.json()["title"] for one in list(sink.received)]


async def test_notices_that_could_not_be_recorded_are_told(database_url: str) -> None:
    now = datetime.now(UTC)
    store = await asyncio.to_thread(Store.open, database_url)
    with http_sink() as phone, http_sink() as mail:
        async with telling(store, phone, mail) as notifier:
            alarm = firing(now)
            notifier.hand_unrecorded(alarm, alarm.alerts)
            notice = Notice("critical", "repaid 5", ("phone",), now)
            notifier.hand_unrecorded(Entry("main", now, notices=(notice,)), ())
            received = await asyncio.to_thread(phone.wait_for_count, 2)
    await store.close()
    assert {one.json()["title"] for one in received} == {TITLE, "[NOTICE] critical repaid 5"}
    assert all("Not recorded" in one.json()["text"] for one in received)


async def test_what_is_told_from_memory_is_tried_again_falls_back_and_is_told_once(database_url: str) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    with http_sink() as phone, http_sink() as mail:
        phone.answers = [Answer(503)]
        async with telling(store, phone, mail) as notifier:
            alarm = firing(datetime.now(UTC))
            notifier.hand_unrecorded(alarm, alarm.alerts)
            await asyncio.to_thread(phone.wait_for_count, 2)
            await asyncio.to_thread(mail.wait_for_count, 1)
            assert all("Not recorded" in one.json()["text"] for one in [*phone.received, *mail.received])
            # The store is back: what was decided is committed and handed over as ever.
            notifier.hand((await store.commit(alarm)).deliveries)
            known = [("mail", "sent", 1), ("phone", "sent", 2)]
            await eventually(lambda: _is(store, known), story=lambda: f"{phone.received} {mail.received}")
            # Its end is told to who heard of it, and not as something new.
            now = datetime.now(UTC)
            over = replace(alarm.alerts[0], state=AlertState.RESOLVED, resolved_at=now)
            end = replace(alarm.notifications[0], reason=Reason.RESOLVED, at=now)
            notifier.hand((await store.commit(Entry("main", now, alerts=(over,), notifications=(end,)))).deliveries)
            await asyncio.to_thread(phone.wait_for_count, 3)
        assert titles(phone) == [TITLE, TITLE, TITLE.replace("FIRING", "RESOLVED")]
        assert titles(mail) == [TITLE]
    await store.close()


async def test_a_commit_whose_answer_was_lost_tells_nothing_twice(database_url: str) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    with http_sink() as phone, http_sink() as mail:
        async with telling(store, phone, mail) as notifier:
            alarm = firing(datetime.now(UTC))
            await store.commit(alarm)
            notifier.wake(("phone",))
            await asyncio.to_thread(phone.wait_for_count, 1)
            notifier.hand_unrecorded(alarm, alarm.alerts)
            await eventually(lambda: _is(store, [("phone", "sent", 1)]))
            notice = Notice("critical", "told after it", ("phone",), datetime.now(UTC))
            notifier.say(notice)
            await asyncio.to_thread(phone.wait_for_count, 2)
        assert titles(phone) == [TITLE, "[NOTICE] critical told after it"]
    await store.close()


@pytest.mark.slow
async def test_a_dead_server_costs_no_try_no_stand_in_and_no_word() -> None:
    with own_server() as server, http_sink() as phone, http_sink() as mail:
        database = KilledServer(server)
        store = await asyncio.to_thread(Store.open, database.url)
        phone.answers = [Answer(503)] * 5
        async with telling(store, phone, mail) as notifier:
            alarm = firing(datetime.now(UTC))
            notifier.hand((await store.commit(alarm)).deliveries)
            await asyncio.to_thread(phone.wait_for_count, 1)
            database.fail()
            # What was recorded goes on being tried, what can't be is told and falls back all the same.
            warned = replace(firing(datetime.now(UTC)), alerts=(replace(alarm.alerts[0], id=2),))
            warned = replace(warned, notifications=(replace(warned.notifications[0], alert=2),))
            notifier.hand_unrecorded(warned, warned.alerts)
            await asyncio.to_thread(phone.wait_for, lambda got: numbers(got[5:]) >= {1, 2}, 60)
            await asyncio.to_thread(mail.wait_for, lambda got: numbers(got) >= {1, 2})
            await asyncio.to_thread(database.mend)

            async def commits() -> bool:
                try:
                    notifier.hand((await store.commit(warned)).deliveries)
                except Exception:  # noqa: BLE001  whatever a server says that is starting
                    return False
                return True

            await eventually(commits, 30)

            async def all_written() -> bool:
                return [each[:2] for each in await states(store)] == [
                    ("mail", "sent"),
                    ("mail", "sent"),
                    ("phone", "sent"),
                    ("phone", "sent"),
                ]

            await eventually(all_written, 30)
            for told in (phone.received[5:], mail.received):
                assert sorted(re.findall(r"#\d+", "".join(one.json()["title"] for one in told))) == ["#1", "#2"]
        await store.close()


def test_a_channel_that_hangs_counts_as_one_that_fails() -> None:
    now = 100.0
    wellbeing = Wellbeing(["phone", "mail"], lambda: now)
    assert not wellbeing.troubles()
    now += 61
    wellbeing.seen("mail")
    assert wellbeing.troubles() == {"phone": "it hangs"}


async def _is(store: Store, known: list[tuple[str, str, int]]) -> bool:
    return await states(store) == known


async def test_the_notifier_counts_what_hangs(tmp_path: Path, database_url: str) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    with http_sink() as phone, http_sink() as mail:
        async with telling(store, phone, mail) as notifier:
            notifier._wellbeing._machine_time = lambda: float("inf")  # a minute that no test waits for
            assert notifier.failing == 2
    await store.close()


async def test_a_notice_of_the_daemon_itself_is_recorded_before_it_is_told(database_url: str) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    with http_sink() as phone, http_sink() as mail:
        async with telling(store, phone, mail) as notifier:
            notifier.say(Notice("warning", "the clock jumped", ("phone", "mail"), datetime.now(UTC)))
            await notifier.drain(timeout_s=10)
            assert len(phone.received) == len(mail.received) == 1
            assert "Not recorded" not in phone.received[0].json()["text"]
    await store.close()


async def test_an_alert_that_the_database_knows_by_another_number_is_not_told_anew(database_url: str) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    with http_sink() as phone, http_sink() as mail:
        async with telling(store, phone, mail) as notifier:
            known = firing(datetime.now(UTC))
            mine = replace(known, alerts=(replace(known.alerts[0], id=1_000_000_007),))
            mine = replace(mine, notifications=(replace(known.notifications[0], alert=1_000_000_007),))
            notifier.hand_unrecorded(mine, mine.alerts)
            await asyncio.to_thread(phone.wait_for_count, 1)
            notifier.renumber({1_000_000_007: 1})
            notifier.hand((await store.commit(known)).deliveries)
            await eventually(lambda: _is(store, [("phone", "sent", 1)]))
        assert len(phone.received) == 1
    await store.close()


def test_what_was_held_is_looked_at_when_the_clock_jumped() -> None:
    now = datetime(2026, 3, 29, tzinfo=UTC)
    outbox = Outbox(count())
    held = outbox.put(Delivery(0, "phone", None, "notice", "info", now, now, text="an order ended"))
    assert held is not None
    outbox.postpone([held.id], now + timedelta(hours=8))
    assert not outbox.view(None, now, restrained=False).look.due
    outbox.release(now)
    assert [each.id for each in outbox.view(None, now, restrained=False).look.due] == [held.id]


def test_the_hours_messages_keep_their_ages_when_the_clock_is_corrected() -> None:
    now = datetime(2026, 3, 29, 12, tzinfo=UTC)
    outbox, hour = Outbox(count()), timedelta(hours=1)
    said = outbox.put(Delivery(0, "phone", None, "notice", "info", now, now, text="an order ended"))
    assert said is not None
    outbox.note([Attempt("phone", said.id, now, True, "204", DeliveryState.SENT)])
    row, later = Look((), None, sent=(now,)), now + timedelta(minutes=5)
    assert outbox.view(row, later, restrained=True).look.sent == (now,)
    outbox.correct(-hour)
    assert outbox.view(row, later - hour, restrained=True).look.sent == (now - hour,)
    # The row bears the old date: it does not count once more when that comes.
    assert outbox.view(row, later, restrained=True).look.sent == ()


def test_a_row_of_a_moment_to_come_counts_neither_now_nor_then() -> None:
    now = datetime(2026, 3, 29, 12, tzinfo=UTC)
    outbox, row = Outbox(count()), Look((), None, sent=(now + timedelta(minutes=50),))
    assert outbox.view(row, now, restrained=True).look.sent == ()
    assert outbox.view(row, now + timedelta(hours=1), restrained=True).look.sent == ()
