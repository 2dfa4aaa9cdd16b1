"""Telling people: one task a channel, so that a slow one delays no other; what is said is the present truth."""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from monitor.clock import Clock
from monitor.core.model.alert import Alert, Reason
from monitor.core.model.journal import Entry, Notice
from monitor.core.notifications.outbox import Delivery, Send, choose
from monitor.core.notifications.throttling import Due, Rungs, Wait, gathered, over_limit, ripe_at, told_of
from monitor.notify.sinks import NotTold
from monitor.runtime.messages.attempt_recorder import Outcome
from monitor.runtime.messages.channel_queue import Channel, Desk, Wellbeing, pause_s
from monitor.runtime.messages.delivery_choice import choose_for, drill_of, is_urgent, not_taken, notice_wait
from monitor.runtime.messages.delivery_store import Durable
from monitor.runtime.messages.message_builder import Composer
from monitor.runtime.messages.message_sender import Teller
from monitor.runtime.messages.outbox import Outbox
from monitor.store.store import Store
from monitor.store.writes.due_notifications import Look
from monitor.view.messages.message import bare_message, drill_message, notice_message

log = logging.getLogger(__name__)

RESTART_S = 5.0
LONGEST_RESTART_S = 60.0
"""The rest after a bug in a channel's own part, twice as long each time."""


