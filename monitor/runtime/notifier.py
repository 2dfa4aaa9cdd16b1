"""Telling people: one task a channel, so that a slow one delays no other; what is said is the present truth."""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from monitor.clock import Clock
from monitor.core.alerts import Alert, Reason, Severity
from monitor.core.journal import Entry, Notice
from monitor.core.outbox import Attempt, Delivery, DeliveryState, Send, Skip, Told, choose
from monitor.core.restraint import (
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
from monitor.runtime.channels import Channel, Desk, Wellbeing, pause_s
from monitor.runtime.composer import Composer
from monitor.runtime.ledger import Ledger, failed
from monitor.store.outbox import failing_channels
from monitor.store.store import Store
from monitor.store.telling import Look, look
from monitor.view.messages import Message, drill_message, notice_message

log = logging.getLogger(__name__)

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
        self._desks = {name: Desk() for name in self._channels}
        self._draining = False
        self._wellbeing = Wellbeing(self._channels)
        self._beside: set[asyncio.Task[None]] = set()
        self._ledger = Ledger(store)

    @property
    def failing(self) -> int:
        """How many channels do not work: those that failed at their last attempt, and those that hang."""
        return len(self.troubles)

    @property
    def troubles(self) -> Mapping[str, str]:
        """The channels that do not work, and why."""
        return self._wellbeing.troubles()

    def wake(self, channels: Iterable[str]) -> None:
        """Something is due for these channels. Only a hint: the store is the truth."""
        for name in channels:
            if name in self._desks:
                self._desks[name].ask()

    def hand(self, deliveries: Iterable[Delivery]) -> None:
        """These were recorded just now. The first word of something critical waits for no look at the store."""
        for delivery in deliveries:
            channel = self._channels.get(delivery.channel)
            if channel is None:
                continue
            urgent = delivery.reason is Reason.FIRED and delivery.severity == "critical"
            if urgent and not channel.restraint.max_per_hour:
                self._desks[channel.name].hand(delivery)
            else:
                self._desks[channel.name].ask()

    def hand_unrecorded(self, entry: Entry, alerts: Iterable[Alert]) -> None:
        """The store could not take this entry: what it says is told from memory, marked as not recorded.

        `alerts` are those that its notifications are about. When the entry is committed later on, what was told of it
        is not told again.
        """
        known = {alert.id: alert for alert in alerts}
        for told in entry.notifications:
            message = self._composer.compose(known[told.alert], told.reason, severity=told.severity, recorded=False)
            self._start_unrecorded(told.severity, told.reason, told.channels, message)
        for notice in entry.notices:
            self.say(notice)

    def say(self, notice: Notice) -> None:
        """A notice that belongs to no entry: told at once, whether the store works or not."""
        message = notice_message(notice.severity, notice.text, recorded=False)
        self._start_unrecorded(notice.severity, Reason.FIRED, notice.channels, message)

    def _start_unrecorded(self, severity: Severity, reason: Reason, names: Iterable[str], message: Message) -> None:
        for channel in (self._channels[name] for name in names if name in self._channels):
            # What is held back now is told once the store is back, since it was kept to be committed.
            quiet = quiet_until(severity, channel.restraint, self._clock.now())
            if channel.wants(severity, reason) and quiet is None:
                self._start(self._send_unrecorded(channel, message), f"unrecorded {channel.name}")

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
        for desk in self._desks.values():
            desk.idle.clear()
            desk.ask()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                for desk in self._desks.values():
                    await desk.idle.wait()

    async def _keep_serving(self, channel: Channel) -> None:
        while True:
            try:
                await self._serve(channel)
            except Exception:
                log.exception("channel.restarting channel=%s in_s=%s", channel.name, RESTART_S)
                await asyncio.sleep(RESTART_S)

    async def _serve(self, channel: Channel) -> None:
        await channel.sink.warm()
        desk = self._desks[channel.name]
        desk.ask()
        while True:
            self._wellbeing.seen(channel.name)
            desk.woken.clear()
            try:
                await self._send_fresh(channel)
                if desk.look_at <= time.monotonic():
                    # Whoever asks for a look from now on gets another one.
                    desk.look_at = float("inf")
                    pause_s = await self._send_due(channel)
                    desk.look_at = min(desk.look_at, time.monotonic() + pause_s)
            except StoreError as error:
                log.error("channel.blind channel=%s cause=%s", channel.name, error)
                desk.look_at = time.monotonic() + 1.0
            if self._ledger.unwritten(channel.name):
                desk.look_at = min(desk.look_at, time.monotonic() + UNWRITTEN_LOOK_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(desk.look_at - time.monotonic()):
                    await desk.woken.wait()

    async def _send_due(self, channel: Channel) -> float:
        """Sends message after message, the most urgent first, each after a fresh look, until nothing is ripe.

        Returns how long there will be nothing (machine seconds), as far as is known.
        """
        desk = self._desks[channel.name]
        while True:
            await self._send_fresh(channel)
            # The store must know what was sent before it is asked what is to be sent.
            await self._ledger.write(channel.name)
            now, restrained = self._clock.now(), bool(channel.restraint.max_per_hour)
            seen = await self._store.read(look, channel.name, now, self._began, BATCH, restrained=restrained)
            if desk.fresh:
                continue
            desk.looked = max([desk.looked, *(delivery.id for delivery in seen.due)])
            due = [delivery for delivery in seen.due if not self._ledger.is_unwritten(delivery.id)]
            later = [] if seen.next_at is None else [seen.next_at]
            if not due or not await self._send_one(channel, seen, due, later):
                if not due or len(later) <= (seen.next_at is not None):
                    desk.idle.set()
                return pause_s(later, self._clock)
            self._wellbeing.seen(channel.name)

    async def _send_fresh(self, channel: Channel) -> None:
        """Tells what was handed over and no look at the store has shown yet; what is in any doubt is left to that."""
        desk = self._desks[channel.name]
        while desk.fresh:
            fresh, desk.fresh = desk.fresh, []
            due: list[Due] = []
            for delivery in fresh:
                alert = self._open_alert(delivery.alert) if delivery.alert is not None else None
                chosen = None if alert is None else choose(delivery, alert, None, superseded=False)
                first_word = isinstance(chosen, Send) and chosen.reason is Reason.FIRED
                is_clear = first_word and delivery.id > desk.looked and channel.wants("critical", Reason.FIRED)
                if alert is not None and is_clear:
                    due.append(Due(delivery, alert, Reason.FIRED))
                else:
                    desk.ask()
            for group in gathered(due):
                await self._tell(channel, group)

    async def _send_one(self, channel: Channel, seen: Look, due: Sequence[Delivery], later: list[datetime]) -> bool:
        """Whether another look is needed: a message left, or something was put off. `later`: when more is ripe."""
        now = self._clock.now()
        told: list[Due] = []
        ended: dict[int, str] = {}
        held: list[tuple[list[int], Wait]] = []
        for delivery in due:
            match None if delivery.alert is None else self._choose(channel, delivery, due, seen):
                case Due() as chosen:
                    told.append(chosen)
                case Wait() as wait:
                    held.append(([delivery.id], wait))
                case str() as why:
                    ended[delivery.id] = why
        is_sent = False
        for group in gathered(told):
            ripe = now if self._draining else ripe_at(group)
            if ripe > now:
                later.append(ripe)
                continue
            over = over_limit(group, seen.heard.values(), seen.sent, self._rungs, channel.restraint, now)
            if over is None:
                await self._tell(channel, group)
                is_sent = True
                break
            held.append(([each.delivery.id for each in group], over))
        said = next((delivery for delivery in due if delivery.alert is None), None)
        if not is_sent and said is not None:
            await self._say(channel, said, seen.sent)
            is_sent = True
        if ended:
            await self._store.close_deliveries(DeliveryState.EXPIRED, ended)
        for deliveries, wait in held:
            await self._postpone(channel, deliveries, wait)
        return is_sent or bool(held) or not seen.is_whole

    def _choose(self, channel: Channel, delivery: Delivery, due: Sequence[Delivery], seen: Look) -> Due | Wait | str:
        """What is to be told for the delivery, until when it waits, or why it is not told at all."""
        assert delivery.alert is not None
        alert = self._open_alert(delivery.alert) or seen.alerts.get(delivery.alert)
        if alert is None:
            return "its alert is unknown"
        superseded = any(other.alert == delivery.alert and other.id > delivery.id for other in due)
        known = seen.heard.get(delivery.alert)
        tried = delivery.alert in seen.tried
        chosen = choose(delivery, alert, None if known is None else known.told, superseded, tried)
        if isinstance(chosen, Skip):
            return chosen.why
        if not channel.wants(delivery.severity, chosen.reason):
            return _not_taken(delivery, chosen.reason)
        wait = quiet_until(delivery.severity, channel.restraint, self._clock.now())
        return Due(delivery, alert, chosen.reason) if wait is None else wait

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
            why = _not_taken(delivery, str(delivery.reason))
            await self._store.close_deliveries(DeliveryState.EXPIRED, {delivery.id: why})
            return
        if document is not None:
            await self._send(channel, [delivery], drill_message(delivery.severity, document), {})
            return
        restraint = channel.restraint
        wait = quiet_until(delivery.severity, restraint, now) or notice_over_limit(
            delivery.severity, sent, restraint, now
        )
        if wait is not None:
            await self._postpone(channel, [delivery.id], wait)
        else:
            await self._send(channel, [delivery], notice_message(delivery.severity, delivery.text), {})

    async def _postpone(self, channel: Channel, deliveries: Sequence[int], wait: Wait) -> None:
        log.info("notification.held channel=%s count=%d why=%r", channel.name, len(deliveries), wait.why)
        await self._store.postpone(deliveries, wait.until)

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
            self._ledger.note(
                [Attempt(channel.name, d.id, now, True, result.answer, sent, told=told.get(d.id)) for d in deliveries]
            )
            # Beside the next message, which need not wait; before the store is asked again, it is written.
            self._start(self._ledger.write(channel.name), f"ledger {channel.name}")
            return
        self._wellbeing.tried(channel.name, result.answer)
        said = "notification.failed channel=%s deliveries=%s attempt=%d answer=%r"
        log.warning(said, channel.name, numbers, max(delivery.attempts for delivery in deliveries) + 1, result.answer)
        self._ledger.note([failed(delivery, result, now, self._clock.speed) for delivery in deliveries])
        await self._ledger.write(channel.name)
        self._desks[channel.name].ask()
        for delivery in deliveries:
            if delivery.attempts == 0:
                await self._fall_back(channel, delivery, now)

    async def _fall_back(self, channel: Channel, delivery: Delivery, now: datetime) -> None:
        if channel.fallback is None or channel.fallback not in self._channels:
            return
        if await self._store.queue_once(replace(delivery, channel=channel.fallback, next_at=now, answer=None)):
            self.wake((channel.fallback,))

    async def _send_unrecorded(self, channel: Channel, message: Message) -> None:
        result = await channel.sink.send(message)
        self._wellbeing.tried(channel.name, result.answer if isinstance(result, NotTold) else None)
        log.warning("notification.unrecorded channel=%s told=%s", channel.name, not isinstance(result, NotTold))

    def _start(self, work: Coroutine[None, None, None], name: str) -> None:
        """Beside what the channel does next."""
        task = asyncio.create_task(work, name=name)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)


def _not_taken(delivery: Delivery, what: str) -> str:
    return f"this channel does not take {delivery.severity} {what}"
