"""Telling people: one task a channel, so that a slow one delays no other; what is said is the present truth."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from monitor.clock import Clock
from monitor.core.alerts import Alert, AlertState, Notification, Reason
from monitor.core.outbox import Delivery, DeliveryState, Skip, Told, choose, retry_delay_s
from monitor.errors import StoreError
from monitor.notify.sinks import NotTold, Sink
from monitor.runtime.composer import Composer
from monitor.store.readers.alerts import read_alert
from monitor.store.store import Store
from monitor.view.messages import Message, notice_message

log = logging.getLogger(__name__)

GIVE_UP_AFTER = timedelta(hours=24)
"""A message that no try could deliver for this long is no longer sent: what it said is history."""

IDLE_LOOK_S = 5.0
"""A channel looks for due deliveries at least this often (machine seconds), whether woken or not."""

UNWRITTEN_LOOK_S = 1.0
"""How often it is tried to write down what was sent, while the store fails (machine seconds)."""

RESTART_S = 5.0
"""The rest after a bug in a channel's own part."""

BATCH = 20


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to reach people. `fallback` names the channel that is told when this one fails."""

    name: str
    sink: Sink
    severities: frozenset[str]
    send_resolved: bool = True
    fallback: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of one attempt to say something, as the store is to remember it."""

    channel: str
    delivery: int
    at: datetime
    ok: bool
    answer: str
    state: DeliveryState
    next_at: datetime | None = None
    told: Told | None = None


