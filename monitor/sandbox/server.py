"""The sandbox: one loopback port with REST, the WebSocket API, and the market and risk streams."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from monitor.sandbox.api.weights import WeightMeter
from monitor.sandbox.event_feed import SentEvent
from monitor.sandbox.exchange_loop import ExchangeLoop
from monitor.sandbox.faults import Fault, FaultScript
from monitor.sandbox.http import admin_api
from monitor.sandbox.http.request_log import ReceivedRequest
from monitor.sandbox.http.rest_server import RestServer
from monitor.sandbox.scenario.scenario import Scenario
from monitor.sandbox.state_dump import dump_state
from monitor.sandbox.streams.connection import PING_INTERVAL_S, PONG_TIMEOUT_S, ClientConnection
from monitor.sandbox.streams.stream_server import StreamServer
from monitor.sandbox.user_actions import UserActions
from monitor.sandbox.venue import Venue
from monitor.sandbox.virtual_clock import VirtualClock, VirtualClockSettings


@dataclass(frozen=True, slots=True)
class SandboxInfo:
    """Addresses and keys of a running sandbox. `accounts` hold name, api_key and api_secret ("" for key pairs)."""

    rest_url: str
    ws_api_url: str
    market_stream_url: str
    risk_stream_url: str
    admin_url: str
    accounts: tuple[dict[str, str], ...]
    timeline: VirtualClockSettings
    scenario: str
    duration_s: int | None

    def as_json(self) -> dict[str, object]:
        """The ready line."""
        return {
            "rest_url": self.rest_url,
            "ws_api_url": self.ws_api_url,
            "market_stream_url": self.market_stream_url,
            "risk_stream_url": self.risk_stream_url,
            "admin_url": self.admin_url,
            "accounts": list(self.accounts),
            "timeline": self.timeline.as_json(),
            "scenario": self.scenario,
            "duration_s": self.duration_s,
        }


class Sandbox:
    """A small exchange: a scenario on a timeline, served over loopback.

    `speed` is exchange seconds in a second of the machine; `anchor` (POSIX seconds) is the real time of the scenario's
    start; `frozen` stops time until `user_actions.advance`. `wall_s` returns the POSIX seconds that drive time.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        speed: float = 1.0,
        host: str = "127.0.0.1",
        port: int = 0,
        faults: Sequence[Fault] = (),
        anchor: float | None = None,
        frozen: bool = False,
        ping_every_s: float = PING_INTERVAL_S,
        pong_within_s: float = PONG_TIMEOUT_S,
        wall_s: Callable[[], float] | None = None,
    ) -> None:
        self.scenario = scenario
        self.timeline = VirtualClock(scenario.start, speed=speed, anchor=anchor, frozen=frozen, wall_s=wall_s)
        self.venue = Venue(scenario, self.timeline)
        self._host = host
        self._port = port
        self._simulation_loop = ExchangeLoop(self.venue)
        self._fault_script = FaultScript()
        self._meter = WeightMeter(scenario.limits)
        self._stream_server = StreamServer(
            self.venue, self._simulation_loop, self._meter, ping_every_s=ping_every_s, pong_within_s=pong_within_s
        )
        self._rest_server = RestServer(
            self.venue, self._simulation_loop, self._meter, self._fault_script, self._stream_server.tokens
        )
        self.user_actions = UserActions(self.venue, self._simulation_loop, self._stream_server)
        self._runner: web.AppRunner | None = None
        self._loop_task: asyncio.Task[None] | None = None
        for fault in faults:
            self.add_fault(fault)

    @property
    def state_dump(self) -> dict[str, object]:
        """The whole ledger as JSON, at the present (see `state_dump`)."""
        self._simulation_loop.catch_up()
        return dump_state(self.venue)

    @property
    def requests(self) -> list[ReceivedRequest]:
        """Every REST request received, oldest first."""
        return self._rest_server.requests

    @property
    def ip_weight_spent(self) -> int:
        """All the weight charged to the address for requests and connections, over all pools."""
        return self._meter.spent["IP"]

    @property
    def sent_events(self) -> list[SentEvent]:
        """Every stream event sent, oldest first."""
        return self.venue.feed.sent

    @property
    def connections(self) -> list[ClientConnection]:
        """The open stream connections."""
        return self._stream_server.connections

    def add_fault(self, fault: Fault) -> None:
        """Put a fault in force."""
        if fault.stream:
            self._stream_server.apply_fault(fault)
        else:
            self._fault_script.add(fault)

    def clear_faults(self) -> None:
        """Clear all faults."""
        self._fault_script.clear()
        self._stream_server.clear_faults()

    async def start(self) -> SandboxInfo:
        """Listen, and start time. Returns the addresses."""
        app = web.Application()
        admin_api.AdminApi(
            self.user_actions,
            {
                "ledger": lambda: self.state_dump,
                "requests": lambda: [request.as_json() for request in self.requests],
                "sent-events": lambda: [sent_event.as_json() for sent_event in self.sent_events],
                "timeline": lambda: {**self.timeline.settings.as_json(), "now": self.timeline.now_ms()},
            },
            self.add_fault,
            self.clear_faults,
        ).add_routes(app)
        self._stream_server.add_routes(app)
        app.router.add_route("*", "/{path:.*}", self._rest_server.handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port, backlog=1024)
        await site.start()
        self._loop_task = asyncio.create_task(self._stream_server.run())
        return self._make_info()

    async def stop(self) -> None:
        """End every connection and free the port."""
        if self._loop_task is not None:
            self._loop_task.cancel()
            await asyncio.gather(self._loop_task, return_exceptions=True)
        await self._rest_server.close()
        await self._stream_server.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _make_info(self) -> SandboxInfo:
        assert self._runner is not None
        host, port = self._runner.addresses[0][:2]
        shown = f"[{host}]" if ":" in host else host
        accounts = tuple(
            {"name": spec.name, "api_key": key.api_key, "api_secret": key.api_secret}
            for spec in self.scenario.accounts
            for key in spec.all_keys()[:1]
        )
        return SandboxInfo(
            rest_url=f"http://{shown}:{port}",
            ws_api_url=f"ws://{shown}:{port}/ws-api/v3",
            market_stream_url=f"ws://{shown}:{port}/market",
            risk_stream_url=f"ws://{shown}:{port}/risk",
            admin_url=f"http://{shown}:{port}{admin_api.ADMIN_PATH}",
            accounts=accounts,
            timeline=self.timeline.settings,
            scenario=self.scenario.name,
            duration_s=self.scenario.duration_s,
        )
