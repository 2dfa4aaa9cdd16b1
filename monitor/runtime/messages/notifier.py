"""Notifications to people: one task a channel, so that a slow one delays no other; messages show the present."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from monitor.clock import Clock
from monitor.core.model.alert import Alert, NotificationReason
from monitor.core.model.journal import JournalEntry, Notice
from monitor.core.notifications.outbox import Delivery
from monitor.core.notifications.throttling import (
    DueAlert,
    LadderIndex,
    build_last_notified,
    compute_send_time,
    group_alerts,
    rate_limit_hold,
)
from monitor.notify.sinks import NotDelivered
from monitor.runtime.activity_counters import ActivityCounters
from monitor.runtime.messages.attempt_recorder import AttemptRecorder
from monitor.runtime.messages.channel_queue import Channel, ChannelHealth, ChannelQueue, poll_pause_s
from monitor.runtime.messages.delivery_choice import (
    choose_due,
    choose_pushed,
    is_urgent,
    needs_plain_text,
    notice_hold,
    parse_drill,
    refusal_text,
)
from monitor.runtime.messages.delivery_store import DeliveryStore
from monitor.runtime.messages.message_builder import MessageBuilder
from monitor.runtime.messages.message_memory import MessageMemory
from monitor.runtime.messages.message_sender import MessageSender
from monitor.runtime.shutdown import BackgroundTasks
from monitor.store.store import Store
from monitor.store.writes.due_notifications import ChannelDue
from monitor.view.messages.message import drill_message, minimal_message, notice_message

log = logging.getLogger(__name__)

RESTART_S = 5.0
MAX_RESTART_S = 60.0
"""The longest pause after a bug in a channel's task; each pause is twice the one before."""


