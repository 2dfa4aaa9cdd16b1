"""The owner of the loops that read answers: each is restarted when it ends, and its failures count as the channel's."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from monitor.clock import Clock
from monitor.core.model.alert import Severity
from monitor.errors import MonitorError, StoreError, StoreRefused
from monitor.store.db.units_of_work import find_bug
from monitor.store.store import Store

log = logging.getLogger(__name__)

RESTART_S = 5.0
MAX_RESTART_S = 60.0
"""The longest pause after a loop ended; each pause is twice the one before."""

GRACE_S = 15.0
"""Machine seconds that a failure must last before the channel counts as failing: a reload or a short cut is none."""


LEADER_CHECK_S = 1.0
"""Machine seconds between two checks whether this daemon reads the answers, of several on one database."""

FAULT_REPEAT = timedelta(days=1)
"""Time after which people are notified again of an error of this program of the same kind."""


class ReplyHealth:
    """Channels whose answers can't be read, and why."""

    def __init__(self, machine_time: Callable[[], float] = time.monotonic) -> None:
        self._machine_time = machine_time
        self._failing: dict[str, tuple[float, str]] = {}

    def record(self, channels: Iterable[str], failure: str | None, *, is_lasting: bool = False) -> None:
        """Record how a read went; None: it worked. `is_lasting`: the failure counts at once, since waiting can't cure
        it."""
        now = self._machine_time()
        for channel in channels:
            if failure is None:
                self._failing.pop(channel, None)
                continue
            since, _ = self._failing.get(channel, (now, ""))
            self._failing[channel] = (min(since, now - GRACE_S) if is_lasting else since), failure

    def problems(self) -> Mapping[str, str]:
        """Return the channels whose answers can't be read."""
        now = self._machine_time()
        return {name: why for name, (since, why) in self._failing.items() if now - since >= GRACE_S}


@dataclass(frozen=True, slots=True)
class ReplyContext:
    """The parts of the daemon that a reply loop uses.

    `on_command` is called after each command that was carried out, so that it takes effect at once. `notify` sends a
    notice to all channels.
    """

    store: Store
    clock: Clock
    health: ReplyHealth
    on_command: Callable[[], None]
    notify: Callable[[Severity, str], Awaitable[None]]
    _notified: dict[tuple[str, str], datetime] = field(default_factory=dict)

    async def report_fault(self, severity: Severity, what: str, error: Exception) -> None:
        """Log an error of this program, and notify people: once a day for each kind, which is `what` and its type.

        A store that fails for a while is none: it reports itself, and what failed is tried again.
        """
        if is_passing(error) or isinstance(error, TimeoutError):
            return
        log.error("reply.fault what=%r cause=%r", what, str(error) or type(error).__name__, exc_info=error)
        kind, now = (what, type(error).__name__), self.clock.now()
        last = self._notified.get(kind)
        if last is not None and now - last < FAULT_REPEAT:
            return
        self._notified[kind] = now
        cause = " ".join(error.message.split())[:200] if isinstance(error, MonitorError) else kind[1]
        text = f"An error in margin-monitor: {what} ({cause}). Its log has more (reply.fault)."
        await self.notify(severity, text)


def is_passing(error: Exception) -> bool:
    """Return whether the same may work later on: the store can't be reached or does not answer.

    False for a write that it refuses alone, for rows that can't be understood, and for every other error.
    """
    return isinstance(error, StoreError) and not isinstance(error, StoreRefused) and find_bug(error) is None


class ReplyLoop(Protocol):
    """The reading of the answers of one or more channels of a service."""

    @property
    def channels(self) -> Sequence[str]: ...

    def wake(self) -> None:
        """Look at once at what the messages should show: something has changed."""
        ...

    async def run(self, context: ReplyContext) -> None:
        """Read answers and carry them out until cancelled."""
        ...


class ReplyService:
    """One task a loop; a loop that ends, for whatever reason, is started again."""

    def __init__(self, loops: Sequence[ReplyLoop], context: ReplyContext) -> None:
        self._loops = loops
        self._context = context

    def wake(self) -> None:
        """Let all loops look at what their messages should show."""
        for loop in self._loops:
            loop.wake()

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for loop in self._loops:
                tasks.create_task(self._keep_running(loop), name=f"replies {', '.join(loop.channels)}")

    async def _run_in_one_daemon(self, loop: ReplyLoop) -> None:
        """Run the loop, of several daemons only in the one that does what is done once: two readers disturb each other.

        Returns when the loop ends.
        """
        store = self._context.store
        if not store.is_shared:
            return await loop.run(self._context)
        while True:
            if not store.has_proven_leadership:
                await asyncio.sleep(LEADER_CHECK_S)
                continue
            running = asyncio.create_task(loop.run(self._context))
            try:
                while store.has_proven_leadership:
                    if (await asyncio.wait({running}, timeout=LEADER_CHECK_S))[0]:
                        return running.result()
            finally:
                running.cancel()
                await asyncio.wait({running})

    async def _keep_running(self, loop: ReplyLoop) -> None:
        rest_s = RESTART_S
        while True:
            began, cause = time.monotonic(), "it ended"
            try:
                await self._run_in_one_daemon(loop)
            except Exception as error:
                cause = type(error).__name__
                log.exception("replies.failed channels=%s", ",".join(loop.channels))
            if time.monotonic() - began > 2 * MAX_RESTART_S:
                rest_s = RESTART_S
            self._context.health.record(
                loop.channels, f"the reading of answers failed in this program: {cause}", is_lasting=True
            )
            log.error("replies.restarting channels=%s in_s=%s", ",".join(loop.channels), rest_s)
            await asyncio.sleep(rest_s)
            rest_s = min(2 * rest_s, MAX_RESTART_S)
