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

from monitor.clock import SystemClock
from monitor.core.model.alert import AlertState, NotificationReason
from monitor.core.model.journal import JournalEntry, Notice
from monitor.core.notifications.outbox import Delivery, DeliveryAttempt, DeliveryState
from monitor.notify.factory import build_sink
from monitor.runtime.messages import delivery_store
from monitor.runtime.messages.attempt_buffer import AttemptBuffer
from monitor.runtime.messages.channel_queue import Channel, ChannelHealth, ChannelQueue
from monitor.runtime.messages.delivery_store import DeliveryStore
from monitor.runtime.messages.message_memory import MessageMemory
from monitor.runtime.messages.notifier import Notifier
from monitor.runtime.messages.outbox import ChannelOutbox
from monitor.store.readers.alerts import read_alerts
from monitor.store.store import Store
from monitor.store.writes.due_notifications import ChannelDue
from monitor.store.writes.outbox import read_due_deliveries, record_message
from tests.integration.store.test_failing_store import KilledServer
from tests.runtime.messages.test_notifier import EVERYTHING, firing_entry, notifier_on
from tests.support.daemon import clock_of, eventually, in_process_daemon, write_config
from tests.support.database_lock import locked_database
from tests.support.postgres import own_server
from tests.support.sandbox import sandbox
from tests.support.sinks import Answer, HttpSink, Received, http_sink
from tests.support.timeouts import SOON_S

TITLE = "[FIRING] critical main cross: margin level 1.46 (#1)"


