"""Telling people: one task a channel, so that a slow one delays no other; what is said is the present truth."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.clock import Clock
from monitor.core.alerts import Alert, Notification, Reason
from monitor.core.outbox import Attempt, Delivery, DeliveryState, Heard, Send, Skip, Told, choose, retry_delay_s
from monitor.core.restraint import (
    HOUR,
    Due,
    Rungs,
    Wait,
    gathered,
    notice_over_limit,
    over_limit,
    quiet_until,
    ripe_at,
    told_of,
)
from monitor.errors import StoreError
from monitor.notify.sinks import NotTold
from monitor.runtime.channels import Channel, Wellbeing
from monitor.runtime.composer import Composer
from monitor.runtime.ledger import Ledger
from monitor.store.outbox import failing_channels, read_sent, was_tried
from monitor.store.readers.alerts import read_alert
from monitor.store.store import Store
from monitor.view.messages import Message, drill_message, notice_message

log = logging.getLogger(__name__)

GIVE_UP_AFTER = timedelta(hours=24)
"""A message that no try could deliver for this long is no longer sent: what it said is history."""

IDLE_LOOK_S = 5.0
"""A channel looks for due deliveries at least this often (machine seconds), whether woken or not."""

UNWRITTEN_LOOK_S = 1.0
"""How often it is tried to write down what was sent, while the store fails (machine seconds)."""

RESTART_S = 5.0
"""The rest after a bug in a channel's own part."""

BATCH = 500


