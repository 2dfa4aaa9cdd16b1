"""The store as the channels use it: every call is bounded, and memory serves while the store does not answer."""

import asyncio
import logging
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from monitor.clock import Clock
from monitor.core.notifications.outbox import Delivery, DeliveryAttempt, DeliveryKey, DeliveryState
from monitor.core.notifications.throttling import Hold
from monitor.errors import MonitorError, StoreError, StoreRefused
from monitor.runtime.messages.attempt_buffer import AttemptBuffer
from monitor.runtime.messages.channel_queue import Channel, ChannelQueue
from monitor.runtime.messages.outbox import OutboxItem
from monitor.store.store import Store
from monitor.store.writes.due_notifications import ChannelDue, read_channel_due
from monitor.store.writes.outbox import read_failing_channels, record_message

T = TypeVar("T")

log = logging.getLogger(__name__)

STORE_TIMEOUT_S = 2.0
"""Machine seconds that a channel waits for the store before it goes on from memory."""

RESTORE_TIMEOUT_S = 5.0

STORE_RETRY_S = 1.0
"""Machine seconds between calls while the store does not answer or does not take attempts."""

LAST_RETRY_S = 0.1
"""Machine seconds between tries to write what is left at the end."""

MAX_DUE = 500


class PollInterrupted(Exception):
    """A delivery was pushed while the store was read: it goes first."""