@asynccontextmanager
async def notifier_with_fallback(store: Store, phone: HttpSink, mail: HttpSink) -> AsyncIterator[Notifier]:
    """A notifier whose phone has the mail as its fallback."""
    notifier = notifier_on(
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


async def delivery_states(store: Store) -> list[tuple[str, str, int]]:
    """Every delivery about an alert: its channel, its state and how often it was tried."""
    rows = await store.read(read_alerts, include_closed=True)
    return sorted((d.channel, d.state, d.attempts) for row in rows for d in row.deliveries)


def alert_ids(received: Sequence[Received]) -> set[int]:
    """Which alerts these messages are about; several may be in one."""
    return {int(number) for one in received for number in re.findall(r"#(\d+)", one.json()["title"])}


def titles(sink: HttpSink) -> list[str]:
    return [one.json()["title"] for one in list(sink.received)]


async def test_unrecorded_notices_are_sent(database_url: str) -> None:
    now = datetime.now(UTC)
    store = await asyncio.to_thread(Store.open, database_url)
    with http_sink() as phone, http_sink() as mail:
        async with notifier_with_fallback(store, phone, mail) as notifier:
            alarm = firing_entry(now)
            notifier.push_unrecorded(alarm, alarm.alerts)
            notice = Notice("critical", "repaid 5", ("phone",), now)
            notifier.push_unrecorded(JournalEntry("main", now, notices=(notice,)), ())
            received = await asyncio.to_thread(phone.wait_for_count, 2)
    await store.close()
    assert {one.json()["title"] for one in received} == {TITLE, "[NOTICE] critical repaid 5"}
    assert all("Not recorded" in one.json()["text"] for one in received)


async def test_unrecorded_alert_is_retried_falls_back_and_is_sent_once(database_url: str) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    with http_sink() as phone, http_sink() as mail:
        phone.answers = [Answer(503)]
        async with notifier_with_fallback(store, phone, mail) as notifier:
            alarm = firing_entry(datetime.now(UTC))
            notifier.push_unrecorded(alarm, alarm.alerts)
            await asyncio.to_thread(phone.wait_for_count, 2)
            await asyncio.to_thread(mail.wait_for_count, 1)
            assert all("Not recorded" in one.json()["text"] for one in [*phone.received, *mail.received])
            # The store is back: what was decided is committed and handed over as ever.
            notifier.push((await store.commit(alarm)).deliveries)
            known = [("mail", "sent", 1), ("phone", "sent", 2)]
            await eventually(lambda: _has_deliveries(store, known), story=lambda: f"{phone.received} {mail.received}")
            # Its end is told to who heard of it, and not as something new.
            now = datetime.now(UTC)
            over = replace(alarm.alerts[0], state=AlertState.RESOLVED, resolved_at=now)
            end = replace(alarm.notifications[0], reason=NotificationReason.RESOLVED, at=now)
            notifier.push(
                (await store.commit(JournalEntry("main", now, alerts=(over,), notifications=(end,)))).deliveries
            )
            await asyncio.to_thread(phone.wait_for_count, 3)
        assert titles(phone) == [TITLE, TITLE, TITLE.replace("FIRING", "RESOLVED")]
        assert titles(mail) == [TITLE]
    await store.close()


async def test_lost_commit_answer_sends_nothing_twice(database_url: str) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    with http_sink() as phone, http_sink() as mail:
        async with notifier_with_fallback(store, phone, mail) as notifier:
            alarm = firing_entry(datetime.now(UTC))
            await store.commit(alarm)
            notifier.wake(("phone",))
            await asyncio.to_thread(phone.wait_for_count, 1)
            notifier.push_unrecorded(alarm, alarm.alerts)
            await eventually(lambda: _has_deliveries(store, [("phone", "sent", 1)]))
            notice = Notice("critical", "told after it", ("phone",), datetime.now(UTC))
            notifier.notify(notice)
            await asyncio.to_thread(phone.wait_for_count, 2)
        assert titles(phone) == [TITLE, "[NOTICE] critical told after it"]
    await store.close()


@pytest.mark.slow
async def test_dead_database_loses_no_retry_fallback_or_message() -> None:
    with own_server() as server, http_sink() as phone, http_sink() as mail:
        database = KilledServer(server)
        store = await asyncio.to_thread(Store.open, database.url)
        phone.answers = [Answer(503)] * 5
        async with notifier_with_fallback(store, phone, mail) as notifier:
            alarm = firing_entry(datetime.now(UTC))
            notifier.push((await store.commit(alarm)).deliveries)
            await asyncio.to_thread(phone.wait_for_count, 1)
            database.fail()
            # What was recorded goes on being tried, what can't be is told and falls back all the same.
            warned = replace(firing_entry(datetime.now(UTC)), alerts=(replace(alarm.alerts[0], id=2),))
            warned = replace(warned, notifications=(replace(warned.notifications[0], alert=2),))
            notifier.push_unrecorded(warned, warned.alerts)
            await asyncio.to_thread(phone.wait_for, lambda got: alert_ids(got[5:]) >= {1, 2}, 60)
            await asyncio.to_thread(mail.wait_for, lambda got: alert_ids(got) >= {1, 2})
            await asyncio.to_thread(database.mend)

            async def commits() -> bool:
                try:
                    notifier.push((await store.commit(warned)).deliveries)
                except Exception:  # noqa: BLE001  whatever a server says that is starting
                    return False
                return True

            await eventually(commits, 30)

            async def all_written() -> bool:
                return [each[:2] for each in await delivery_states(store)] == [
                    ("mail", "sent"),
                    ("mail", "sent"),
                    ("phone", "sent"),
                    ("phone", "sent"),
                ]

            await eventually(all_written, 30)
            for told in (phone.received[5:], mail.received):
                assert sorted(re.findall(r"#\d+", "".join(one.json()["title"] for one in told))) == ["#1", "#2"]
        await store.close()


def test_hanging_channel_counts_as_failing() -> None:
    now = 100.0
    wellbeing = ChannelHealth(["phone", "mail"], lambda: now)
    assert not wellbeing.problems()
    now += 61
    wellbeing.heartbeat("mail")
    assert wellbeing.problems() == {"phone": "it hangs"}


async def _has_deliveries(store: Store, known: list[tuple[str, str, int]]) -> bool:
    return await delivery_states(store) == known


async def test_notifier_counts_hanging_channels(tmp_path: Path, database_url: str) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    with http_sink() as phone, http_sink() as mail:
        async with notifier_with_fallback(store, phone, mail) as notifier:
            notifier._health._machine_time = lambda: float("inf")  # a minute that no test waits for
            assert notifier.failing_count == 2
    await store.close()


async def test_daemon_notice_is_recorded_before_it_is_sent(database_url: str) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    with http_sink() as phone, http_sink() as mail:
        async with notifier_with_fallback(store, phone, mail) as notifier:
            notifier.notify(Notice("warning", "the clock jumped", ("phone", "mail"), datetime.now(UTC)))
            await notifier.drain(timeout_s=SOON_S)
            assert len(phone.received) == len(mail.received) == 1
            assert "Not recorded" not in phone.received[0].json()["text"]
    await store.close()


async def test_notice_that_waits_in_memory_for_its_retry_is_recorded_at_the_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(delivery_store, "STORE_TIMEOUT_S", 0.3)
    with http_sink() as phone:
        phone.default = Answer(429, {"Retry-After": "60"})
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, channels={"phone": phone.url}, first="default_rules = false")
            async with in_process_daemon(config, clock_of(box.sandbox)) as running:
                await running.daemon.wait_until_ready()
                with locked_database(f"sqlite:///{tmp_path}/monitor.db"):
                    await running.daemon.notify("warning", "the new configuration was refused")
                    await asyncio.to_thread(phone.wait_for_count, 1)
                    await eventually(lambda: _is_logged("store.failing", caplog))
                    monkeypatch.setattr(delivery_store, "STORE_TIMEOUT_S", SOON_S)
                until = clock_of(box.sandbox).now() + timedelta(hours=1)
    store = await asyncio.to_thread(Store.open, f"sqlite:///{tmp_path}/monitor.db")
    rows = await store.read(read_due_deliveries, "phone", until)
    await store.close()
    assert [(row.text, row.attempts) for row in rows] == [("the new configuration was refused", 1)]


