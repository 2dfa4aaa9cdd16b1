"""Requests of the heartbeat: GET while all is well, POST to `/fail` with the reason otherwise."""

import asyncio
from urllib.parse import urlsplit, urlunsplit

import httpx

from monitor.notify.secret_scrubber import SecretScrubber

TIMEOUT_S = 10.0

_MAX_REASON_CHARS = 1000


class HeartbeatClient:
    """Pings an external dead man's switch. Its address is a secret and never part of an answer."""

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url
        self._fail_url = fail_url(url)
        self._timeout_s = timeout_s
        self._scrub = SecretScrubber(url)

    async def report_ok(self) -> str | None:
        """Report that all is well. Returns the error of the request, None if it succeeded."""
        return await self._request("GET", self._url, None)

    async def report_failure(self, reason: str) -> str | None:
        """Report the reason of a failure. Returns the error of the request, None if it succeeded."""
        return await self._request("POST", self._fail_url, reason[:_MAX_REASON_CHARS])

    async def _request(self, method: str, url: str, text: str | None) -> str | None:
        # A new connection for each request: an interval is longer than servers keep one open.
        headers = {"User-Agent": "margin-monitor"} | ({"Content-Type": "text/plain; charset=utf-8"} if text else {})
        content = None if text is None else text.encode()
        try:
            # httpx limits each single wait only, and a body may never end: it is not read.
            async with (
                asyncio.timeout(self._timeout_s),
                httpx.AsyncClient(timeout=self._timeout_s, trust_env=False) as client,
                client.stream(method, url, content=content, headers=headers) as response,
            ):
                return None if response.is_success else f"HTTP {response.status_code}"
        except TimeoutError:
            return f"no answer within {self._timeout_s:g} s"
        except Exception as error:  # noqa: BLE001 – no failure of the request may end the daemon
            return self._scrub(f"{type(error).__name__}: {error}".rstrip(": "))


def fail_url(url: str) -> str:
    """The address with `/fail` after its path."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/fail"))
