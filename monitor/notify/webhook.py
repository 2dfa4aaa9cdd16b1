"""A webhook sink: one JSON object by POST; any 2xx answer is a delivery."""

import asyncio
import json
import logging
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx

from monitor.core.notifications.outbox import MAX_WAIT_S
from monitor.notify.http_post import HttpPoster, PostFailed
from monitor.notify.secret_scrubber import SecretScrubber
from monitor.notify.sinks import Delivered, NotDelivered, SendResult
from monitor.view.messages.message import Message

_MESSAGE_REFUSED = frozenset({400, 410, 413, 415, 422})
"""Statuses after which the same message would be refused again; a 403 or 404 may be a passing fault of a proxy."""

_MAX_ANSWER_CHARS = 2000
_HEADERS = {"User-Agent": "margin-monitor", "Content-Type": "application/json"}

# Both log whole addresses, which hold the channel's secret.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class WebhookSink:
    """Posts `Message.document`. The connection is kept open between messages."""

    def __init__(self, name: str, url: str, timeout_s: float) -> None:
        check_address(url)
        self._name = name
        self._timeout_s = timeout_s
        self._scrub = SecretScrubber(url)
        self._poster = HttpPoster(url, _HEADERS, _MAX_ANSWER_CHARS)

    @property
    def name(self) -> str:
        return self._name

    @property
    def accepts_images(self) -> bool:
        return False

    @property
    def is_formatted(self) -> bool:
        return False

    async def warm_up(self) -> None:
        await self._poster.warm_up()

    async def send(self, message: Message) -> SendResult:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._post(message)
        except TimeoutError:
            return NotDelivered(f"no answer within {self._timeout_s:g} s")
        except PostFailed as error:
            return NotDelivered(self._scrub(str(error)))

    async def close(self) -> None:
        self._poster.close()

    async def _post(self, message: Message) -> SendResult:
        body = json.dumps(message.document, ensure_ascii=False, separators=(",", ":")).encode()
        said = await self._poster.post(body)
        answer = self._scrub(f"HTTP {said.status} {_status_phrase(said.status)} {said.text}".strip())
        if 200 <= said.status < 300:
            return Delivered(answer)
        if 300 <= said.status < 400 and "location" in said.headers:
            return NotDelivered(f"{answer}: redirects are not followed, name the final address")
        is_refused = said.status in _MESSAGE_REFUSED
        return NotDelivered(answer, _retry_after_s(said.headers), is_refused, is_refused)


def check_address(url: str) -> None:
    """Raise ValueError, without the address, unless it is a complete http or https address."""
    try:
        parsed = httpx.URL(url)
        urlsplit(url)
    except (httpx.InvalidURL, ValueError):
        raise ValueError("the webhook is not an address that can be used; write https://host/path") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError("the webhook must be a whole http or https address such as https://host/path")


def _status_phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The wait that the server asks for, at most a quarter of an hour: seconds, or a date by the server's own clock.

    A date without the server's own time is ignored: our clock may be wrong.
    """
    asked = headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdigit():
        # Longer than any useful number: not parsed.
        return MAX_WAIT_S if len(asked) > 9 else min(float(asked), MAX_WAIT_S)
    try:
        wait_s = (parsedate_to_datetime(asked) - parsedate_to_datetime(headers.get("date", ""))).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait_s, 0.0), MAX_WAIT_S)