async def _is_logged(words: str, caplog: pytest.LogCaptureFixture) -> bool:
    return words in caplog.text


async def test_remaining_messages_are_recorded_as_far_as_they_went(database_url: str) -> None:
    store, now = await asyncio.to_thread(Store.open, database_url), datetime.now(UTC)
    memory = MessageMemory(store, 1.0)
    queue, deliveries = ChannelQueue(memory.outbox("phone")), DeliveryStore(store, SystemClock(), memory.attempts)
    texts = ("refused", "sent", "sent, and its row was made by a call whose answer was lost")
    told = [Delivery(0, "phone", None, "notice", "info", now, now, text=text) for text in texts]
    await store.enqueue_once(told[2])
    kept = [item for each in told if (item := queue.outbox.add(each, needs_row=True)) is not None]
    later = now + timedelta(minutes=1)
    refused = DeliveryAttempt("phone", kept[0].key, now, False, "HTTP 429", DeliveryState.QUEUED, later)
    sent = [DeliveryAttempt("phone", each.key, now, True, "HTTP 204", DeliveryState.SENT) for each in kept[1:]]
    queue.outbox.apply_attempts([refused, *sent])
    for _ in range(2):
        # The second time nothing is left.
        await deliveries.write_remaining("phone", queue)
        rows = await store.read(read_due_deliveries, "phone", later)
        assert [(row.text, row.attempts, row.next_at) for row in rows] == [("refused", 1, rows[0].next_at)]
        assert rows[0].next_at > now
        assert [await store.enqueue_once(each) for each in told] == [None, None, None]
        assert not memory.attempts.has_pending("phone")
    await store.close()


async def test_attempt_is_recorded_once_though_the_answer_was_lost(database_url: str) -> None:
    store, now = await asyncio.to_thread(Store.open, database_url), datetime.now(UTC)
    memory = MessageMemory(store, 1.0)
    queue, deliveries = ChannelQueue(memory.outbox("phone")), DeliveryStore(store, SystemClock(), memory.attempts)
    kept = queue.outbox.add(Delivery(0, "phone", None, "notice", "info", now, now, text="refused"), needs_row=True)
    assert kept is not None
    attempt = DeliveryAttempt("phone", kept.key, now, False, "HTTP 429", DeliveryState.QUEUED, now)
    queue.outbox.apply_attempts([attempt])
    await store.execute(record_message, replace(kept, attempts=0, next_at=now), [attempt])
    await deliveries.write_remaining("phone", queue)
    assert [row.attempts for row in await store.read(read_due_deliveries, "phone", now)] == [1]
    await store.close()


