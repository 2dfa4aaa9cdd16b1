"""Pushover's API: messages, and receipts of emergencies, which ring until somebody acknowledges them.

https://pushover.net/api and https://pushover.net/api/receipts (read 2026-11-29). Apprise sends such messages too, but
returns no receipt.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec

from monitor.notify.secret_scrubber import SecretScrubber

PUSHOVER_URL = "https://api.pushover.net"

MIN_RETRY_S = 30
MAX_EXPIRE_S = 10_800
"""Bounds of the service for the repetition of an emergency, and for its end."""

MAX_TITLE_CHARS = 250
MAX_TEXT_CHARS = 1024
MAX_LINK_CHARS = 512

_MAX_ANSWER_BYTES = 64 * 1024
_HEADERS = {"User-Agent": "margin-monitor"}

# Both log whole addresses, which hold the token.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class PushoverAnswer(msgspec.Struct, frozen=True):
    """Fields of the service's answers; `status` 1 means accepted. Numbers are 1 or 0, times are Unix seconds or 0."""

    status: int = 0
    errors: list[str] = []
    receipt: str = ""
    acknowledged: int = 0
    acknowledged_at: int = 0
    acknowledged_by_device: str = ""
    expired: int = 0
    token: str = ""


@dataclass(frozen=True, slots=True)
class PushoverFailure:
    """A request that failed, in words without secrets.

    `is_unknown`: there was no whole answer, and the request may have been carried out. `is_refused`: the service
    refuses the request itself and would do so again. `is_key_refused`: it refuses the application's token.
    """

    answer: str
    is_unknown: bool = False
    is_refused: bool = False
    is_key_refused: bool = False


class PushoverClient:
    """Requests with one application token. Each is sent once, within the time-out; no failure is an exception."""

    def __init__(self, token: str, scrub: SecretScrubber, timeout_s: float, api_url: str = PUSHOVER_URL) -> None:
        self._token = token
        self._scrub = scrub
        self._timeout_s = timeout_s
        self._api_url = api_url.rstrip("/")
        self._http: httpx.AsyncClient | None = None

    async def open(self) -> None:
        """Prepare what the first request needs, so that it does not wait for it."""
        if self._http is None:
            # Reading the certificates takes a while.
            context = await asyncio.to_thread(httpx.create_ssl_context, trust_env=False)
            # No connection is kept: the pauses are longer than servers keep one open.
            limits = httpx.Limits(max_keepalive_connections=0)
            self._http = httpx.AsyncClient(
                verify=context, limits=limits, timeout=self._timeout_s, trust_env=False, headers=_HEADERS
            )

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def send(self, fields: Mapping[str, str], image: Path | None = None) -> PushoverAnswer | PushoverFailure:
        """Send a message; `fields` are those of the API without the token."""
        files = None
        if image is not None:
            content = await asyncio.to_thread(image.read_bytes)
            files = {"attachment": (image.name, content, "image/png")}
        return await self._request("POST", "messages.json", data=dict(fields), files=files)

    async def read_receipt(self, receipt: str) -> PushoverAnswer | PushoverFailure:
        """Read whether an emergency was acknowledged. At most every five seconds, as the service asks."""
        return await self._request("GET", f"receipts/{receipt}.json")

    async def cancel(self, receipt: str) -> PushoverAnswer | PushoverFailure:
        """End the repetition of an emergency."""
        return await self._request("POST", f"receipts/{receipt}/cancel.json", data={})

    async def cancel_by_tag(self, tag: str) -> PushoverAnswer | PushoverFailure:
        """End the repetition of every emergency that was sent with the tag."""
        return await self._request("POST", f"receipts/cancel_by_tag/{tag}.json", data={})

    async def validate(self, user: str, device: str = "") -> PushoverAnswer | PushoverFailure:
        """Check the token and the user's or group's key; sends nothing to anybody."""
        fields = {"user": user, **({"device": device} if device else {})}
        return await self._request("POST", "users/validate.json", data=fields)

    async def _request(
        self, method: str, path: str, *, data: dict[str, str] | None = None, files: Any = None
    ) -> PushoverAnswer | PushoverFailure:
        address = f"{self._api_url}/1/{path}"
        params = {"token": self._token} if data is None else None
        body = None if data is None else {"token": self._token, **data}
        try:
            await self.open()
            assert self._http is not None
            # httpx limits each single wait only.
            async with (
                asyncio.timeout(self._timeout_s),
                self._http.stream(method, address, params=params, data=body, files=files) as response,
            ):
                content = b""
                async for part in response.aiter_bytes():
                    content += part
                    if len(content) > _MAX_ANSWER_BYTES:
                        break
                return self._result(response.status_code, content)
        except TimeoutError:
            return PushoverFailure(f"no answer within {self._timeout_s:g} s", is_unknown=True)
        except Exception as error:  # noqa: BLE001  no failure of a request may end the caller
            was_sent = not isinstance(error, httpx.ConnectError)
            return PushoverFailure(self._scrub(f"{type(error).__name__}: {error}".rstrip(": ")), is_unknown=was_sent)

    def _result(self, status: int, content: bytes) -> PushoverAnswer | PushoverFailure:
        try:
            answer = msgspec.json.decode(content[:_MAX_ANSWER_BYTES], type=PushoverAnswer, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError):
            answer = None
        if status == httpx.codes.OK and answer is not None and answer.status == 1:
            return answer
        said = "; ".join(answer.errors) if answer is not None else ""
        text = self._scrub(f"HTTP {status} {said}".rstrip())
        # 429: too many at once, or the month's messages are used up; a server's own fault passes.
        is_refused = 400 <= status < 500 and status not in (408, 429)
        return PushoverFailure(text, status >= 500, is_refused, answer is not None and answer.token == "invalid")
