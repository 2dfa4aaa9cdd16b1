"""The life of the HTTP server: bound from the start, built at the first connection, built anew after a failure."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.clock import Clock
from monitor.web.connections import ConnectionTable
from monitor.web.listener import Listener
from monitor.web.port import CommandSink, DocumentSource, HealthSource, MetricsSource
from monitor.web.security.sessions import SessionTable
from monitor.web.security.token_check import TokenCheck
from monitor.web.settings import WebSettings, WebStatistics

if TYPE_CHECKING:
    from aiohttp import web

log = logging.getLogger(__name__)

BUILD_TIMEOUT_S = 30.0
"""Machine seconds within which the application has to be built."""

BIND_RETRY_S = 5.0
MAX_REBUILD_PAUSE_S = 30.0
STEADY_S = 60.0
"""Machine seconds after which a server counts as steady: its next failure is followed by a short pause again."""

CHECK_S = 5.0
"""Machine seconds between two checks of the listening socket."""

SHUTDOWN_S = 2.0
"""Machine seconds that the answers under way have when the server ends."""


@dataclass(frozen=True, slots=True)
class ProgramParts:
    """The parts of the program that the web reaches."""

    documents: DocumentSource
    commands: CommandSink
    health: HealthSource
    figures: MetricsSource
    clock: Clock


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
                elif (listener := self._bind(settings)) is None:
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

    def _bind(self, settings: WebSettings) -> Listener | None:
        """Bind the listen address; None, said once, where that is not possible."""
        try:
            listener = Listener.bind(settings.host, settings.port)
        except OSError as error:
            self.statistics.listen_failures += 1
            if not self._is_refusal_known:
                self._is_refusal_known = True
                cause = error.strerror or str(error)
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
        failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting: list[socket.socket] = []
        connecting: set[asyncio.Task[None]] = set()
        connections = ConnectionTable(self.statistics)
        runner: web.AppRunner | None = None
        self.address = listener.address
        log.info("web.listening host=%s port=%d", *self.address)
        try:
            first = asyncio.Event()

            def hold(connection: socket.socket) -> None:
                # Nothing is imported or built before somebody looks.
                listener.pause()
                waiting.append(connection)
                first.set()

            listener.start(hold)
            if not await self._wait_for_one(first.wait(), listener):
                return
            async with asyncio.timeout(BUILD_TIMEOUT_S):
                runner = await asyncio.to_thread(self._build_runner, settings, connections)
                await runner.setup()
            server = runner.server
            assert server is not None

            async def connect(connection: socket.socket) -> None:
                try:
                    transport, protocol = await asyncio.get_running_loop().connect_accepted_socket(server, connection)
                    connections.add(protocol, transport)
                except OSError:
                    connection.close()
                except Exception as error:  # noqa: BLE001 – the server is built anew
                    connection.close()
                    if not failure.done():
                        failure.set_exception(error)

            def take(connection: socket.socket) -> None:
                task = asyncio.get_running_loop().create_task(connect(connection), name="web connection")
                connecting.add(task)
                task.add_done_callback(connecting.discard)

            while waiting:
                take(waiting.pop())
            listener.start(take)
            await self._wait_for_one(failure, listener)
        finally:
            self.address = None
            listener.close()
            for connection in waiting:
                connection.close()
            for task in connecting:
                task.cancel()
            await _shut_down(runner, connections)

    async def _wait_for_one(self, event: Awaitable[object], listener: Listener) -> bool:
        """Return whether the event came before a change of the settings. Raises OSError for a broken listener."""
        waits = {asyncio.ensure_future(event), asyncio.ensure_future(self._changed.wait())}
        try:
            while True:
                done, _ = await asyncio.wait(waits, timeout=CHECK_S, return_when=asyncio.FIRST_COMPLETED)
                if self._changed.is_set():
                    return False
                for wait in done:
                    wait.result()
                    return True
                # A socket that something else has closed would wait for connections without end.
                listener.check()
        finally:
            for wait in waits:
                wait.cancel()

    async def _wait_for_change(self, timeout_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()

    def _build_runner(self, settings: WebSettings, connections: ConnectionTable) -> "web.AppRunner":
        """Import and build the application, in a worker thread: that takes a good part of a second."""
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
            )
        )


async def _shut_down(runner: "web.AppRunner | None", connections: ConnectionTable) -> None:
    """End all answers under way, within SHUTDOWN_S, and all connections."""
    try:
        if runner is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SHUTDOWN_S):
                    await runner.cleanup()
    except Exception as error:
        log.exception("web.shutdown_failed cause=%s", type(error).__name__)
    finally:
        connections.abort_all()
