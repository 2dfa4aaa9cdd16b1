"""Timing of the heartbeat: one ping an interval, well or not, and sooner after a ping that failed."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from monitor.clock import Clock
from monitor.notify.heartbeat import HeartbeatClient

log = logging.getLogger(__name__)

START_CHECK_S = 0.5
RETRY_DIVISOR = 5
"""A ping that failed is tried again after this part of the interval."""


@dataclass(frozen=True, slots=True)
class HeartbeatSettings:
    """The client that sends the pings, and their interval."""

    heartbeat: HeartbeatClient
    every: timedelta


class HeartbeatSender:
    """Pings that report success while there are no health problems. When this process is gone, its pings are missed."""

    def __init__(self, settings: HeartbeatSettings, clock: Clock, health_problems: Callable[[], Sequence[str]]) -> None:
        self._heartbeat = settings.heartbeat
        self._clock = clock
        self._every_s = settings.every.total_seconds()
        self._health_problems = health_problems
        self._was_well = True

    async def run(self) -> None:
        """Send pings until cancelled: the first as soon as all is well, or after one interval with the problems."""
        look_s = min(START_CHECK_S * self._clock.speed, self._every_s)
        for _ in range(round(self._every_s / look_s)):
            if not self._health_problems():
                break
            await self._clock.sleep(look_s)
        while True:
            pause_s = self._every_s if await self._send() else self._every_s / RETRY_DIVISOR
            await self._clock.sleep(pause_s)

    async def _send(self) -> bool:
        """Send one ping; return whether it was delivered."""
        problems = tuple(self._health_problems())
        if problems and self._was_well:
            log.warning("heartbeat.ill reason=%r", "; ".join(problems))
        elif not problems and not self._was_well:
            log.info("heartbeat.well")
        self._was_well = not problems
        failed = await (
            self._heartbeat.report_failure("\n".join(problems)) if problems else self._heartbeat.report_ok()
        )
        if failed is not None:
            log.warning("heartbeat.lost cause=%s", failed)
        return failed is None
