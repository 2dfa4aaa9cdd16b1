"""The store's part in telling: every question to it is bounded, and memory goes on where it does not answer."""

import asyncio
import logging
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from monitor.clock import Clock
from monitor.core.notifications.outbox import UNRECORDED, Attempt, Delivery, DeliveryState
from monitor.core.notifications.throttling import Wait
from monitor.errors import MonitorError, StoreError
from monitor.runtime.messages.attempt_buffer import Ledger
from monitor.runtime.messages.channel_queue import Channel, Desk
from monitor.store.store import Store
from monitor.store.writes.due_notifications import Look, look
from monitor.store.writes.outbox import failing_channels

T = TypeVar("T")

log = logging.getLogger(__name__)

ANSWER_WITHIN_S = 2.0
"""A channel waits no longer for the store, and then goes on from memory (machine seconds)."""

RECALL_WITHIN_S = 5.0

RETRY_S = 1.0
"""How often the store is asked again while it does not answer, or does not take what was sent (machine seconds)."""

BATCH = 500


class Interrupted(Exception):
    """Something fresh arrived while the store was asked: it goes first."""


class Durable:
    """Reads what is due, and writes what became of it."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._began = clock.now()
        self._ledger = Ledger(store)
        self._is_recalled = True

    async def recall(self, channels: Sequence[str]) -> frozenset[str]:
        """The channels whose last message failed; what was held is due again. Nothing while the store fails."""
        try:
            async with asyncio.timeout(RECALL_WITHIN_S):
                failing = await self._store.read(failing_channels, channels)
                await self._store.release_deliveries(self._clock.now())
        except (MonitorError, TimeoutError) as error:
            self._is_recalled = False
            log.error("channels.not_recalled cause=%s", str(error) or "the database does not answer")
            return frozenset()
        return failing

    def note(self, channel: str, attempts: Sequence[Attempt]) -> None:
        """These are to be written."""
        if attempts:
            self._ledger.note(channel, attempts)

    async def write(self, channel: str) -> None:
        """Writes what is in memory alone, if the store takes it in time."""
        await self._ledger.write(channel)

    def look_at(self, channel: str, desk: Desk) -> float:
        """When the channel has to look again because the store lacks something (machine seconds)."""
        own = desk.outbox.own(self._clock.now())
        lacking = self._ledger.has(channel) or bool(own) or desk.store_at > time.monotonic()
        return time.monotonic() + RETRY_S if lacking else float("inf")

    async def look(self, channel: Channel, desk: Desk) -> Look | None:
        """What is due. None: something fresh came in between, which goes first."""
        restrained = bool(channel.restraint.max_per_hour)
        stored: Look | None = None
        if desk.store_at <= time.monotonic():
            try:
                stored = await self._stored(channel, desk, restrained=restrained)
            except Interrupted:
                return None
            except MonitorError as error:
                log.error("channel.blind channel=%s cause=%s", channel.name, error)
                desk.store_at = time.monotonic() + RETRY_S
        if stored is not None:
            desk.looked = max([desk.looked, *(delivery.id for delivery in stored.due)])
        view = desk.outbox.view(stored, self._clock.now(), restrained=restrained)
        self.note(channel.name, view.attempts)
        self._ledger.close(channel.name, view.doubles)
        return view.look

    async def _stored(self, channel: Channel, desk: Desk, *, restrained: bool) -> Look:
        # The store should know what was sent before it is asked what is to be sent.
        await self._unless_fresh(desk, self._ledger.write(channel.name))
        if not self._is_recalled:
            await self._unless_fresh(desk, self._store.release_deliveries(self._clock.now()))
            self._is_recalled = True
        if not self._store.failing:
            await self._make_rows(channel.name, desk)
        now = self._clock.now()
        reading = self._store.read(look, channel.name, now, self._began, BATCH, restrained=restrained)
        return await self._unless_fresh(desk, reading)

    async def _make_rows(self, channel: str, desk: Desk) -> None:
        """Gives a row to what no entry holds."""
        for item in desk.outbox.own(self._clock.now()):
            fresh = replace(item.delivery, state=DeliveryState.QUEUED, attempts=0, sent_at=None, answer=None)
            try:
                row = await self._unless_fresh(desk, self._store.queue_once(fresh))
            except MonitorError as error:
                # Its alert may still be on its way into the store.
                log.debug("notification.without_row channel=%s cause=%s", channel, error)
                return
            if row is None:
                item.is_own = False
            else:
                self.note(channel, desk.outbox.adopt(row)[1])

    def close(self, channel: str, desk: Desk, why: Mapping[int, str]) -> None:
        """These are not told, since nothing in them is new."""
        for number, reason in why.items():
            desk.outbox.close(number, reason)
        self._ledger.close(channel, {number: reason for number, reason in why.items() if number < UNRECORDED})

    async def postpone(self, channel: str, desk: Desk, deliveries: Sequence[int], wait: Wait) -> None:
        """These wait."""
        log.info("notification.held channel=%s count=%d why=%r", channel, len(deliveries), wait.why)
        desk.outbox.postpone(deliveries, wait.until)
        rows = [number for number in deliveries if number < UNRECORDED]
        if rows and desk.store_at <= time.monotonic():
            with suppress(Interrupted):
                try:
                    await self._unless_fresh(desk, self._store.postpone(rows, wait.until))
                except MonitorError as error:
                    log.error("notification.unwritten channel=%s cause=%s", channel, error)
                    desk.store_at = time.monotonic() + RETRY_S

    async def queue_once(self, desk: Desk, delivery: Delivery) -> Delivery | None:
        """A message for a channel unless it had the very same: as a row, or in memory until it can be one."""
        if delivery.is_recorded and not self._store.failing:
            try:
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    row = await self._store.queue_once(delivery)
            except (MonitorError, TimeoutError) as error:
                log.error("notification.without_row channel=%s cause=%s", delivery.channel, error)
            else:
                return None if row is None else desk.outbox.adopt(row)[0].delivery
        return desk.outbox.put(replace(delivery, attempts=0), is_own=True)

    async def _unless_fresh(self, desk: Desk, work: Coroutine[None, None, T]) -> T:
        """The store's answer. Raises Interrupted when something fresh arrives first, StoreError when it takes long."""
        asking, arrived = asyncio.ensure_future(work), asyncio.ensure_future(desk.arrived.wait())
        try:
            await asyncio.wait({asking, arrived}, timeout=ANSWER_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                return asking.result()
            if desk.fresh:
                raise Interrupted
            raise StoreError(f"the database did not answer within {ANSWER_WITHIN_S:g} s")
        finally:
            asking.cancel()
            arrived.cancel()
