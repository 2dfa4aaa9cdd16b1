"""Receipts of emergencies: a press acknowledges here, and what is over or acknowledged here stops there."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from monitor.clock import SystemClock
from monitor.core.model.alert import Alert, AlertState, NotificationReason, Severity
from monitor.core.model.journal import JournalEntry
from monitor.core.notifications.outbox import Delivery, DeliveryAttempt, DeliveryState
from monitor.notify.pushover.client import PushoverClient
from monitor.notify.pushover.sink import PushoverRecipient, PushoverSink
from monitor.notify.secret_scrubber import SecretScrubber
from monitor.notify.sinks import Delivered
from monitor.runtime.replies.receipt_loop import ReceiptLoop
from monitor.runtime.replies.reply_service import ReplyContext, ReplyHealth
from monitor.store.readers.alerts import read_alert
from monitor.store.store import Store
from monitor.store.writes import commands
from monitor.store.writes.outbox import read_due_deliveries
from monitor.store.writes.replies.channel_messages import read_messages_by_reference, read_open_messages
from monitor.store.writes.replies.presses import count_presses
from monitor.view.messages.grouping import group_messages
from monitor.view.messages.message import alert_message
from tests.support.daemon import eventually
from tests.support.examples.store_rows import alert, firing_entry
from tests.support.services.pushover import TOKEN, USER, Emergency, Fault, PushoverServer, pushover_server

POLL_S = 0.05


@dataclass
class Phone:
    """A Pushover channel with its server, its store and its loop."""

    server: PushoverServer
    store: Store
    sink: PushoverSink
    client: PushoverClient
    context: ReplyContext
    health: ReplyHealth
    commands: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    async def ring(self, *alerts: Alert) -> Emergency:
        """Let alerts fire and send them as one emergency."""
        deliveries: list[Delivery] = []
        for each in alerts:
            await self.store.commit(replace(firing_entry(each.id, "phone"), alerts=(each,)))
            queued = await self.store.read(read_due_deliveries, "phone", self.context.clock.now())
            deliveries += [delivery for delivery in queued if delivery.alert == each.id]
        now = self.context.clock.now()
        messages = [alert_message(each, NotificationReason.FIRED, None, now) for each in alerts]
        result = await self.sink.send(group_messages(messages))
        assert isinstance(result, Delivered) and result.message is not None
        sent = DeliveryState.SENT
        await self.store.record_attempts(
            [DeliveryAttempt("phone", d.key, now, True, "ok", sent, message=result.message) for d in deliveries]
        )
        return self.server.emergencies[-1]

    async def acked_by(self, number: int) -> str | None:
        row = await self.store.read(read_alert, number)
        assert row is not None
        return row.alert.acked_by

    async def end_of(self, emergency: Emergency) -> str:
        """How the emergency ended, as recorded; "" while it is open."""
        rows = await self.store.read(read_messages_by_reference, "phone", emergency.receipt)
        is_open = bool((await self.store.read(read_open_messages, ["phone"])).messages)
        return "" if is_open else rows[0].shown

    async def save(self, *alerts: Alert) -> None:
        await self.store.commit(JournalEntry("main", self.context.clock.now(), alerts=alerts))


@pytest.fixture
def server() -> Iterator[PushoverServer]:
    with pushover_server() as state:
        yield state


@contextlib.asynccontextmanager
async def phone_of(
    server: PushoverServer, database: Path, expire_s: int = 900, token: str = TOKEN
) -> AsyncIterator[Phone]:
    """The channel, its loop not running yet."""
    clock, done, health = SystemClock(), list[str](), ReplyHealth()
    store = Store.open(f"sqlite:///{database}")
    client = PushoverClient(token, SecretScrubber(f"pover://{USER}@{token}"), 20.0, server.url)
    sink = PushoverSink("phone", client, PushoverRecipient(USER, expire_s=expire_s), clock.now)
    notices = list[str]()

    async def notify(severity: Severity, text: str) -> None:
        notices.append(f"{severity} {text}")

    context = ReplyContext(store, clock, health, lambda: done.append("command"), notify)
    await sink.warm_up()
    try:
        yield Phone(server, store, sink, client, context, health, done, notices)
    finally:
        await sink.close()
        await store.close()


@contextlib.asynccontextmanager
async def reading(phone: Phone, poll_every_s: float = POLL_S) -> AsyncIterator[ReceiptLoop]:
    """The channel's loop, running meanwhile."""
    loop = ReceiptLoop("phone", phone.client, phone.sink, poll_every_s)
    task = asyncio.create_task(loop.run(phone.context))
    try:
        yield loop
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(claim: Callable[[], object]) -> None:
    async def holds() -> bool:
        return bool(claim())

    await eventually(holds)


def firing(number: int = 17, **changes: object) -> Alert:
    now = SystemClock().now()
    return replace(alert(number), fired_at=now, since=now, **changes)  # type: ignore[arg-type]  # fields of an alert


