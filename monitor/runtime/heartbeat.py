"""When the heartbeat is sent: at every interval, well or ill, and sooner again when it did not get through."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from monitor.clock import Clock
from monitor.notify.heartbeat import Heartbeat

log = logging.getLogger(__name__)

START_LOOK_S = 0.5
AGAIN_AFTER = 5
"""A ping that did not get through is tried again after this part of the interval."""


@dataclass(frozen=True, slots=True)
class DeadManSwitch:
    """Where the pings go, and how often."""

    heartbeat: Heartbeat
    every: timedelta


class Pulse:
    """Pings while nothing ails. Whoever takes the pings misses them when this process is gone."""

    def __init__(self, switch: DeadManSwitch, clock: Clock, ailments: Callable[[], Sequence[str]]) -> None:
        self._heartbeat = switch.heartbeat
        self._clock = clock
        self._every_s = switch.every.total_seconds()
        self._ailments = ailments
        self._was_well = True

    async def run(self) -> None:
        """Until cancelled. The first ping comes as soon as all is well, or says after an interval why it is not."""
        look_s = min(START_LOOK_S * self._clock.speed, self._every_s)
        for _ in range(round(self._every_s / look_s)):
            if not self._ailments():
                break
            await self._clock.sleep(look_s)
        while True:
            pause_s = self._every_s if await self._beat() else self._every_s / AGAIN_AFTER
            await self._clock.sleep(pause_s)

    async def _beat(self) -> bool:
        """Whether it got through."""
        found = tuple(self._ailments())
        if found and self._was_well:
            log.warning("heartbeat.ill reason=%r", "; ".join(found))
        elif not found and not self._was_well:
            log.info("heartbeat.well")
        self._was_well = not found
        failed = await (self._heartbeat.ill("\n".join(found)) if found else self._heartbeat.well())
        if failed is not None:
            log.warning("heartbeat.lost cause=%s", failed)
        return failed is None
