"""A bare signed client of the tests' own, and sandboxes for it."""

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from monitor.sandbox.exchange_loop import ExchangeLoop
from monitor.sandbox.scenario.scenario import Scenario
from monitor.sandbox.server import Sandbox, SandboxInfo
from monitor.sandbox.venue import Venue
from monitor.sandbox.virtual_clock import VirtualClock
from tests.support.timeouts import SOON_S


@dataclass(frozen=True, slots=True)
class ClientAnswer:
    """The status and body of an answer."""

    status: int
    body: Any
    headers: dict[str, str]


class SignedClient:
    """Sends requests to a sandbox as its account `number`."""

    def __init__(self, sandbox: Sandbox, ready: SandboxInfo, number: int = 0) -> None:
        self._sandbox = sandbox
        self._rest_url = ready.rest_url
        self.key = ready.accounts[number]["api_key"]
        self.secret = ready.accounts[number]["api_secret"]
        self.session = aiohttp.ClientSession()

    async def __aenter__(self) -> "SignedClient":
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.session.close()

    async def signed(self, method: str, path: str, **params: object) -> ClientAnswer:
        """Send a signed request."""
        values = {**params, "timestamp": params.get("timestamp", self._sandbox.timeline.now_ms())}
        payload = encode(values)
        signature = hmac.new(self.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        return await self.raw(method, path, f"{payload}&signature={signature}")

    async def get(self, path: str, **params: object) -> ClientAnswer:
        """Send a signed GET."""
        return await self.signed("GET", path, **params)

    async def post(self, path: str, **params: object) -> ClientAnswer:
        """Send a signed POST."""
        return await self.signed("POST", path, **params)

    async def keyed(self, method: str, path: str, **params: object) -> ClientAnswer:
        """Send a request with the key header alone."""
        return await self.raw(method, path, encode(params))

    async def raw(self, method: str, path: str, query: str, *, key: str | None = None, body: str = "") -> ClientAnswer:
        """Send a request with exactly this query string and body."""
        headers = {"X-MBX-APIKEY": self.key if key is None else key}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        url = URL(f"{self._rest_url}{path}?{query}" if query else f"{self._rest_url}{path}", encoded=True)
        async with self.session.request(method, url, headers=headers, data=body or None) as response:
            raw = await response.read()
            try:
                shown: Any = msgspec.json.decode(raw)
            except msgspec.DecodeError:
                shown = raw.decode()
            return ClientAnswer(response.status, shown, dict(response.headers))


def encode(params: dict[str, Any]) -> str:
    """The percent-encoded query string."""
    return "&".join(f"{name}={quote(str(value), safe='')}" for name, value in params.items())


async def wait_until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds, for no longer than any machine needs."""
    deadline = asyncio.get_running_loop().time() + SOON_S
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.005)


def venue_and_loop(scenario: Scenario) -> tuple[Venue, ExchangeLoop]:
    """A venue on a frozen timeline, without a server."""
    venue = Venue(scenario, VirtualClock(scenario.start, frozen=True))
    return venue, ExchangeLoop(venue)


def advance_time(venue: Venue, clockwork: ExchangeLoop, seconds: float) -> None:
    """Process the next seconds."""
    venue.timeline.advance(seconds)
    clockwork.catch_up()