async def test_drain_waits_for_what_a_poll_under_way_did_not_see(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    with http_sink() as phone, http_sink() as mail:
        async with notifier_with_fallback(store, phone, mail) as notifier:
            polled, answered = asyncio.Event(), asyncio.Event()
            poll = notifier._delivery_store.poll

            async def poll_slowly(channel: Channel, queue: ChannelQueue) -> ChannelDue | None:
                found = await poll(channel, queue)
                polled.set()
                await answered.wait()
                return found

            monkeypatch.setattr(notifier._delivery_store, "poll", poll_slowly)
            notifier.wake(["phone"])
            await asyncio.wait_for(polled.wait(), SOON_S)
            notifier.notify(Notice("warning", "the clock jumped", ("phone",), datetime.now(UTC)))
            drained = asyncio.create_task(notifier.drain(timeout_s=SOON_S))
            await eventually(lambda: _is_draining(notifier))
            answered.set()
            await drained
            assert len(phone.received) == 1
    await store.close()


async def _is_draining(notifier: Notifier) -> bool:
    return notifier._draining and not any(task.get_name().startswith("notice") for task in asyncio.all_tasks())


async def test_renumbered_alert_is_not_sent_again(database_url: str) -> None:
    store = await asyncio.to_thread(Store.open, database_url)
    with http_sink() as phone, http_sink() as mail:
        async with notifier_with_fallback(store, phone, mail) as notifier:
            known = firing_entry(datetime.now(UTC))
            mine = replace(known, alerts=(replace(known.alerts[0], id=1_000_000_007),))
            mine = replace(mine, notifications=(replace(known.notifications[0], alert=1_000_000_007),))
            notifier.push_unrecorded(mine, mine.alerts)
            await asyncio.to_thread(phone.wait_for_count, 1)
            notifier.renumber({1_000_000_007: 1})
            notifier.push((await store.commit(known)).deliveries)
            await eventually(lambda: _has_deliveries(store, [("phone", "sent", 1)]))
        assert len(phone.received) == 1
    await store.close()


async def test_row_that_can_not_be_made_holds_up_no_other(database_url: str) -> None:
    store, now = await asyncio.to_thread(Store.open, database_url), datetime.now(UTC)
    with http_sink() as phone:
        channel, queue = (
            Channel("phone", build_sink("phone", webhook=phone.url), EVERYTHING),
            ChannelQueue(ChannelOutbox(count())),
        )
        # The database has lost the alert for good.
        queue.outbox.add(Delivery(0, "phone", 99, NotificationReason.FIRED, "warning", now, now), needs_row=True)
        queue.outbox.add(Delivery(0, "phone", None, "notice", "info", now, now, text="an order ended"), needs_row=True)
        await DeliveryStore(store, SystemClock(), AttemptBuffer(store)).poll(channel, queue)
        assert [row.text for row in await store.read(read_due_deliveries, "phone", now)] == ["an order ended"]
    await store.close()


async def test_message_whose_row_a_new_server_lacks_is_recorded_again_and_sent(database_url: str) -> None:
    store, now = await asyncio.to_thread(Store.open, database_url), datetime.now(UTC)
    with http_sink() as phone:
        channel = Channel("phone", build_sink("phone", webhook=phone.url), EVERYTHING)
        queue = ChannelQueue(ChannelOutbox(count()))
        queue.outbox.merge_row(Delivery(7, "phone", None, "notice", "info", now, now, text="an order ended"))
        deliveries = DeliveryStore(store, SystemClock(), AttemptBuffer(store))
        queue.known_connects = store.connects
        found = await deliveries.poll(channel, queue)
        assert found is not None and found.deliveries == (), "the row was closed elsewhere"
        # As after a new connection, whose server may lack the newest commits.
        queue.known_connects = store.connects - 1
        found = await deliveries.poll(channel, queue)
        assert found is not None
        assert [row.text for row in found.deliveries] == ["an order ended"]
        rows = await store.read(read_due_deliveries, "phone", now)
        assert [row.key for row in found.deliveries] == [row.key for row in rows]
    await store.close()


def test_held_message_is_released_after_a_clock_jump() -> None:
    now = datetime(2026, 3, 29, tzinfo=UTC)
    outbox = ChannelOutbox(count())
    held = outbox.add(Delivery(0, "phone", None, "notice", "info", now, now, text="an order ended"))
    assert held is not None
    outbox.postpone([held.key], now + timedelta(hours=8))
    assert not outbox.merge_due(None, now, is_limited=False).due.deliveries
    outbox.release(now)
    assert [delivery.id for delivery in outbox.merge_due(None, now, is_limited=False).due.deliveries] == [held.id]


def test_message_with_the_id_of_a_lost_one_stays_due() -> None:
    now = datetime(2026, 3, 29, tzinfo=UTC)
    outbox = ChannelOutbox(count())
    lost = Delivery(7, "phone", None, "notice", "info", now, now, text="an order ended")
    outbox.merge_row(lost)
    outbox.mark_started([lost], now)
    minute_later = now + timedelta(minutes=1)
    row = replace(lost, created_at=minute_later, next_at=minute_later, text="the record was lost")
    due = outbox.merge_due(ChannelDue((row,), None), minute_later, is_limited=False).due
    assert row in due.deliveries
    outbox.apply_attempts([DeliveryAttempt("phone", lost.key, now, True, "204", DeliveryState.SENT)])
    outbox.close(lost.key, "told already")
    found = outbox.find_item(row.key)
    assert found is not None and found.is_untried


def test_result_of_a_message_that_got_its_row_while_being_sent_is_for_the_row() -> None:
    now = datetime(2026, 3, 29, tzinfo=UTC)
    outbox = ChannelOutbox(count())
    said = outbox.add(Delivery(0, "phone", None, "notice", "info", now, now, text="an order ended"))
    assert said is not None
    row = replace(said, id=7)
    outbox.merge_row(row)
    [written] = outbox.apply_attempts([DeliveryAttempt("phone", said.key, now, True, "204", DeliveryState.SENT)])
    assert written.delivery == row.key


def test_message_closed_while_its_row_was_not_known_is_closed_there() -> None:
    now = datetime(2026, 3, 29, tzinfo=UTC)
    outbox = ChannelOutbox(count())
    row = Delivery(7, "phone", None, "notice", "info", now, now, text="an order ended")
    item, _ = outbox.merge_row(row)
    outbox.forget_rows()
    outbox.close(item.delivery.key, "told already")
    assert outbox.merge_due(ChannelDue((row,), None), now, is_limited=False).duplicates == {row.key: "told already"}


def test_sent_messages_keep_their_ages_after_a_clock_correction() -> None:
    now = datetime(2026, 3, 29, 12, tzinfo=UTC)
    outbox, hour = ChannelOutbox(count()), timedelta(hours=1)
    said = outbox.add(Delivery(0, "phone", None, "notice", "info", now, now, text="an order ended"))
    assert said is not None
    outbox.apply_attempts([DeliveryAttempt("phone", said.key, now, True, "204", DeliveryState.SENT)])
    row, later = ChannelDue((), None, sent_at=(now,)), now + timedelta(minutes=5)
    assert outbox.merge_due(row, later, is_limited=True).due.sent_at == (now,)
    outbox.shift_times(-hour)
    assert outbox.merge_due(row, later - hour, is_limited=True).due.sent_at == (now - hour,)
    # The row bears the old date: it does not count once more when that comes.
    assert outbox.merge_due(row, later, is_limited=True).due.sent_at == ()


def test_row_with_a_future_date_is_ignored() -> None:
    now = datetime(2026, 3, 29, 12, tzinfo=UTC)
    outbox, row = ChannelOutbox(count()), ChannelDue((), None, sent_at=(now + timedelta(minutes=50),))
    assert outbox.merge_due(row, now, is_limited=True).due.sent_at == ()
    assert outbox.merge_due(row, now + timedelta(hours=1), is_limited=True).due.sent_at == ()