class Notifier:
    """Sends what the store says is due, records every attempt, and tries again until told."""

    def __init__(
        self,
        channels: Iterable[Channel],
        store: Store,
        clock: Clock,
        composer: Composer,
        open_alert: Callable[[int], Alert | None],
    ) -> None:
        self._channels = {channel.name: channel for channel in channels}
        self._store = store
        self._clock = clock
        self._composer = composer
        self._open_alert = open_alert
        self._woken = {name: asyncio.Event() for name in self._channels}
        self._idle = {name: asyncio.Event() for name in self._channels}
        self._failing: set[str] = set()
        self._unrecorded: set[asyncio.Task[None]] = set()
        self._unwritten: dict[int, Attempt] = {}

    @property
    def failing(self) -> int:
        """How many channels failed at their last attempt."""
        return len(self._failing)

    def wake(self, channels: Iterable[str]) -> None:
        """Something is due for these channels. Only a hint: the store is the truth."""
        for name in channels:
            if name in self._woken:
                self._woken[name].set()

    def tell_unrecorded(self, alert: Alert, notification: Notification) -> None:
        """The store has failed: say it once from memory, marked as not recorded."""
        message = self._composer.compose(alert, notification.reason, severity=notification.severity, recorded=False)
        for name in notification.channels:
            channel = self._channels.get(name)
            if channel is not None and _wants(channel, notification.severity, notification.reason):
                task = asyncio.create_task(self._send_unrecorded(channel, message), name=f"unrecorded {name}")
                self._unrecorded.add(task)
                task.add_done_callback(self._unrecorded.discard)

    async def run(self) -> None:
        """One task a channel until cancelled. A channel whose task fails is restarted; the others never notice."""
        async with asyncio.TaskGroup() as tasks:
            for channel in self._channels.values():
                tasks.create_task(self._keep_serving(channel), name=f"channel {channel.name}")

    async def drain(self, timeout_s: float) -> None:
        """Wait until every channel found nothing due, at most `timeout_s` of machine time."""
        for name, idle in self._idle.items():
            idle.clear()
            self._woken[name].set()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                for idle in self._idle.values():
                    await idle.wait()

    async def _keep_serving(self, channel: Channel) -> None:
        while True:
            try:
                await self._serve(channel)
            except Exception:
                log.exception("channel.restarting channel=%s in_s=%s", channel.name, RESTART_S)
                await asyncio.sleep(RESTART_S)

    async def _serve(self, channel: Channel) -> None:
        await channel.sink.warm()
        while True:
            try:
                await self._send_due(channel)
                pause_s = await self._pause_s(channel)
            except StoreError as error:
                log.error("channel.blind channel=%s cause=%s", channel.name, error)
                pause_s = 1.0
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken[channel.name].wait(), pause_s)
            self._woken[channel.name].clear()

    async def _pause_s(self, channel: Channel) -> float:
        if any(attempt.channel == channel.name for attempt in self._unwritten.values()):
            return UNWRITTEN_LOOK_S
        due_at = await self._store.next_due(channel.name)
        if due_at is None:
            return IDLE_LOOK_S
        wait_s = (due_at - self._clock.now()).total_seconds() / self._clock.speed
        return min(IDLE_LOOK_S, max(0.01, wait_s))

    async def _send_due(self, channel: Channel) -> None:
        await self._write_attempts(channel.name)
        queued = await self._store.due(channel.name, self._clock.now(), BATCH)
        due = [delivery for delivery in queued if delivery.id not in self._unwritten]
        if not due:
            self._idle[channel.name].set()
            return
        told = await self._store.told(channel.name)
        newest = {delivery.alert: delivery.id for delivery in due}
        for delivery in due:
            superseded = delivery.alert is not None and newest[delivery.alert] != delivery.id
            await self._deliver(channel, delivery, told, superseded)

    async def _deliver(self, channel: Channel, delivery: Delivery, told: Mapping[int, Told], superseded: bool) -> None:
        if delivery.alert is None:
            if delivery.severity in channel.severities:
                await self._attempt(channel, delivery, notice_message(delivery.severity, delivery.text), None)
            else:
                await self._leave_out(channel, delivery, "notice")
            return
        alert = await self._alert(delivery.alert)
        if alert is None:
            await self._store.close_delivery(delivery.id, DeliveryState.EXPIRED, "its alert is unknown")
            return
        chosen = choose(delivery, alert, told.get(delivery.alert), superseded)
        if isinstance(chosen, Skip):
            await self._store.close_delivery(delivery.id, DeliveryState.EXPIRED, chosen.why)
        elif not _wants(channel, delivery.severity, chosen.reason):
            await self._leave_out(channel, delivery, chosen.reason)
        else:
            await self._tell(channel, delivery, alert, chosen.reason)

    async def _tell(self, channel: Channel, delivery: Delivery, alert: Alert, reason: Reason) -> None:
        state = AlertState.RESOLVED if reason is Reason.RESOLVED else AlertState.FIRING
        heard = Told(alert.id, channel.name, state, alert.severity, self._clock.now())
        compose = partial(self._composer.compose, alert, reason, severity=delivery.severity, delivery=delivery)
        if not channel.sink.takes_pictures:
            await self._attempt(channel, delivery, compose(), heard)
            return
        async with self._composer.picture(alert, reason, delivery) as picture:
            await self._attempt(channel, delivery, compose(picture=picture), heard)

    async def _leave_out(self, channel: Channel, delivery: Delivery, what: str) -> None:
        why = f"this channel does not take {delivery.severity} {what}"
        await self._store.close_delivery(delivery.id, DeliveryState.EXPIRED, why)

    async def _alert(self, number: int) -> Alert | None:
        """The alert as it is now: from memory while it is open, else as it was remembered."""
        alert = self._open_alert(number)
        if alert is not None:
            return alert
        row = await self._store.read(read_alert, number)
        return row.alert if row is not None else None

    async def _attempt(self, channel: Channel, delivery: Delivery, message: Message, heard: Told | None) -> None:
        result = await channel.sink.send(message)
        now = self._clock.now()
        if not isinstance(result, NotTold):
            self._failing.discard(channel.name)
            log.info("notification.sent channel=%s delivery=%d title=%r", channel.name, delivery.id, message.title)
            await self._record(
                Attempt(channel.name, delivery.id, now, True, result.answer, DeliveryState.SENT, told=heard)
            )
            return
        self._failing.add(channel.name)
        final = result.final or now - delivery.created_at >= GIVE_UP_AFTER
        log.warning(
            "notification.failed channel=%s delivery=%d attempt=%d answer=%r",
            channel.name,
            delivery.id,
            delivery.attempts + 1,
            result.answer,
        )
        state = DeliveryState.FAILED if final else DeliveryState.QUEUED
        again_at = None if final else self._next_try(now, delivery.attempts + 1, result.retry_after_s)
        await self._record(Attempt(channel.name, delivery.id, now, False, result.answer, state, again_at))
        if delivery.attempts == 0:
            await self._fall_back(channel, delivery, now)

    async def _record(self, attempt: Attempt) -> None:
        """Remembers an attempt; while the store fails, in memory, so that nobody is told the same again and again."""
        self._unwritten[attempt.delivery] = attempt
        await self._write_attempts(attempt.channel)

    async def _write_attempts(self, channel: str) -> None:
        for attempt in [one for one in self._unwritten.values() if one.channel == channel]:
            try:
                await self._store.record_attempt(
                    attempt.delivery,
                    at=attempt.at,
                    ok=attempt.ok,
                    answer=attempt.answer,
                    state=attempt.state,
                    next_at=attempt.next_at,
                    told=attempt.told,
                )
            except StoreError as error:
                log.error("notification.unwritten delivery=%d cause=%s", attempt.delivery, error)
                return
            del self._unwritten[attempt.delivery]

    def _next_try(self, now: datetime, attempts: int, retry_after_s: float | None) -> datetime:
        # What a service asks for, and our patience with it, is machine time.
        return now + timedelta(seconds=retry_delay_s(attempts, retry_after_s) * self._clock.speed)

    async def _fall_back(self, channel: Channel, delivery: Delivery, now: datetime) -> None:
        if channel.fallback is None or channel.fallback not in self._channels:
            return
        other = Delivery(
            id=0,
            channel=channel.fallback,
            alert=delivery.alert,
            reason=delivery.reason,
            severity=delivery.severity,
            created_at=delivery.created_at,
            next_at=now,
            text=delivery.text,
        )
        await self._store.queue(other)
        self.wake((channel.fallback,))

    async def _send_unrecorded(self, channel: Channel, message: Message) -> None:
        result = await channel.sink.send(message)
        failed = isinstance(result, NotTold)
        (self._failing.add if failed else self._failing.discard)(channel.name)
        log.warning("notification.unrecorded channel=%s told=%s", channel.name, not failed)


def _wants(channel: Channel, severity: str, reason: Reason) -> bool:
    return severity in channel.severities and (reason is not Reason.RESOLVED or channel.send_resolved)
