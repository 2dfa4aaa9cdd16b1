"""A channel of our own form: one JSON object by POST; any 2xx means told."""

import asyncio
import json
import logging
import ssl
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx

from monitor.notify.scrub import Scrubber
from monitor.notify.sinks import NotTold, SendResult, Told
from monitor.view.messages import Message

_REFUSES_THE_MESSAGE = frozenset({400, 410, 413, 415, 422})
"""Statuses after which the same message would be refused again; a 403 or 404 may be a passing fault of a proxy."""

_LONGEST_BODY = 2000
_KEEP_ALIVE_S = 300.0

# Both log whole addresses, which hold the channel's secret.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class WebhookSink:
    """Posts `Message.document`. The connection is kept open between messages."""

    def __init__(self, name: str, url: str, timeout_s: float) -> None:
        check_address(url)
        self._name = name
        self._url = url
        self._timeout_s = timeout_s
        self._scrub = Scrubber(url)
        self._client: httpx.AsyncClient | None = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def takes_pictures(self) -> bool:
        return False

    async def warm(self) -> None:
        if self._client is None:
            context = await asyncio.to_thread(httpx.create_ssl_context, trust_env=False)
            if self._client is None:
                self._client = self._new_client(context)

    async def send(self, message: Message) -> SendResult:
        await self.warm()
        assert self._client is not None
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._post(self._client, message)
        except TimeoutError:
            return NotTold(f"no answer within {self._timeout_s:g} s")
        except httpx.HTTPError as error:
            return NotTold(self._scrub(_cause(error)))

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _new_client(self, context: ssl.SSLContext) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            verify=context,
            timeout=self._timeout_s,
            trust_env=False,
            limits=httpx.Limits(keepalive_expiry=_KEEP_ALIVE_S),
            headers={"User-Agent": "margin-monitor", "Content-Type": "application/json"},
        )

    async def _post(self, client: httpx.AsyncClient, message: Message) -> SendResult:
        body = json.dumps(message.document, ensure_ascii=False, separators=(",", ":")).encode()
        async with client.stream("POST", self._url, content=body) as response:
            said = await _beginning(response)
        answer = self._scrub(f"HTTP {response.status_code} {_phrase(response.status_code)} {said}".strip())
        if response.is_success:
            return Told(answer)
        if response.is_redirect:
            return NotTold(f"{answer}: redirects are not followed, name the final address")
        return NotTold(answer, _retry_after_s(response), response.status_code in _REFUSES_THE_MESSAGE)


def check_address(url: str) -> None:
    """Raises ValueError, without the address, unless it is a complete http or https address."""
    try:
        parsed = httpx.URL(url)
        urlsplit(url)
    except (httpx.InvalidURL, ValueError):
        raise ValueError("the webhook is not an address that can be used; write https://host/path") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError("the webhook must be a whole http or https address such as https://host/path")


async def _beginning(response: httpx.Response) -> str:
    text = ""
    async for part in response.aiter_text():
        text += part
        if len(text) >= _LONGEST_BODY:
            break
    return text[:_LONGEST_BODY]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _cause(error: httpx.HTTPError) -> str:
    """The innermost reason, which is the one that says what happened."""
    inner: BaseException = error
    while inner.__cause__ is not None or inner.__context__ is not None:
        inner = inner.__cause__ or inner.__context__ or inner
    text = str(inner) or str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _retry_after_s(response: httpx.Response) -> float | None:
    """The wait that the server asks for: seconds, or a date measured by the server's own clock."""
    asked = response.headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdigit():
        return float(asked)
    try:
        wait = parsedate_to_datetime(asked) - parsedate_to_datetime(response.headers.get("Date", ""))
    except (ValueError, TypeError):
        return None
    return max(wait.total_seconds(), 0.0)