class DeliveryStore:
    """Reads of due deliveries, and writes of their results."""

    def __init__(self, store: Store, clock: Clock, attempt_buffer: AttemptBuffer) -> None:
        self._store = store
        self._clock = clock
        self._started_at = clock.now()
        self._attempt_buffer = attempt_buffer
        self._is_restored = True

    async def restore(self, channels: Sequence[str]) -> frozenset[str]:
        """Return the channels whose last message failed, and release held deliveries. Empty while the store fails."""
        try:
            async with asyncio.timeout(RESTORE_TIMEOUT_S):
                failing = await self._store.read(read_failing_channels, channels)
                await self._store.release_postponed_deliveries(self._clock.now())
        except (MonitorError, TimeoutError) as error:
            self._is_restored = False
            log.error("channels.not_recalled cause=%s", str(error) or "the database does not answer")
            return frozenset()
        return failing

    def add_attempts(self, channel: str, attempts: Sequence[DeliveryAttempt]) -> None:
        """Add attempts to be written."""
        if attempts:
            self._attempt_buffer.add(channel, attempts)

    async def write_pending(self, channel: str) -> None:
        """Write everything that is in memory alone, if the store takes it in time."""
        await self._attempt_buffer.flush(channel)

    def next_poll_at(self, channel: str, queue: ChannelQueue) -> float:
        """Return the machine time of the next poll that is needed because the store lacks rows."""
        own = queue.outbox.items_without_row(self._clock.now())
        lacking = self._attempt_buffer.has_pending(channel) or bool(own) or queue.store_retry_at > time.monotonic()
        return time.monotonic() + STORE_RETRY_S if lacking else float("inf")

    async def poll(self, channel: Channel, queue: ChannelQueue) -> ChannelDue | None:
        """Return due deliveries. None: a delivery was pushed meanwhile, which goes first."""
        restrained = bool(channel.limits.max_per_hour)
        stored: ChannelDue | None = None
        if queue.store_retry_at <= time.monotonic():
            try:
                stored = await self._poll_store(channel, queue, restrained=restrained)
            except PollInterrupted:
                return None
            except MonitorError as error:
                log.error("channel.blind channel=%s cause=%s", channel.name, error)
                queue.store_retry_at = time.monotonic() + STORE_RETRY_S
        if stored is not None:
            queue.last_polled_id = max([queue.last_polled_id, *(delivery.id for delivery in stored.deliveries)])
        view = queue.outbox.merge_due(stored, self._clock.now(), is_limited=restrained)
        self.add_attempts(channel.name, view.attempts)
        self._attempt_buffer.add_closed(channel.name, view.duplicates)
        return view.due

    async def _poll_store(self, channel: Channel, queue: ChannelQueue, *, restrained: bool) -> ChannelDue:
        # The store should have the attempts before it is read for due deliveries.
        await self._unless_pushed(queue, self._attempt_buffer.flush(channel.name))
        if not self._is_restored:
            await self._unless_pushed(queue, self._store.release_postponed_deliveries(self._clock.now()))
            self._is_restored = True
        if not self._store.is_failing:
            self._forget_lost_rows(queue)
            await self._make_rows(channel.name, queue)
        now = self._clock.now()
        # Of several daemons each sends what belongs to its accounts, and one what belongs to none.
        own = self._store.held_accounts if self._store.is_shared else None
        reading = self._store.read(
            read_channel_due,
            channel.name,
            now,
            self._started_at,
            MAX_DUE,
            is_limited=restrained,
            accounts=own,
            is_leader=self._store.is_leader,
        )
        return await self._unless_pushed(queue, reading)

    def _forget_lost_rows(self, queue: ChannelQueue) -> None:
        """Have the rows looked for, or made again, after a new connection: its server may lack the newest commits."""
        connects = self._store.connects
        if queue.known_connects not in (None, connects):
            queue.outbox.forget_rows()
        queue.known_connects = connects

    async def _make_rows(self, channel: str, queue: ChannelQueue) -> None:
        """Make a row for each delivery that no journal entry holds."""
        for item in queue.outbox.items_without_row(self._clock.now()):
            try:
                await self._unless_pushed(queue, self._make_row(queue, item))
            except StoreRefused as error:
                # The alert of the delivery may still be on its way into the store, or was lost there.
                log.debug("notification.without_row channel=%s cause=%s", channel, error)
            except MonitorError as error:
                log.debug("notification.without_row channel=%s cause=%s", channel, error)
                return

    async def _make_row(self, queue: ChannelQueue, item: OutboxItem) -> None:
        """Record the delivery with its attempts so far."""
        untried = replace(item.delivery, state=DeliveryState.QUEUED, attempts=0, sent_at=None, answer=None)
        queue.outbox.merge_row(await self._store.execute(record_message, untried, tuple(item.unwritten_attempts)))

    async def write_remaining(self, channel: str, queue: ChannelQueue) -> None:
        """Write what memory alone holds once nothing is sent any more, so that the next process goes on with it."""
        waiting = [item for item in queue.outbox.items_without_row(self._clock.now()) if item.delivery.drill is None]
        with suppress(TimeoutError):
            async with asyncio.timeout(STORE_TIMEOUT_S):
                for item in waiting:
                    await self._make_row_in_time(queue, item)
                while self._attempt_buffer.has_pending(channel):
                    await self._attempt_buffer.flush(channel)
                    await asyncio.sleep(LAST_RETRY_S)
        unwritten = sum(item.is_open and not item.delivery.is_recorded for item in waiting)
        if unwritten:
            log.error("notification.unrecorded channel=%s count=%d", channel, unwritten)

    async def _make_row_in_time(self, queue: ChannelQueue, item: OutboxItem) -> None:
        """Make a row as soon as the store can; a store that failed takes it a moment after it works again."""
        while True:
            try:
                await self._make_row(queue, item)
            except StoreRefused:
                return
            except MonitorError:
                await asyncio.sleep(LAST_RETRY_S)
            else:
                return

    def close(self, channel: str, queue: ChannelQueue, why: Mapping[DeliveryKey, str]) -> None:
        """Close deliveries unsent that hold nothing new, each with its reason."""
        for key, reason in why.items():
            queue.outbox.close(key, reason)
        self._attempt_buffer.add_closed(channel, {key: reason for key, reason in why.items() if key.is_recorded})

    async def postpone(self, channel: str, queue: ChannelQueue, deliveries: Sequence[DeliveryKey], hold: Hold) -> None:
        """Postpone deliveries until the end of the hold."""
        log.info("notification.held channel=%s count=%d why=%r", channel, len(deliveries), hold.why)
        queue.outbox.postpone(deliveries, hold.until)
        rows = [key for key in deliveries if key.is_recorded]
        if rows and queue.store_retry_at <= time.monotonic():
            with suppress(PollInterrupted):
                try:
                    await self._unless_pushed(queue, self._store.postpone_deliveries(rows, hold.until))
                except MonitorError as error:
                    log.error("notification.unwritten channel=%s cause=%s", channel, error)
                    queue.store_retry_at = time.monotonic() + STORE_RETRY_S

    async def queue_once(self, queue: ChannelQueue, delivery: Delivery) -> Delivery | None:
        """Queue a delivery unless the channel had the same: as a row, or in memory until it can be one."""
        if delivery.is_recorded and not self._store.is_failing:
            try:
                async with asyncio.timeout(STORE_TIMEOUT_S):
                    row = await self._store.enqueue_once(delivery)
            except (MonitorError, TimeoutError) as error:
                log.error("notification.without_row channel=%s cause=%s", delivery.channel, error)
            else:
                return None if row is None else queue.outbox.merge_row(row)[0].delivery
        return queue.outbox.add(replace(delivery, attempts=0), needs_row=True)

    async def _unless_pushed(self, queue: ChannelQueue, work: Coroutine[None, None, T]) -> T:
        """Return the store's answer.

        Raises PollInterrupted when a delivery is pushed first, StoreError after STORE_TIMEOUT_S.
        """
        asking, arrived = asyncio.ensure_future(work), asyncio.ensure_future(queue.arrived.wait())
        try:
            await asyncio.wait({asking, arrived}, timeout=STORE_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                return asking.result()
            if queue.pushed:
                raise PollInterrupted
            raise StoreError(f"the database did not answer within {STORE_TIMEOUT_S:g} s")
        finally:
            asking.cancel()
            arrived.cancel()
