"""Results of attempts: applied, recorded, and passed on to the fallback channel."""

import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from monitor.clock import Clock
from monitor.core.model.alert import Alert
from monitor.core.notifications.outbox import Delivery, DeliveryAttempt, DeliveryState, LastNotified
from monitor.notify.sinks import NotDelivered, SendResult
from monitor.runtime.activity_counters import ActivityCounters
from monitor.runtime.messages.channel_queue import Channel, ChannelHealth, ChannelQueue
from monitor.runtime.messages.delivery_store import DeliveryStore
from monitor.runtime.messages.outbox import build_failed_attempt

log = logging.getLogger(__name__)


class AttemptRecorder:
    """The recorder of all channels' results."""

    def __init__(
        self,
        queues: Mapping[str, ChannelQueue],
        delivery_store: DeliveryStore,
        health: ChannelHealth,
        clock: Clock,
        open_alert: Callable[[int], Alert | None],
        start: Callable[[Coroutine[None, None, None], str], object],
        counters: ActivityCounters,
    ) -> None:
        """`start` runs a coroutine in the background."""
        self._queues = queues
        self._delivery_store = delivery_store
        self._health = health
        self._clock = clock
        self._open_alert = open_alert
        self._start = start
        self._counters = counters

    async def record(
        self,
        channel: Channel,
        deliveries: Sequence[Delivery],
        result: SendResult,
        notified: Mapping[int, LastNotified],
        title: str,
    ) -> None:
        """Record the result of one attempt for each delivery; the first failure goes to the fallback channel."""
        now, desk = self._clock.now(), self._queues[channel.name]
        self._counters.count_message(channel.name, is_sent=not isinstance(result, NotDelivered))
        numbers = ",".join(str(delivery.id) if delivery.is_recorded else "unrecorded" for delivery in deliveries)
        if not isinstance(result, NotDelivered):
            self._health.record(channel.name, None)
            log.info("notification.sent channel=%s deliveries=%s title=%r", channel.name, numbers, title)
            sent = DeliveryState.SENT
            attempts = [
                DeliveryAttempt(
                    channel.name,
                    d.key,
                    now,
                    True,
                    result.answer,
                    sent,
                    last_notified=notified.get(d.id),
                    message=result.message,
                )
                for d in deliveries
            ]
            self._delivery_store.add_attempts(channel.name, desk.outbox.apply_attempts(attempts))
            # In the background, since the next message need not wait; the next read of the store waits for it.
            self._start(self._delivery_store.write_pending(channel.name), f"ledger {channel.name}")
            return
        self._health.record(channel.name, result.answer)
        said = "notification.failed channel=%s deliveries=%s attempt=%d answer=%r"
        log.warning(said, channel.name, numbers, max(delivery.attempts for delivery in deliveries) + 1, result.answer)
        attempts = [
            build_failed_attempt(
                delivery,
                result.answer,
                result.retry_after_s,
                desk.outbox.is_given_up(delivery, now, is_final=result.final),
                now,
                self._clock.speed,
            )
            for delivery in deliveries
        ]
        self._delivery_store.add_attempts(channel.name, desk.outbox.apply_attempts(attempts))
        desk.request_poll()
        for delivery in deliveries:
            if delivery.attempts == 0:
                await self._fall_back(channel, delivery, now)

    async def _fall_back(self, channel: Channel, delivery: Delivery, now: datetime) -> None:
        """Queue the delivery for the fallback channel too; in memory, with its alert, while the store fails."""
        if channel.fallback is None or channel.fallback not in self._queues:
            return
        desk = self._queues[channel.fallback]
        if delivery.alert is not None:
            known = self._queues[channel.name].outbox.find_alert(delivery.alert) or self._open_alert(delivery.alert)
            desk.outbox.update_alerts(() if known is None else (known,))
        stand_in = replace(delivery, channel=channel.fallback, next_at=now, answer=None)
        await self._delivery_store.queue_once(desk, stand_in)
        desk.request_poll()
