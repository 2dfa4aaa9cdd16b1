"""The receipts of a Pushover channel: a press is an acknowledgement here, and what is over here stops there."""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from monitor.core.notifications.emergencies import Emergency, find_unwanted
from monitor.errors import MonitorError
from monitor.notify.pushover.client import PushoverAnswer, PushoverClient, PushoverFailure
from monitor.notify.pushover.sink import PushoverSink
from monitor.runtime.replies.rejected_messages import RejectedMessages
from monitor.runtime.replies.reply_service import ReplyContext
from monitor.store.writes.replies import emergency_rows
from monitor.store.writes.replies.presses import Press

log = logging.getLogger(__name__)

POLL_EVERY_S = 5.0
"""Machine seconds between two reads of receipts: the service asks for no more than one in five seconds."""

LOOK_EVERY_S = 1.0
"""Machine seconds at most between two comparisons of the emergencies with their alerts."""

STORE_TIMEOUT_S = 5.0
MAX_RETRY_S = 60.0
"""The longest pause between two tries to end an emergency."""

EXPIRY_GRACE_S = 600.0
"""Machine seconds after its end for which a receipt that can't be read is tried again."""

_DEVICE = re.compile(r"[A-Za-z0-9_-]{1,25}")


class ReceiptLoop:
    """The reading of one channel's receipts, one at a time, and the end of emergencies that nobody needs any more."""

    def __init__(
        self,
        channel: str,
        client: PushoverClient,
        sink: PushoverSink,
        poll_every_s: float = POLL_EVERY_S,
        machine_time: Callable[[], float] = time.monotonic,
    ) -> None:
        """`client` has the application's token; `sink` sends the emergencies."""
        self._channel = channel
        self._client = client
        self._sink = sink
        self._poll_every_s = poll_every_s
        self._machine_time = machine_time
        self._woken = asyncio.Event()
        self._polled_at: dict[str, float] = {}
        self._last_poll_at = float("-inf")
        self._retries: dict[str, tuple[float, float]] = {}
        """By receipt: the time of the next try to end it, and the pause after that."""
        self._rejected = RejectedMessages("their emergencies are neither ended nor read")

    @property
    def channels(self) -> Sequence[str]:
        return (self._channel,)

    def wake(self) -> None:
        self._woken.set()

    async def run(self, context: ReplyContext) -> None:
        while True:
            self._woken.clear()
            await self._look(context)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._woken.wait()

    async def _look(self, context: ReplyContext) -> None:
        """End what is no longer wanted, then read one receipt, if it is time for one."""
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                found = await context.store.read(emergency_rows.read_open_emergencies, self._channel)
        except (MonitorError, TimeoutError) as error:
            # The store reports its own failure; receipts stay readable for a week.
            await context.report_fault("critical", "receipts can't be compared with their alerts", error)
            return
        await self._rejected.report(found.rejected, context)
        known = found.emergencies
        for emergency in known:
            self._sink.note_ringing(emergency.receipt, emergency.tags)
        receipts = {emergency.receipt for emergency in known}
        self._polled_at = {receipt: at for receipt, at in self._polled_at.items() if receipt in receipts}
        self._retries = {receipt: again for receipt, again in self._retries.items() if receipt in receipts}
        unwanted = find_unwanted(known)
        for emergency in known:
            if emergency.receipt in unwanted:
                await self._cancel(context, emergency)
        waiting = [emergency for emergency in known if emergency.receipt not in unwanted]
        if waiting and self._machine_time() - self._last_poll_at >= self._poll_every_s:
            await self._poll(context, min(waiting, key=lambda each: self._polled_at.get(each.receipt, float("-inf"))))

    async def _cancel(self, context: ReplyContext, emergency: Emergency) -> None:
        again_at, pause_s = self._retries.get(emergency.receipt, (float("-inf"), 1.0))
        if self._machine_time() < again_at:
            return
        result = await self._client.cancel(emergency.receipt)
        if isinstance(result, PushoverFailure) and (result.is_key_refused or not result.is_refused):
            self._retries[emergency.receipt] = (self._machine_time() + pause_s, min(2 * pause_s, MAX_RETRY_S))
            self._record_failure(context, "an emergency could not be ended", result)
            return
        context.health.record(self.channels, None)
        await self._record_end(context, emergency, "cancelled" if isinstance(result, PushoverAnswer) else result.answer)

    async def _poll(self, context: ReplyContext, emergency: Emergency) -> None:
        self._last_poll_at = self._polled_at[emergency.receipt] = self._machine_time()
        result = await self._client.read_receipt(emergency.receipt)
        age_s = (context.clock.now() - emergency.at).total_seconds() / context.clock.speed
        if isinstance(result, PushoverFailure):
            if result.is_refused and not result.is_key_refused:
                # The service does not know the receipt: nothing repeats, nothing can be pressed.
                await self._record_end(context, emergency, result.answer)
                return
            self._record_failure(context, "a receipt could not be read", result)
            if age_s > self._sink.expire_s + EXPIRY_GRACE_S:
                await self._record_end(context, emergency, "expired unread")
            return
        context.health.record(self.channels, None)
        if result.acknowledged:
            await self._acknowledge(context, emergency, result.acknowledged_by_device)
        elif result.expired or age_s > self._sink.expire_s + EXPIRY_GRACE_S:
            await self._record_end(context, emergency, "expired, nobody acknowledged it")

    async def _acknowledge(self, context: ReplyContext, emergency: Emergency, device: str) -> None:
        who = f"pushover:{device}" if _DEVICE.fullmatch(device) else "pushover"
        press = Press(f"pushover/{emergency.receipt}", self._channel, who, "ack", context.clock.now())
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                result = await context.store.execute(emergency_rows.record_press, press, emergency)
        except (MonitorError, TimeoutError) as error:
            # Not lost: the receipt is read again until its press is recorded.
            log.error("receipt.unrecorded channel=%s cause=%s", self._channel, str(error) or "no answer")
            await context.report_fault("critical", f"a press on channel {self._channel} can't be recorded", error)
            return
        self._sink.note_press(emergency.receipt)
        log.info(
            "receipt.pressed channel=%s by=%s done=%s answer=%r", self._channel, who, result.is_done, result.answer
        )
        context.on_command()

    async def _record_end(self, context: ReplyContext, emergency: Emergency, how: str) -> None:
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                await context.store.execute(
                    emergency_rows.record_end, self._channel, emergency.receipt, how, context.clock.now()
                )
        except (MonitorError, TimeoutError) as error:
            log.error("emergency.end_unrecorded channel=%s cause=%s", self._channel, str(error) or "no answer")
            await context.report_fault("warning", "the end of an emergency can't be recorded", error)
            return
        self._sink.note_end(emergency.receipt)
        numbers = ",".join(str(alert.id) for alert in emergency.alerts)
        log.info("emergency.ended channel=%s alerts=%s how=%r", self._channel, numbers, how)

    def _record_failure(self, context: ReplyContext, what: str, failure: PushoverFailure) -> None:
        log.warning("receipt.failed channel=%s what=%r answer=%r", self._channel, what, failure.answer)
        context.health.record(self.channels, f"{what}: {failure.answer}", is_lasting=failure.is_key_refused)
