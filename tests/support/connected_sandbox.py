"""An exchange session of ours with a sandbox on the same timeline."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from monitor.clock import SystemClock
from monitor.core.model.events import Event, StreamChanged, StreamEvent
from monitor.exchange.binance.api.response import ApiCredentials
from monitor.exchange.binance.binance_account import BaseUrls, BinanceAccount
from monitor.exchange.binance.factory import create_account
from monitor.exchange.binance.signing import HmacSigner
from monitor.sandbox.faults import Fault
from monitor.sandbox.http.request_log import ReceivedRequest
from monitor.sandbox.scenario.scenario import Scenario
from monitor.sandbox.server import Sandbox, SandboxInfo
from tests.support.sandbox import sandbox
from tests.support.throttled_machine import ThrottledMachine

WAIT_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class ConnectedSandbox:
    """A sandbox, its addresses, and an account connected to it."""

    sandbox: Sandbox
    ready: SandboxInfo
    clock: SystemClock
    account: BinanceAccount

    @property
    def ledger(self) -> dict[str, Any]:
        """The account as the exchange itself has it."""
        book: Any = self.sandbox.state_dump
        found: dict[str, Any] = book["accounts"]["main"]
        return found

    def pass_time(self, seconds: float) -> None:
        """Let exchange seconds pass at once, on both sides; for tests faster than the machine."""
        machine = self.clock.machine
        assert isinstance(machine, ThrottledMachine)
        machine.skip(seconds / self.clock.speed)
        self.clock.wake_sleepers()

    def requests(self, path: str, method: str = "") -> list[ReceivedRequest]:
        """The requests that the exchange received at `path`."""
        return [request for request in self.sandbox.requests if request.path == path and method in ("", request.method)]


def hosts_of(ready: SandboxInfo, **changes: Any) -> BaseUrls:
    """The addresses of the sandbox."""
    return BaseUrls(
        **{
            "rest": ready.rest_url,
            "ws_api": ready.ws_api_url,
            "market_stream": ready.market_stream_url,
            "risk_stream": ready.risk_stream_url,
            **changes,
        }
    )


def credentials_of(ready: SandboxInfo) -> ApiCredentials:
    """The first key of the first account."""
    key = ready.accounts[0]
    return ApiCredentials(key["api_key"], HmacSigner(key["api_secret"]))


@contextlib.asynccontextmanager
async def connected_sandbox(
    scenario: Scenario | None = None,
    *,
    speed: float = 1.0,
    faults: Sequence[Fault] = (),
    ahead_s: float = 0,
    **settings: Any,
) -> AsyncIterator[ConnectedSandbox]:
    """A sandbox (the calm scenario by default) and its account `main`. `settings` go to `connect`.

    `ahead_s`: the error of our clock.
    """
    async with sandbox(scenario, speed=speed, faults=faults) as running:
        ready = running.ready
        start = running.sandbox.scenario.start + timedelta(seconds=ahead_s)
        clock = SystemClock(start, speed, anchor=ready.timeline.anchor, machine=running.machine)
        chosen: dict[str, Any] = {
            "base_urls": hosts_of(ready),
            "credentials": credentials_of(ready),
            **settings,
        }
        account = create_account(name="main", clock=clock, **chosen)
        try:
            yield ConnectedSandbox(running.sandbox, ready, clock, account)
        finally:
            await account.aclose()


class EventInbox:
    """Every event delivered, in order, with waiting for the next."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._arrived = asyncio.Event()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self._arrived.set()

    async def wait_until(self, holds: Callable[[], object]) -> None:
        """Wait until the condition holds; it is checked at each event."""
        async with asyncio.timeout(WAIT_LIMIT_S):
            while not holds():
                self._arrived.clear()
                await self._arrived.wait()

    async def wait_for_next(self) -> None:
        """Wait for one more event."""
        seen = len(self.events)
        await self.wait_until(lambda: len(self.events) > seen)

    def stream_events(self, stream: str = "account") -> list[StreamEvent]:
        """The events of a stream, in order."""
        return [event for event in self.events if isinstance(event, StreamEvent) and event.stream == stream]

    def changes(self, stream: str) -> list[StreamChanged]:
        """The announcements of a stream, in order."""
        return [event for event in self.events if isinstance(event, StreamChanged) and event.stream == stream]

    def is_connected_with(self, stream: str, *subscriptions: str) -> bool:
        """Return whether the stream was last announced as connected with exactly these subscriptions."""
        changes = self.changes(stream)
        return bool(changes) and changes[-1].connected and set(changes[-1].subscriptions) == set(subscriptions)
