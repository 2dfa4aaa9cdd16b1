"""The phone that is told, and the one of another daemon, to which nobody listens."""

import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

_NUMBERS = re.compile(r"\bR-(\d+)\b")


@dataclass(slots=True)
class Phone:
    """The channel's other end. `answers` are used up one a message (0: cut off); after that it takes everything."""

    answers: list[int]
    url: str = ""
    heard: list[dict[str, Any]] = field(default_factory=list)
    now_ms: Callable[[], int] = lambda: 0
    """The exchange's time."""
    named: dict[int, int] = field(default_factory=dict)
    """When it first heard of each intent, by its number."""

    async def receive(self, request: web.Request) -> web.StreamResponse:
        try:
            said = await request.json()
        except ConnectionResetError:
            # Killed in the middle of what it said: nothing was heard.
            return web.Response()
        answer = self.answers.pop(0) if self.answers else 204
        if answer == 204:
            self.heard.append(said)
            for number in _NUMBERS.findall(json.dumps(said)):
                self.named.setdefault(int(number), self.now_ms())
        if answer == 0:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return web.Response(status=answer)


async def _ignore_request(request: web.Request) -> web.StreamResponse:
    await request.read()
    return web.Response(status=204)


@contextlib.asynccontextmanager
async def running_phone(phone: Phone) -> AsyncIterator[Phone]:
    """The phone, reached at its address; what is told to another's goes unheard."""
    application = web.Application()
    application.router.add_post("/", phone.receive)
    application.router.add_post("/elsewhere", _ignore_request)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        phone.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        yield phone
    finally:
        await runner.cleanup()