class Notifier:
    """Sends what is due, remembers every attempt, and tries again until told; the store makes it durable."""

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
        self._clock = clock
        self._composer = composer
        self._open_alert = open_alert
        self._rungs = rungs if rungs is not None else Rungs()
        numbers = itertools.count()
        self._desks = {name: Desk(Outbox(numbers, clock.speed)) for name in self._channels}
        self._draining = False
        self._wellbeing = Wellbeing(self._channels)
        self._beside: set[asyncio.Task[None]] = set()
        self._queueing: set[asyncio.Task[None]] = set()
        self._durable = Durable(store, clock)
        self._teller = Teller(composer, self._start)
        self._outcome = Outcome(self._desks, self._durable, self._wellbeing, clock, open_alert, self._start)

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
            desk = self._desks[channel.name]
            item, attempts = desk.outbox.adopt(delivery)
            self._durable.note(channel.name, attempts)
            if is_urgent(channel, delivery) and item.is_untried:
                desk.hand(delivery)
            else:
                desk.ask()

    def hand_unrecorded(self, entry: Entry, alerts: Iterable[Alert]) -> None:
        """The store could not take this entry: what it says is told from memory, marked as not recorded.

        `alerts` are those that its notifications are about. When the entry is committed later on, what was told of it
        is not told again.
        """
        known = tuple(alerts)
        for desk in self._desks.values():
            desk.outbox.know(known)
        for told in entry.notifications:
            for name in told.channels:
                self._keep(Delivery(0, name, told.alert, told.reason, told.severity, told.at, told.at))
        for notice in entry.notices:
            for delivery in self._said(notice):
                self._keep(delivery)

    def say(self, notice: Notice) -> None:
        """A notice that belongs to no entry: recorded and told, or told from memory and recorded once it can be."""
        for delivery in self._said(notice):
            task = asyncio.create_task(self._queue(delivery), name=f"notice {delivery.channel}")
            self._queueing.add(task)
            task.add_done_callback(self._queueing.discard)

    def renumber(self, numbers: Mapping[int, int]) -> None:
        """Alerts that were told from memory have other numbers from now on, by their old ones."""
        for desk in self._desks.values():
            desk.outbox.renumber(numbers)

    def release(self, corrected_s: float = 0.0) -> None:
        """The clock jumped, and was corrected by so much: whatever waits is looked at now."""
        for desk in self._desks.values():
            desk.outbox.correct(timedelta(seconds=corrected_s))
            desk.outbox.release(self._clock.now())
            desk.ask()

    async def recall(self) -> None:
        """What the store knows of the channels: those that failed still do, and what was held is looked at again."""
        for name in await self._durable.recall(tuple(self._channels)):
            self._wellbeing.tried(name, "its last message before the start was not taken")

    async def run(self) -> None:
        """One task a channel until cancelled. A channel whose task fails is restarted; the others never notice."""
        async with asyncio.TaskGroup() as tasks:
            for channel in self._channels.values():
                tasks.create_task(self._keep_serving(channel), name=f"channel {channel.name}")

    async def drain(self, timeout_s: float) -> None:
        """Wait until every channel found nothing due, at most `timeout_s` of machine time; nothing waits for more."""
        self._draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._queueing:
                    await asyncio.wait(set(self._queueing))
                for desk in self._desks.values():
                    desk.idle.clear()
                    desk.ask()
                for desk in self._desks.values():
                    await desk.idle.wait()

    def _said(self, notice: Notice) -> list[Delivery]:
        return [
            Delivery(
                0, name, None, "notice", notice.severity, notice.at, notice.at, text=notice.text, intent=notice.intent
            )
            for name in notice.channels
            if name in self._channels
        ]

    async def _queue(self, delivery: Delivery) -> None:
        desk = self._desks[delivery.channel]
        kept = await self._durable.queue_once(desk, delivery)
        if kept is not None and is_urgent(self._channels[delivery.channel], kept):
            desk.hand(kept)
        desk.ask()

    def _keep(self, delivery: Delivery) -> None:
        channel = self._channels.get(delivery.channel)
        if channel is None:
            return
        desk = self._desks[channel.name]
        kept = desk.outbox.put(delivery)
        if kept is not None and is_urgent(channel, kept):
            desk.hand(kept)
        elif kept is not None:
            desk.ask()

    async def _keep_serving(self, channel: Channel) -> None:
        rest_s = RESTART_S
        while True:
            began = time.monotonic()
            try:
                await self._serve(channel)
            except Exception as error:
                if time.monotonic() - began > 2 * LONGEST_RESTART_S:
                    rest_s = RESTART_S
                self._wellbeing.tried(channel.name, f"its part of this program failed: {type(error).__name__}")
                log.exception("channel.restarting channel=%s in_s=%s", channel.name, rest_s)
                await asyncio.sleep(rest_s)
                rest_s = min(2 * rest_s, LONGEST_RESTART_S)

    async def _serve(self, channel: Channel) -> None:
        await channel.sink.warm()
        desk = self._desks[channel.name]
        desk.ask()
        while True:
            self._wellbeing.seen(channel.name)
            desk.woken.clear()
            await self._send_fresh(channel)
            if desk.look_at <= time.monotonic():
                # Whoever asks for a look from now on gets another one.
                desk.look_at = float("inf")
                pause_s = await self._send_due(channel)
                desk.look_at = min(desk.look_at, time.monotonic() + pause_s)
            desk.look_at = min(desk.look_at, self._durable.look_at(channel.name, desk))
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
            seen = await self._durable.look(channel, desk)
            if seen is None or desk.fresh:
                continue
            later = [] if seen.next_at is None else [seen.next_at]
            if not seen.due or not await self._send_one(channel, seen, later):
                if not seen.due or len(later) <= (seen.next_at is not None):
                    desk.idle.set()
                return pause_s(later, self._clock)
            self._wellbeing.seen(channel.name)

    async def _send_fresh(self, channel: Channel) -> None:
        """Tells what was handed over and no look at the store has shown yet; what is in any doubt is left to that."""
        desk = self._desks[channel.name]
        while desk.fresh:
            due: list[Due] = []
            said: list[Delivery] = []
            for delivery in desk.take():
                item = desk.outbox.item(delivery.id)
                if item is not None and not item.is_untried:
                    continue
                if delivery.alert is None:
                    said.append(delivery)
                    continue
                alert = self._open_alert(delivery.alert)
                if alert is None and not delivery.is_recorded:
                    alert = desk.outbox.alert(delivery.alert)
                chosen = None if alert is None else choose(delivery, alert, None, superseded=False)
                first_word = isinstance(chosen, Send) and chosen.reason is Reason.FIRED
                is_clear = first_word and delivery.id > desk.looked and channel.wants("critical", Reason.FIRED)
                if alert is not None and is_clear:
                    due.append(Due(delivery, alert, Reason.FIRED))
                else:
                    desk.ask()
            for group in gathered(due):
                await self._tell(channel, group)
            for delivery in said:
                await self._say(channel, delivery, ())

    async def _send_one(self, channel: Channel, seen: Look, later: list[datetime]) -> bool:
        """Whether another look is needed: a message left, or something was put off. `later`: when more is ripe."""
        now, desk = self._clock.now(), self._desks[channel.name]
        told: list[Due] = []
        ended: dict[int, str] = {}
        held: list[tuple[list[int], Wait]] = []
        for delivery in seen.due:
            if delivery.alert is None:
                continue
            match choose_for(channel, delivery, seen, self._open_alert(delivery.alert), now):
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
        said = next((delivery for delivery in seen.due if delivery.alert is None), None)
        if not is_sent and said is not None:
            await self._say(channel, said, seen.sent)
            is_sent = True
        if ended:
            self._durable.close(channel.name, desk, ended)
        for deliveries, wait in held:
            await self._durable.postpone(channel.name, desk, deliveries, wait)
        return is_sent or bool(held) or not seen.is_whole

    async def _tell(self, channel: Channel, group: Sequence[Due]) -> None:
        """One message about all alerts of the group; a picture of the worst follows where the channel takes one."""
        now = self._clock.now()
        told = {each.delivery.id: told_of(each, channel.name, now) for each in group}
        deliveries = [each.delivery for each in group]
        worst = group[0]
        self._desks[channel.name].outbox.begin(deliveries, now)
        bare = bare_message(worst.alert, worst.reason, worst.delivery.severity)
        result = await self._teller.tell(
            channel, lambda: self._composer.together(group), bare, plain=_plain(deliveries)
        )
        await self._outcome.record(channel, deliveries, result, told, bare.title)
        if not isinstance(result, NotTold) and not any(delivery.attempts for delivery in deliveries):
            self._teller.follow(channel, worst, bare)

    async def _say(self, channel: Channel, delivery: Delivery, sent: Sequence[datetime]) -> None:
        """A notice, or a message of a drill: that one nothing holds back, since somebody asked for it."""
        now, desk = self._clock.now(), self._desks[channel.name]
        document = drill_of(delivery)
        reason = Reason.FIRED if document is None else Reason(document["stage"])
        if not channel.wants(delivery.severity, reason):
            self._durable.close(channel.name, desk, {delivery.id: not_taken(delivery, str(delivery.reason))})
            return
        wait = None if document is not None else notice_wait(channel, delivery, sent, now)
        if wait is not None:
            await self._durable.postpone(channel.name, desk, [delivery.id], wait)
            return
        if document is not None:
            message = drill_message(delivery.severity, document)
        else:
            message = notice_message(delivery.severity, delivery.text, recorded=delivery.is_recorded)
        desk.outbox.begin([delivery], now)
        result = await self._teller.tell(channel, lambda: message, message, plain=_plain([delivery]))
        await self._outcome.record(channel, [delivery], result, {}, message.title)

    def _start(self, work: Coroutine[None, None, None], name: str) -> None:
        """Beside what the channel does next."""
        task = asyncio.create_task(work, name=name)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)


def _plain(deliveries: Iterable[Delivery]) -> bool:
    """From its second try on what is critical is said in plain words."""
    return any(delivery.attempts and delivery.severity == "critical" for delivery in deliveries)
