"""The loop of ticks: every account gets one each second, of many accounts less often; the daemon reports its life."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from monitor.clock import Clock
from monitor.core.model.alert import Severity
from monitor.core.model.events import CommandsRead
from monitor.runtime.account.account_owners import AccountOwners
from monitor.runtime.account.account_service import AccountService
from monitor.runtime.account.supervisor import AccountSupervisor
from monitor.runtime.daemon_health import DaemonHealth
from monitor.runtime.load.time_budget import TimeBudget
from monitor.runtime.store_session import StoreSession

START_TICK_S = 0.5
"""Seconds between two ticks until the daemon is ready: its service manager and its users wait for that."""

MIN_TICK_S = 0.1
"""Machine seconds: the shortest time between two ticks, for a fast clock."""

MAX_GROUPS = 50
"""Most groups of accounts that get their ticks one after the other: a price waits for those of one group at most."""

_SAME_ACCOUNT = (
    "{names} are the same account of the exchange: no action is taken in any of them. Take all but one out of the "
    "configuration."
)

_TickCount = tuple[int, int]
"""A service and its number of ticks: a service that was built anew starts from zero."""


class TickLoop:
    """Ticks of all accounts, and the proof that each of them goes on."""

    def __init__(
        self,
        supervisor: AccountSupervisor,
        store_session: StoreSession,
        owners: AccountOwners,
        health: DaemonHealth,
        clock: Clock,
        notify: Callable[[Severity, str], Awaitable[None]],
        on_tick: Callable[[], None],
        budget: TimeBudget,
    ) -> None:
        """`on_tick` is called whenever every running account has completed another tick. `budget`: the interval."""
        self._supervisor = supervisor
        self._store_session = store_session
        self._owners = owners
        self._health = health
        self._clock = clock
        self._notify = notify
        self._on_tick = on_tick
        self._budget = budget
        self._last_counts: Mapping[str, _TickCount] = {}
        self._reported_counts: Mapping[str, _TickCount] = {}
        self._ready = asyncio.Event()
        self._woken = asyncio.Event()

    @property
    def is_ready(self) -> bool:
        """True once every account was read and evaluated, or was known to be failing."""
        return self._ready.is_set()

    async def wait_until_ready(self) -> None:
        """Wait until `is_ready`."""
        await self._ready.wait()

    def wake(self) -> None:
        """Send the next tick at once: a person's command waits for it."""
        self._woken.set()

    async def run(self) -> None:
        """Send ticks until cancelled. The loop waits for nothing, least of all for the store.

        The ticks of many accounts are spread over the time between two. Commands, and a call of `wake`, are for all of
        them at once.
        """
        is_woken = False
        while True:
            services = dict(self._supervisor.services)
            fresh = self._store_session.take_new_commands()
            groups = [tuple(services)] if is_woken or fresh is not None else split_accounts(tuple(services))
            round_s = max(MIN_TICK_S, self._interval_s / self._clock.speed)
            began = time.monotonic()
            for number, group in enumerate(groups, 1):
                self._send_ticks({name: services[name] for name in group}, fresh)
                for names in self._owners.take_new_twins():
                    await self._notify("critical", _SAME_ACCOUNT.format(names=" and ".join(names)))
                is_woken = await self._wait_or_wake(began + round_s * number / len(groups) - time.monotonic())
                if is_woken:
                    break
            self._report_progress(services)
            if self._health.is_every_account_known:
                self._ready.set()

    @property
    def _interval_s(self) -> float:
        return self._budget.interval_s if self.is_ready else START_TICK_S

    async def _wait_or_wake(self, wait_s: float) -> bool:
        """Wait, for a turn of the event loop at least; return whether a call of `wake` ended that."""
        await asyncio.sleep(0)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, wait_s)):
                await self._woken.wait()
        is_woken = self._woken.is_set()
        self._woken.clear()
        return is_woken

    def _send_ticks(self, services: Mapping[str, AccountService], fresh: CommandsRead | None) -> None:
        for name, service in services.items():
            if self._supervisor.services.get(name) is not service:
                continue
            health = self._health.read(name)
            own_health = replace(
                health,
                account_failing=self._supervisor.is_failing(name),
                store_failing=health.store_failing or not service.runner.is_known,
            )
            service.tick(fresh, own_health)

    def _report_progress(self, services: Mapping[str, AccountService]) -> None:
        """Note the accounts that went on since the last tick, and report if all have since the last report."""
        counts = {name: (id(service), service.runner.ticks) for name, service in services.items()}
        self._health.note_steps(n for n, count in counts.items() if _has_advanced(self._last_counts.get(n), count))
        self._last_counts = counts
        is_begun = bool(counts) or self.is_ready
        if is_begun and all(_has_advanced(self._reported_counts.get(n), count) for n, count in counts.items()):
            self._reported_counts = counts
            self._on_tick()


def split_accounts(names: Sequence[str]) -> Sequence[Sequence[str]]:
    """Return the names in groups of nearly equal size, at least one group."""
    count = max(1, min(MAX_GROUPS, len(names)))
    return [names[number::count] for number in range(count)]


def _has_advanced(before: _TickCount | None, count: _TickCount) -> bool:
    service, ticks = before if before is not None else (0, 0)
    return count[1] > (ticks if count[0] == service else 0)
