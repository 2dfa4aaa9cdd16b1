"""The life of the HTTP server: bound from the start, built at the first connection, built anew after a failure."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from monitor.clock import Clock
from monitor.web.connections import ConnectionTable
from monitor.web.listener import Listener
from monitor.web.port import CommandSink, DocumentSource, HealthSource, MetricsSource
from monitor.web.security.sessions import SessionTable
from monitor.web.security.token_check import TokenCheck
from monitor.web.serving import Serving
from monitor.web.settings import WebSettings, WebStatistics

if TYPE_CHECKING:
    from monitor.web.protocol import PageRunner

log = logging.getLogger(__name__)

BIND_RETRY_S = 5.0
MAX_REBUILD_PAUSE_S = 30.0
STEADY_S = 60.0
"""Machine seconds after which a server counts as steady: its next failure is followed by a short pause again."""


@dataclass(frozen=True, slots=True)
class ProgramParts:
    """The parts of the program that the web reaches."""

    documents: DocumentSource
    commands: CommandSink
    health: HealthSource
    figures: MetricsSource
    clock: Clock
    redact: Callable[[str], str]
    """Removes known secrets from a text."""


class WebServer:
    """Serves the page, the API and the metrics until cancelled. No failure of it leaves this class."""

    def __init__(self, parts: ProgramParts, notify: Callable[[str], None]) -> None:
        """`notify` sends a warning to all channels."""
        self._parts = parts
        self._notify = notify
        self._token = TokenCheck(None, parts.clock)
        self.sessions = SessionTable(parts.clock)
        self._settings: WebSettings | None = None
        self._changed = asyncio.Event()
        self._is_refusal_known = False
        self.statistics = WebStatistics()
        self.address: tuple[str, int] | None = None
        """The host and port that are served; None while there are none."""

    def configure(self, settings: WebSettings, token: str | None) -> None:
        """Use these settings from now on. Another token ends all sessions; another address is moved to."""
        if self._token.replace_token(token):
            self.sessions.close_all()
        if settings != self._settings:
            self._settings = settings
            self._changed.set()

    async def run(self) -> None:
        """Serve until cancelled."""
        pause_s = 1.0
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            settings, begun = self._settings, loop.time()
            try:
                if settings is None or not settings.listen:
                    await self._changed.wait()
                elif (listener := await self._bind(settings)) is None:
                    await self._wait_for_change(BIND_RETRY_S)
                else:
                    await self._serve(settings, listener)
            except Exception as error:
                self.statistics.restarts += 1
                log.exception("web.failed retry_s=%g cause=%s", pause_s, type(error).__name__)
                if loop.time() - begun > STEADY_S:
                    pause_s = 1.0
                await self._wait_for_change(pause_s)
                pause_s = min(2 * pause_s, MAX_REBUILD_PAUSE_S)

    async def _bind(self, settings: WebSettings) -> Listener | None:
        """Bind the listen address; None, said once, where that is not possible."""
        try:
            listener = await Listener.bind(settings.host, settings.port)
        except OSError as error:
            self.statistics.listen_failures += 1
            if not self._is_refusal_known:
                self._is_refusal_known = True
                cause = error.strerror or str(error) or "its name has no address"
                log.error("web.not_listening address=%s cause=%s", settings.listen, cause)
                self._notify(
                    f"The page can't be served at {settings.listen} ({cause}). Everything else goes on, and it is "
                    "tried again; another address can be set with listen of [http]."
                )
            return None
        self._is_refusal_known = False
        return listener

    async def _serve(self, settings: WebSettings, listener: Listener) -> None:
        """Serve at the bound address until the settings change. Raises the error that ended it."""
        self.address = listener.address
        log.info("web.listening host=%s port=%d", *self.address)
        serving = Serving(listener, partial(self._build_runner, settings), self.statistics)
        service = asyncio.create_task(serving.run(), name="web service")
        change = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait((service, change), return_when=asyncio.FIRST_COMPLETED)
            if service.done():
                service.result()
        finally:
            self.address = None
            for task in (service, change):
                task.cancel()
            await asyncio.wait((service, change))

    async def _wait_for_change(self, timeout_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()

    def _build_runner(self, settings: WebSettings, connections: ConnectionTable) -> "PageRunner":
        """Import and build the application; until somebody looks, its library is not even loaded."""
        from monitor.web.application import build_runner
        from monitor.web.context import WebContext
        from monitor.web.security.access import AccessControl

        parts = self._parts
        return build_runner(
            WebContext(
                parts.documents,
                parts.commands,
                parts.health,
                parts.figures,
                parts.clock,
                settings,
                AccessControl(self._token, self.sessions, settings),
                self.statistics,
                connections,
                parts.redact,
            )
        )