async def test_press_acknowledges_the_alert_once(server: PushoverServer, tmp_path: Path) -> None:
    async with phone_of(server, tmp_path / "db") as phone:
        emergency = await phone.ring(firing())
        async with reading(phone):
            await until(lambda: server.polls)
            assert await phone.acked_by(17) is None
            server.press(emergency)
            await until(lambda: phone.commands)
        assert await phone.acked_by(17) == "pushover:annas-phone"
        assert await phone.end_of(emergency) == "acknowledged by pushover:annas-phone"
        assert await phone.store.read(count_presses, "ack", SystemClock().now() - timedelta(hours=1)) == 1
        # Who pressed is done with: it is neither read again nor cancelled.
        assert not any("cancel" in request for request in server.requests)
        assert phone.commands == ["command"]


async def test_press_acknowledges_every_alert_of_the_message(server: PushoverServer, tmp_path: Path) -> None:
    async with phone_of(server, tmp_path / "db") as phone:
        emergency = await phone.ring(firing(), firing(18, key=alert(18).key._replace(rule="thin")))
        await phone.store.execute(commands.acknowledge, 18, "bob", "mine", SystemClock().now())
        server.press(emergency)
        async with reading(phone):
            await until(lambda: phone.commands)
        # What somebody has already stays his.
        assert (await phone.acked_by(17), await phone.acked_by(18)) == ("pushover:annas-phone", "bob")


async def test_press_is_kept_until_it_can_be_recorded(server: PushoverServer, tmp_path: Path) -> None:
    async with phone_of(server, tmp_path / "db") as phone:
        emergency = await phone.ring(firing())
        server.press(emergency)
        await phone.store.execute(_refuse_presses, refuse=True)
        async with reading(phone):
            await until(lambda: len(server.polls) >= 2)
            assert await phone.acked_by(17) is None
            await phone.store.execute(_refuse_presses, refuse=False)
            await until(lambda: phone.commands)
        assert await phone.acked_by(17) == "pushover:annas-phone"
        # A press that nobody hears of is told, once however often it is tried.
        (notice,) = phone.notices
        assert notice.startswith("critical An error in margin-monitor: a press on channel phone can't be recorded")


async def test_emergencies_that_make_no_sense_are_notified_once(server: PushoverServer, tmp_path: Path) -> None:
    async with phone_of(server, tmp_path / "db") as phone:
        server.press(await phone.ring(firing()))
        await phone.store.execute(_write_labels, "{")
        async with reading(phone) as loop:
            await until(lambda: phone.notices)
            loop.wake()
            await phone.store.execute(_write_labels, "{}")
            await until(lambda: phone.commands)
        (notice,) = phone.notices
        assert "receipts can't be compared with their alerts" in notice and "JSONDecodeError" in notice


async def test_row_that_makes_no_sense_costs_its_emergency_alone(server: PushoverServer, tmp_path: Path) -> None:
    async with phone_of(server, tmp_path / "db") as phone:
        first = await phone.ring(firing())
        second = await phone.ring(firing(18, key=alert(18).key._replace(rule="thin")))
        await phone.store.execute(_write_severity, "loud", first.receipt)
        server.press(second)
        async with reading(phone):
            await until(lambda: phone.commands)
        assert (await phone.acked_by(17), await phone.acked_by(18)) == (None, "pushover:annas-phone")
        (notice,) = phone.notices
        assert "can't be understood, so their emergencies are neither ended nor read (row 1 (severity))" in notice
        assert not any("cancel" in request for request in server.requests)


async def test_press_after_the_end_of_the_alert_is_refused(server: PushoverServer, tmp_path: Path) -> None:
    async with phone_of(server, tmp_path / "db") as phone:
        other = firing(18, key=alert(18).key._replace(rule="thin"))
        emergency = await phone.ring(firing(), other)
        await phone.save(replace(firing(), state=AlertState.RESOLVED), replace(other, severity="critical"))
        server.press(emergency)
        async with reading(phone):
            await until(lambda: phone.commands)
        assert await phone.acked_by(17) is None
        assert await phone.acked_by(18) == "pushover:annas-phone"


@pytest.mark.parametrize("how", ["acknowledged", "resolved", "silenced"])
async def test_emergency_that_is_no_longer_needed_is_cancelled(
    server: PushoverServer, tmp_path: Path, how: str
) -> None:
    async with phone_of(server, tmp_path / "db") as phone:
        emergency = await phone.ring(firing())
        async with reading(phone) as loop:
            await until(lambda: server.polls)
            match how:
                case "acknowledged":
                    await phone.store.execute(commands.acknowledge, 17, "bob", "mine", SystemClock().now())
                case "resolved":
                    await phone.save(replace(firing(), state=AlertState.RESOLVED))
                case _:
                    await phone.save(firing(silenced_by=3))
            loop.wake()
            await until(lambda: emergency.is_cancelled)
            await eventually(lambda: _is_closed(phone, emergency))
        assert await phone.end_of(emergency) == "cancelled"
        assert phone.commands == []


