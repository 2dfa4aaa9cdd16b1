"""What became of a try: remembered, written down, and passed on to the channel that stands in."""

import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from monitor.clock import Clock
from monitor.core.model.alert import Alert
from monitor.core.notifications.outbox import Attempt, Delivery, DeliveryState, Told
from monitor.notify.sinks import NotTold, SendResult
from monitor.runtime.messages.channel_queue import Channel, Desk, Wellbeing
from monitor.runtime.messages.delivery_store import Durable
from monitor.runtime.messages.outbox import failed_attempt

log = logging.getLogger(__name__)


class Outcome:
    """Takes in the answers of all channels."""

    def __init__(
        self,
        desks: Mapping[str, Desk],
        durable: Durable,
        wellbeing: Wellbeing,
        clock: Clock,
        open_alert: Callable[[int], Alert | None],
        start: Callable[[Coroutine[None, None, None], str], None],
    ) -> None:
        """`start` lets something run beside."""
        self._desks = desks
        self._durable = durable
        self._wellbeing = wellbeing
        self._clock = clock
        self._open_alert = open_alert
        self._start = start

    async def record(
        self,
        channel: Channel,
        deliveries: Sequence[Delivery],
        result: SendResult,
        told: Mapping[int, Told],
        title: str,
    ) -> None:
        """What became of one attempt, for each of the deliveries; at its first failure the fallback hears of it."""
        now, desk = self._clock.now(), self._desks[channel.name]
        numbers = ",".join(str(delivery.id) if delivery.is_recorded else "unrecorded" for delivery in deliveries)
        if not isinstance(result, NotTold):
            self._wellbeing.tried(channel.name, None)
            log.info("notification.sent channel=%s deliveries=%s title=%r", channel.name, numbers, title)
            sent = DeliveryState.SENT
            attempts = [
                Attempt(channel.name, d.id, now, True, result.answer, sent, told=told.get(d.id)) for d in deliveries
            ]
            self._durable.note(channel.name, desk.outbox.note(attempts))
            # Beside the next message, which need not wait; before the store is asked again, it is written.
            self._start(self._durable.write(channel.name), f"ledger {channel.name}")
            return
        self._wellbeing.tried(channel.name, result.answer)
        said = "notification.failed channel=%s deliveries=%s attempt=%d answer=%r"
        log.warning(said, channel.name, numbers, max(delivery.attempts for delivery in deliveries) + 1, result.answer)
        attempts = [
            failed_attempt(
                delivery,
                result.answer,
                result.retry_after_s,
                desk.outbox.gives_up(delivery, now, is_final=result.final),
                now,
                self._clock.speed,
            )
            for delivery in deliveries
        ]
        self._durable.note(channel.name, desk.outbox.note(attempts))
        desk.ask()
        for delivery in deliveries:
            if delivery.attempts == 0:
                await self._fall_back(channel, delivery, now)

    async def _fall_back(self, channel: Channel, delivery: Delivery, now: datetime) -> None:
        """The channel's fallback is to tell it too. What its row is made of waits in memory while the store fails."""
        if channel.fallback is None or channel.fallback not in self._desks:
            return
        desk = self._desks[channel.fallback]
        if delivery.alert is not None:
            known = self._desks[channel.name].outbox.alert(delivery.alert) or self._open_alert(delivery.alert)
            desk.outbox.know(() if known is None else (known,))
        stand_in = replace(delivery, channel=channel.fallback, next_at=now, answer=None)
        await self._durable.queue_once(desk, stand_in)
        desk.ask()