class Notifier:
    """Sends what the store says is due, records every attempt, and tries again until told."""

    def __init__(
        self,
        channels: Iterable[Channel],
        store: Store,
        clock: Clock,
        composer: Composer,
        open_alert: Callable[[int], Alert | None],
        rungs: Rungs | None = None,
    ) -> None:
        """`rungs` tells which alerts are worse ones of which."""
        self._channels = {channel.name: channel for channel in channels}
        self._store = store
        self._clock = clock
        self._began = clock.now()
        self._composer = composer
        self._open_alert = open_alert
        self._rungs = rungs if rungs is not None else Rungs()
        self._woken = {name: asyncio.Event() for name in self._channels}
        self._idle = {name: asyncio.Event() for name in self._channels}
        self._fresh: dict[str, list[Delivery]] = {name: [] for name in self._channels}
        self._looked = dict.fromkeys(self._channels, 0)
        self._draining = False
        self._wellbeing = Wellbeing(self._channels)
        self._unrecorded: set[asyncio.Task[None]] = set()
        self._ledger = Ledger(store)

    @property
    def failing(self) -> int:
        """How many channels failed at their last attempt."""
        return self._wellbeing.failing

    @property
    def troubles(self) -> Mapping[str, str]:
        """The channels that do not work, and why."""
        return self._wellbeing.troubles()

    def wake(self, channels: Iterable[str]) -> None:
        """Something is due for these channels. Only a hint: the store is the truth."""
        for name in channels:
            if name in self._woken:
                self._woken[name].set()

    def hand(self, deliveries: Iterable[Delivery]) -> None:
        """These were recorded just now. The first word of something critical waits for no look at the store."""
        for delivery in deliveries:
            channel = self._channels.get(delivery.channel)
            if channel is None:
                continue
            urgent = delivery.reason is Reason.FIRED and delivery.severity == "critical"
            if urgent and not channel.restraint.max_per_hour:
                self._fresh[channel.name].append(delivery)
            self._woken[channel.name].set()

    def tell_unrecorded(self, alert: Alert, notification: Notification) -> None:
        """The store has failed: say it once from memory, marked as not recorded."""
        message = self._composer.compose(alert, notification.reason, severity=notification.severity, recorded=False)
        for name in notification.channels:
            channel = self._channels.get(name)
            if channel is None or not channel.wants(notification.severity, notification.reason):
                continue
            # What is held back now is told once the store is back, since it was kept to be committed.
            if quiet_until(notification.severity, channel.restraint, self._clock.now()) is None:
                task = asyncio.create_task(self._send_unrecorded(channel, message), name=f"unrecorded {name}")
                self._unrecorded.add(task)
                task.add_done_callback(self._unrecorded.discard)

    async def recall(self) -> None:
        """What the store knows of the channels: those that failed still do, and what was held is looked at again."""
        for name in await self._store.read(failing_channels, tuple(self._channels)):
            self._wellbeing.tried(name, "its last message before the start was not taken")
        await self._store.release_deliveries(self._clock.now())

    async def run(self) -> None:
        """One task a channel until cancelled. A channel whose task fails is restarted; the others never notice."""
        async with asyncio.TaskGroup() as tasks:
            for channel in self._channels.values():
                tasks.create_task(self._keep_serving(channel), name=f"channel {channel.name}")

    async def drain(self, timeout_s: float) -> None:
        """Wait until every channel found nothing due, at most `timeout_s` of machine time; nothing waits for more."""
        self._draining = True
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
            self._wellbeing.seen(channel.name)
            try:
                ripe = await self._send_due(channel)
                pause_s = await self._pause_s(channel, ripe)
            except StoreError as error:
                log.error("channel.blind channel=%s cause=%s", channel.name, error)
                pause_s = 1.0
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken[channel.name].wait(), pause_s)
            self._woken[channel.name].clear()

    async def _pause_s(self, channel: Channel, ripe: datetime | None) -> float:
        if self._ledger.unwritten(channel.name):
            return UNWRITTEN_LOOK_S
        now = self._clock.now()
        due_at = await self._store.next_due(channel.name, now if ripe is not None else None)
        moments = [moment for moment in (ripe, due_at) if moment is not None]
        if not moments:
            return IDLE_LOOK_S
        wait_s = (min(moments) - now).total_seconds() / self._clock.speed
        return min(IDLE_LOOK_S, max(0.01, wait_s))

    async def _send_due(self, channel: Channel) -> datetime | None:
        """Sends message after message, the most urgent first, each after a fresh look, until nothing is ripe.

        Returns when what is gathered will be; None: nothing is waiting for that.
        """
        while True:
            await self._ledger.write(channel.name)
            await self._send_fresh(channel)
            queued = await self._store.due(channel.name, self._clock.now(), BATCH)
            self._looked[channel.name] = max([self._looked[channel.name], *(delivery.id for delivery in queued)])
            due = [delivery for delivery in queued if not self._ledger.is_unwritten(delivery.id)]
            if not due:
                self._idle[channel.name].set()
                return None
            later: list[datetime] = []
            if not await self._send_one(channel, due, later):
                return min(later, default=None)
            self._wellbeing.seen(channel.name)

    async def _send_fresh(self, channel: Channel) -> None:
        """Tells what was handed over and no look at the store has shown yet; what is in any doubt is left to that."""
        fresh, self._fresh[channel.name] = self._fresh[channel.name], []
        due: list[Due] = []
        for delivery in fresh:
            alert = self._open_alert(delivery.alert) if delivery.alert is not None else None
            if alert is None or delivery.id <= self._looked[channel.name]:
                continue
            chosen = choose(delivery, alert, None, superseded=False)
            if isinstance(chosen, Send) and chosen.reason is Reason.FIRED and channel.wants("critical", Reason.FIRED):
                due.append(Due(delivery, alert, Reason.FIRED))
        for group in gathered(due):
            await self._tell(channel, group)

    async def _send_one(self, channel: Channel, due: Sequence[Delivery], later: list[datetime]) -> bool:
        """Whether a message left, or it was found that some need not. `later`: when those being gathered are ripe."""
        now = self._clock.now()
        heard = await self._store.heard(channel.name)
        sent = await self._store.read(read_sent, channel.name, now - HOUR)
        told = [each for d in due if d.alert is not None and (each := await self._choose(channel, d, due, heard))]
        settled = len(told) < sum(1 for delivery in due if delivery.alert is not None)
        for group in gathered(told):
            ripe = now if self._draining else ripe_at(group)
            if ripe > now:
                later.append(ripe)
                continue
            wait = over_limit(group, heard.values(), sent, self._rungs, channel.restraint, now)
            if wait is None:
                await self._tell(channel, group)
                return True
            await self._postpone(channel, [each.delivery for each in group], wait)
            settled = True
        for delivery in due:
            if delivery.alert is None:
                await self._say(channel, delivery, sent)
                return True
        return settled

    async def _choose(
        self, channel: Channel, delivery: Delivery, due: Sequence[Delivery], heard: Mapping[int, Heard]
    ) -> Due | None:
        """What is to be told for the delivery; None: nothing now, and it is closed or waits."""
        assert delivery.alert is not None
        alert = await self._alert(delivery.alert)
        if alert is None:
            await self._store.close_delivery(delivery.id, DeliveryState.EXPIRED, "its alert is unknown")
            return None
        superseded = any(other.alert == delivery.alert and other.id > delivery.id for other in due)
        known = heard.get(delivery.alert)
        tried = await self._store.read(was_tried, channel.name, delivery.alert, self._began)
        chosen = choose(delivery, alert, None if known is None else known.told, superseded, tried)
        if isinstance(chosen, Skip):
            await self._store.close_delivery(delivery.id, DeliveryState.EXPIRED, chosen.why)
            return None
        if not channel.wants(delivery.severity, chosen.reason):
            await self._leave_out(channel, delivery, chosen.reason)
            return None
        wait = quiet_until(delivery.severity, channel.restraint, self._clock.now())
        if wait is not None:
            await self._postpone(channel, [delivery], wait)
            return None
        return Due(delivery, alert, chosen.reason)

    async def _tell(self, channel: Channel, group: Sequence[Due]) -> None:
        """One message about all alerts of the group, with a picture of the worst where the channel takes one."""
        now = self._clock.now()
        told = {each.delivery.id: told_of(each, channel.name, now) for each in group}
        deliveries = [each.delivery for each in group]
        # Before the picture: title and text are of one moment, however long drawing takes.
        message = self._composer.together(group)
        if not channel.sink.takes_pictures:
            await self._send(channel, deliveries, message, told)
            return
        worst = group[0]
        async with self._composer.picture(worst.alert, worst.reason, worst.delivery) as picture:
            await self._send(channel, deliveries, replace(message, picture=picture), told)

    async def _say(self, channel: Channel, delivery: Delivery, sent: Sequence[datetime]) -> None:
        """A notice, or a message of a drill: that one nothing holds back, since somebody asked for it."""
        now = self._clock.now()
        document = json.loads(delivery.text) if delivery.reason == "drill" else None
        reason = Reason.FIRED if document is None else Reason(document["stage"])
        if not channel.wants(delivery.severity, reason):
            await self._leave_out(channel, delivery, str(delivery.reason))
            return
        if document is not None:
            await self._send(channel, [delivery], drill_message(delivery.severity, document), {})
            return
        restraint = channel.restraint
        wait = quiet_until(delivery.severity, restraint, now) or notice_over_limit(
            delivery.severity, sent, restraint, now
        )
        if wait is not None:
            await self._postpone(channel, [delivery], wait)
        else:
            await self._send(channel, [delivery], notice_message(delivery.severity, delivery.text), {})

    async def _postpone(self, channel: Channel, deliveries: Sequence[Delivery], wait: Wait) -> None:
        log.info("notification.held channel=%s count=%d why=%r", channel.name, len(deliveries), wait.why)
        await self._store.postpone([delivery.id for delivery in deliveries], wait.until)

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

    async def _send(
        self, channel: Channel, deliveries: Sequence[Delivery], message: Message, told: Mapping[int, Told]
    ) -> None:
        """One attempt for all the deliveries, recorded for each; at its first failure the fallback hears of it."""
        result = await channel.sink.send(message)
        now = self._clock.now()
        numbers = ",".join(str(delivery.id) for delivery in deliveries)
        if not isinstance(result, NotTold):
            self._wellbeing.tried(channel.name, None)
            log.info("notification.sent channel=%s deliveries=%s title=%r", channel.name, numbers, message.title)
            sent = DeliveryState.SENT
            await self._ledger.record(
                [Attempt(channel.name, d.id, now, True, result.answer, sent, told=told.get(d.id)) for d in deliveries]
            )
            return
        self._wellbeing.tried(channel.name, result.answer)
        said = "notification.failed channel=%s deliveries=%s attempt=%d answer=%r"
        log.warning(said, channel.name, numbers, max(delivery.attempts for delivery in deliveries) + 1, result.answer)
        await self._ledger.record([self._failed(delivery, result, now) for delivery in deliveries])
        for delivery in deliveries:
            if delivery.attempts == 0:
                await self._fall_back(channel, delivery, now)

    def _failed(self, delivery: Delivery, result: NotTold, now: datetime) -> Attempt:
        if result.final or now - delivery.created_at >= GIVE_UP_AFTER:
            return Attempt(delivery.channel, delivery.id, now, False, result.answer, DeliveryState.FAILED)
        # What a service asks for, and our patience with it, is machine time.
        wait_s = retry_delay_s(delivery.attempts + 1, result.retry_after_s) * self._clock.speed
        next_at = now + timedelta(seconds=wait_s)
        return Attempt(delivery.channel, delivery.id, now, False, result.answer, DeliveryState.QUEUED, next_at)

    async def _fall_back(self, channel: Channel, delivery: Delivery, now: datetime) -> None:
        if channel.fallback is None or channel.fallback not in self._channels:
            return
        if await self._store.queue_once(replace(delivery, channel=channel.fallback, next_at=now, answer=None)):
            self.wake((channel.fallback,))

    async def _send_unrecorded(self, channel: Channel, message: Message) -> None:
        result = await channel.sink.send(message)
        self._wellbeing.tried(channel.name, result.answer if isinstance(result, NotTold) else None)
        log.warning("notification.unrecorded channel=%s told=%s", channel.name, not isinstance(result, NotTold))