async def test_cancellation_is_tried_until_it_works_also_after_a_restart(
    server: PushoverServer, tmp_path: Path
) -> None:
    async with phone_of(server, tmp_path / "db") as phone:
        emergency = await phone.ring(firing())
        await phone.store.execute(commands.acknowledge, 17, "bob", "mine", SystemClock().now())
        server.faults = [Fault("/1/receipts", status=503)]
        async with reading(phone):
            await until(lambda: not server.faults)
        assert not emergency.is_cancelled
    async with phone_of(server, tmp_path / "db") as phone, reading(phone):
        await until(lambda: emergency.is_cancelled)
        await eventually(lambda: _is_closed(phone, emergency))


async def test_press_while_no_daemon_runs_is_found_at_the_next_start(server: PushoverServer, tmp_path: Path) -> None:
    async with phone_of(server, tmp_path / "db") as phone:
        emergency = await phone.ring(firing())
    server.press(emergency)
    async with phone_of(server, tmp_path / "db") as phone, reading(phone):
        await until(lambda: phone.commands)
        assert await phone.acked_by(17) == "pushover:annas-phone"


async def test_emergency_that_expires_ends_so_that_a_reminder_rings_again(
    server: PushoverServer, tmp_path: Path
) -> None:
    async with phone_of(server, tmp_path / "db") as phone:
        emergency = await phone.ring(firing())
        server.expire(emergency)
        async with reading(phone):
            await eventually(lambda: _is_closed(phone, emergency))
        assert await phone.end_of(emergency) == "expired, nobody acknowledged it"
        reminder = alert_message(firing(), NotificationReason.REMINDED, None, SystemClock().now())
        again = await phone.sink.send(reminder)
        assert isinstance(again, Delivered) and again.message is not None


async def test_receipt_that_the_service_does_not_know_ends_the_emergency(
    server: PushoverServer, tmp_path: Path
) -> None:
    async with phone_of(server, tmp_path / "db") as phone:
        emergency = await phone.ring(firing())
        server.emergencies.clear()
        async with reading(phone):
            await eventually(lambda: _is_closed(phone, emergency))
        assert "receipt not found" in await phone.end_of(emergency)
        assert phone.health.problems() == {}


async def test_refused_token_is_loud_at_once_and_loses_nothing(server: PushoverServer, tmp_path: Path) -> None:
    async with phone_of(server, tmp_path / "db") as phone:
        emergency = await phone.ring(firing())
    async with phone_of(server, tmp_path / "db", token="a" * 30) as phone:
        async with reading(phone):
            await until(lambda: phone.health.problems())
        assert "application token is invalid" in phone.health.problems()["phone"]
        assert await phone.end_of(emergency) == ""


async def test_receipts_are_read_in_turn_and_no_faster_than_allowed(server: PushoverServer, tmp_path: Path) -> None:
    async with phone_of(server, tmp_path / "db") as phone:
        emergencies = [
            await phone.ring(firing(number, key=alert(number).key._replace(rule=f"r{number}")))
            for number in (17, 18, 19)
        ]
        async with reading(phone, poll_every_s=0.4) as loop:
            while len(server.polls) < 6:
                loop.wake()
                await asyncio.to_thread(server.wait_for, more_polls_than(len(server.polls)))
        receipts = [receipt for _, receipt in server.polls[:6]]
        assert receipts[:3] == receipts[3:] == [emergency.receipt for emergency in emergencies]
        moments = [at_s for at_s, _ in server.polls]
        assert all(later - earlier > 0.3 for earlier, later in itertools.pairwise(moments))


def more_polls_than(count: int) -> Callable[[PushoverServer], bool]:
    return lambda state: len(state.polls) > count


async def _is_closed(phone: Phone, emergency: Emergency) -> bool:
    return bool(await phone.end_of(emergency))


def _write_labels(connection: Connection, labels: str) -> None:
    connection.execute(text("UPDATE alerts SET labels = :labels"), {"labels": labels})


def _write_severity(connection: Connection, severity: str, reference: str) -> None:
    statement = text("UPDATE channel_messages SET severity = :severity WHERE reference = :reference")
    connection.execute(statement, {"severity": severity, "reference": reference})


def _refuse_presses(connection: Connection, *, refuse: bool) -> None:
    """Let the database refuse every press, as a full disk would; or no longer."""
    if refuse:
        connection.execute(text("CREATE TRIGGER refuse BEFORE INSERT ON presses BEGIN SELECT RAISE(FAIL, 'full'); END"))
    else:
        connection.execute(text("DROP TRIGGER refuse"))
