"""Waits shared by the streams: for time or an event, for the first coroutine to end, for new wishes."""

import asyncio
import time
from collections.abc import Coroutine, Iterable

from monitor.clock import Clock


async def sleep_or_event(clock: Clock, seconds: float, *events: asyncio.Event) -> None:
    """Wait for exchange seconds, or until one of the events is set."""
    await _wait_for_first(clock.sleep(seconds), *(event.wait() for event in events))


async def run_until_first(*coroutines: Coroutine[None, None, object]) -> None:
    """Run all until the first ends; the others are cancelled. Raises the exception of the first."""
    for task in await _wait_for_first(*coroutines):
        task.result()


class DualClockTimer:
    """Timer of a span that must pass by the clock and by the machine both.

    A clock that runs fast makes no network slow, and while a clock stands still nothing happens.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._clock_start = clock.elapsed_s()
        self._machine_start = time.monotonic()

    def has_passed(self, seconds: float) -> bool:
        """Return whether more than `seconds` have passed by both."""
        by_clock = self._clock.elapsed_s() - self._clock_start
        return min(by_clock, time.monotonic() - self._machine_start) > seconds


class SubscriptionSet:
    """Set of wanted names that may change at any time, with an event for the next change."""

    def __init__(self) -> None:
        self.wanted: frozenset[str] = frozenset()
        self._changed = asyncio.Event()

    def replace(self, names: Iterable[str]) -> None:
        """Want exactly these names from now on."""
        new = frozenset(names)
        if new != self.wanted:
            self.wanted = new
            self._changed.set()
            self._changed = asyncio.Event()

    def next_change(self) -> asyncio.Event:
        """Return the event that the next change sets; to be taken before `wanted` is read."""
        return self._changed


async def _wait_for_first(*coroutines: Coroutine[None, None, object]) -> set["asyncio.Task[object]"]:
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