class Notifier:
    """The sending of due deliveries, with records and retries of every attempt; the store makes it durable."""

    def __init__(
        self,
        channels: Iterable[Channel],
        store: Store,
        clock: Clock,
        message_builder: MessageBuilder,
        open_alert: Callable[[int], Alert | None],
        ladders: LadderIndex | None = None,
        counters: ActivityCounters | None = None,
        memory: MessageMemory | None = None,
    ) -> None:
        """`ladders` shows which alerts are more severe ones of which. `memory` is that of an earlier daemon, if any."""
        self._channels = {channel.name: channel for channel in channels}
        self._clock = clock
        self._message_builder = message_builder
        self._open_alert = open_alert
        self._ladders = ladders if ladders is not None else LadderIndex()
        self.memory = memory if memory is not None else MessageMemory(store, clock.speed)
        self._queues = {name: ChannelQueue(self.memory.outbox(name)) for name in self._channels}
        self._draining = False
        self._health = ChannelHealth(self._channels)
        self._background, self._notices = BackgroundTasks(), BackgroundTasks()
        self._delivery_store = DeliveryStore(store, clock, self.memory.attempts)
        self._sender = MessageSender(message_builder, self._background.start)
        self._attempt_recorder = AttemptRecorder(
            self._queues,
            self._delivery_store,
            self._health,
            clock,
            open_alert,
            self._background.start,
            counters if counters is not None else ActivityCounters(),
        )

    @property
    def failing_count(self) -> int:
        """The number of channels that failed at their last attempt or hang."""
        return len(self.problems)

    @property
    def problems(self) -> Mapping[str, str]:
        """The channels that do not work, and why."""
        return self._health.problems()

    def wake(self, channels: Iterable[str]) -> None:
        """Poll for these channels. Only a hint: the store is the truth."""
        for name in channels:
            if name in self._queues:
                self._queues[name].request_poll()

    def push(self, deliveries: Iterable[Delivery]) -> None:
        """Add deliveries recorded just now. A first critical notification is sent without a poll of the store."""
        for delivery in deliveries:
            channel = self._channels.get(delivery.channel)
            if channel is None:
                continue
            desk = self._queues[channel.name]
            item, attempts = desk.outbox.merge_row(delivery)
            self._delivery_store.add_attempts(channel.name, attempts)
            if is_urgent(channel, delivery) and item.is_untried:
                desk.push(delivery)
            else:
                desk.request_poll()

    def push_unrecorded(self, entry: JournalEntry, alerts: Iterable[Alert]) -> None:
        """Send the notifications of an entry that the store could not take, marked as not recorded.

        `alerts` are those of its notifications. When the entry is committed later on, nothing that was sent is sent
        again.
        """
        known = tuple(alerts)
        for desk in self._queues.values():
            desk.outbox.update_alerts(known)
        for told in entry.notifications:
            for name in told.channels:
                self._push_unrecorded(Delivery(0, name, told.alert, told.reason, told.severity, told.at, told.at))
        for notice in entry.notices:
            for delivery in self._notice_deliveries(notice):
                self._push_unrecorded(delivery)

    def notify(self, notice: Notice) -> None:
        """Send a notice that belongs to no entry: recorded first, or from memory and recorded later."""
        for delivery in self._notice_deliveries(notice):
            self._notices.start(self._queue_notice(delivery), f"notice {delivery.channel}")

    def renumber(self, numbers: Mapping[int, int]) -> None:
        """Set new ids of alerts that were notified from memory, given by their old ones."""
        for desk in self._queues.values():
            desk.outbox.renumber(numbers)

    def release(self, corrected_s: float = 0.0) -> None:
        """Poll everything that waits, after a clock jump that corrected the time by `corrected_s`."""
        for desk in self._queues.values():
            desk.outbox.shift_times(timedelta(seconds=corrected_s))
            desk.outbox.release(self._clock.now())
            desk.request_poll()

    async def restore(self) -> None:
        """Restore the channels from the store: those that failed still do, and held deliveries are checked again."""
        for desk in self._queues.values():
            desk.outbox.release(self._clock.now())
        for name in await self._delivery_store.restore(tuple(self._channels)):
            self._health.record(name, "its last message before the start was not taken")

    async def run(self) -> None:
        """Run one task a channel until cancelled. A failed task is restarted without effect on the other channels."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for channel in self._channels.values():
                    tasks.create_task(self._keep_serving(channel), name=f"channel {channel.name}")
        finally:
            await self._notices.end()
            await self._background.end()
            await asyncio.gather(*(self._delivery_store.write_remaining(*each) for each in self._queues.items()))

    async def drain(self, timeout_s: float) -> None:
        """Wait until no channel has anything due, at most `timeout_s` of machine time; groups are sent at once."""
        self._draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._notices.wait()
                for desk in self._queues.values():
                    desk.idle.clear()
                    desk.request_poll()
                for desk in self._queues.values():
                    await desk.idle.wait()

    def _notice_deliveries(self, notice: Notice) -> list[Delivery]:
        return [
            Delivery(
                0, name, None, "notice", notice.severity, notice.at, notice.at, text=notice.text, intent=notice.intent
            )
            for name in notice.channels
            if name in self._channels
        ]

    async def _queue_notice(self, delivery: Delivery) -> None:
        desk = self._queues[delivery.channel]
        kept = await self._delivery_store.queue_once(desk, delivery)
        if kept is not None and is_urgent(self._channels[delivery.channel], kept):
            desk.push(kept)
        desk.request_poll()

    def _push_unrecorded(self, delivery: Delivery) -> None:
        channel = self._channels.get(delivery.channel)
        if channel is None:
            return
        desk = self._queues[channel.name]
        kept = desk.outbox.add(delivery)
        if kept is not None and is_urgent(channel, kept):
            desk.push(kept)
        elif kept is not None:
            desk.request_poll()

    async def _keep_serving(self, channel: Channel) -> None:
        rest_s = RESTART_S
        while True:
            began = time.monotonic()
            try:
                await self._serve(channel)
            except Exception as error:
                if time.monotonic() - began > 2 * MAX_RESTART_S:
                    rest_s = RESTART_S
                self._health.record(channel.name, f"its part of this program failed: {type(error).__name__}")
                log.exception("channel.restarting channel=%s in_s=%s", channel.name, rest_s)
                await asyncio.sleep(rest_s)
                rest_s = min(2 * rest_s, MAX_RESTART_S)

    async def _serve(self, channel: Channel) -> None:
        await channel.sink.warm_up()
        desk = self._queues[channel.name]
        desk.request_poll()
        while True:
            self._health.heartbeat(channel.name)
            desk.woken.clear()
            await self._send_pushed(channel)
            if desk.poll_at <= time.monotonic():
                # A poll requested from now on is another one.
                desk.poll_at = float("inf")
                pause_s = await self._send_due(channel)
                desk.poll_at = min(desk.poll_at, time.monotonic() + pause_s)
            desk.poll_at = min(desk.poll_at, self._delivery_store.next_poll_at(channel.name, desk))
            with suppress(TimeoutError):
                async with asyncio.timeout(desk.poll_at - time.monotonic()):
                    await desk.woken.wait()

    async def _send_due(self, channel: Channel) -> float:
        """Send message after message, the most urgent first, each after a poll, until nothing is due.

        Returns the machine seconds until the next due delivery, as far as is known.
        """
        desk = self._queues[channel.name]
        while True:
            await self._send_pushed(channel)
            seen = await self._delivery_store.poll(channel, desk)
            if seen is None or desk.pushed:
                continue
            later = [] if seen.next_at is None else [seen.next_at]
            if not seen.deliveries or not await self._send_next(channel, seen, later):
                if not desk.is_poll_requested and (not seen.deliveries or len(later) <= (seen.next_at is not None)):
                    desk.idle.set()
                return poll_pause_s(later, self._clock)
            self._health.heartbeat(channel.name)

    async def _send_pushed(self, channel: Channel) -> None:
        """Send pushed deliveries that no poll has shown yet; those in any doubt are left to a poll."""
        desk = self._queues[channel.name]
        while desk.pushed:
            due: list[DueAlert] = []
            notices: list[Delivery] = []
            for delivery in desk.take_pushed():
                item = desk.outbox.find_item(delivery.key)
                if item is not None and not item.is_untried:
                    continue
                if delivery.alert is None:
                    notices.append(delivery)
                    continue
                alert = self._open_alert(delivery.alert)
                if alert is None and not delivery.is_recorded:
                    alert = desk.outbox.find_alert(delivery.alert)
                chosen = choose_pushed(channel, delivery, alert, desk.last_polled_id)
                if chosen is not None:
                    due.append(chosen)
                else:
                    desk.request_poll()
            for group in group_alerts(due):
                await self._send_alerts(channel, group)
            for delivery in notices:
                await self._send_notice(channel, delivery, ())

    async def _send_next(self, channel: Channel, due: ChannelDue, retry_at: list[datetime]) -> bool:
        """Send one message; return whether another poll is needed: one was sent, or deliveries were held.

        Times of later deliveries are added to `retry_at`.
        """
        now, desk = self._clock.now(), self._queues[channel.name]
        choice = choose_due(channel, due, self._open_alert, now)
        is_sent = False
        for group in group_alerts(choice.alerts):
            ripe = now if self._draining else compute_send_time(group)
            if ripe > now:
                retry_at.append(ripe)
                continue
            over = rate_limit_hold(group, due.last_notified.values(), due.sent_at, self._ladders, channel.limits, now)
            if over is None:
                await self._send_alerts(channel, group)
                is_sent = True
                break
            choice.held.append(([due_alert.delivery.key for due_alert in group], over))
        notice = next((delivery for delivery in due.deliveries if delivery.alert is None), None)
        if not is_sent and notice is not None:
            await self._send_notice(channel, notice, due.sent_at)
            is_sent = True
        if choice.unsent:
            self._delivery_store.close(channel.name, desk, choice.unsent)
        for deliveries, wait in choice.held:
            await self._delivery_store.postpone(channel.name, desk, deliveries, wait)
        return is_sent or bool(choice.held) or not due.is_complete

    async def _send_alerts(self, channel: Channel, group: Sequence[DueAlert]) -> None:
        """Send one message about all alerts of the group; a chart of the worst follows where the channel takes one."""
        now = self._clock.now()
        notified = {due_alert.delivery.id: build_last_notified(due_alert, channel.name, now) for due_alert in group}
        deliveries = [due_alert.delivery for due_alert in group]
        worst = group[0]
        self._queues[channel.name].outbox.mark_started(deliveries, now)
        page = self._message_builder.public_url
        bare = minimal_message(worst.alert, worst.reason, worst.delivery.severity, page)
        result = await self._sender.send(
            channel, lambda: self._message_builder.build_group(group), bare, plain=needs_plain_text(deliveries)
        )
        await self._attempt_recorder.record(channel, deliveries, result, notified, bare.title)
        if not isinstance(result, NotDelivered) and not any(delivery.attempts for delivery in deliveries):
            self._sender.send_chart_later(channel, worst, bare)

    async def _send_notice(self, channel: Channel, delivery: Delivery, sent: Sequence[datetime]) -> None:
        """Send a notice, or a message of a drill. A drill was requested by a person, so nothing throttles it."""
        now, desk = self._clock.now(), self._queues[channel.name]
        document = parse_drill(delivery)
        reason = NotificationReason.FIRED if document is None else NotificationReason(document["stage"])
        if not channel.accepts(delivery.severity, reason):
            self._delivery_store.close(channel.name, desk, {delivery.key: refusal_text(delivery, str(delivery.reason))})
            return
        wait = None if document is not None else notice_hold(channel, delivery, sent, now)
        if wait is not None:
            await self._delivery_store.postpone(channel.name, desk, [delivery.key], wait)
            return
        if document is not None:
            message = drill_message(delivery.severity, document)
        else:
            words = delivery.severity, delivery.text
            message = notice_message(*words, intent=delivery.intent, recorded=delivery.is_recorded)
        desk.outbox.mark_started([delivery], now)
        result = await self._sender.send(channel, lambda: message, message, plain=needs_plain_text([delivery]))
        await self._attempt_recorder.record(channel, [delivery], result, {}, message.title)
