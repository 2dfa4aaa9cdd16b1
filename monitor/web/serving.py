"""One bound address: held until the first connection, then served until it is ended or fails."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from monitor.web.connections import ConnectionTable
from monitor.web.listener import Listener
from monitor.web.settings import WebStatistics

if TYPE_CHECKING:
    from monitor.web.protocol import PageRunner

log = logging.getLogger(__name__)

BUILD_TIMEOUT_S = 30.0
"""Machine seconds within which the application has to be built."""

CHECK_S = 5.0
"""Machine seconds between two checks of the listening socket."""

SHUTDOWN_S = 2.0
"""Machine seconds that the answers under way have when the server ends."""


class Serving:
    """The service at one bound address."""

    def __init__(
        self, listener: Listener, build: "Callable[[ConnectionTable], PageRunner]", statistics: WebStatistics
    ) -> None:
        """`build` returns the application; it is called in a worker thread, since it takes a good part of a second."""
        self._listener = listener
        self._build = build
        self._connections = ConnectionTable(statistics)
        self._loop = asyncio.get_running_loop()
        self._first = asyncio.Event()
        self._failure: asyncio.Future[None] = self._loop.create_future()
        self._held: list[socket.socket] = []
        self._connecting: set[asyncio.Task[None]] = set()
        self._runner: PageRunner | None = None

    async def run(self) -> None:
        """Serve until cancelled. Raises the error that ended it."""
        try:
            self._listener.start(self._hold)
            await self._wait_for(self._first.wait())
            async with asyncio.timeout(BUILD_TIMEOUT_S):
                self._runner = await asyncio.to_thread(self._build, self._connections)
                await self._runner.setup()
            while self._held:
                self._take(self._held.pop())
            self._listener.start(self._take)
            await self._wait_for(self._failure)
        finally:
            await self._shut_down()

    def _hold(self, connection: socket.socket) -> None:
        """Keep the first connection until the application is built."""
        self._listener.pause()
        self._held.append(connection)
        self._first.set()

    def _take(self, connection: socket.socket) -> None:
        task = self._loop.create_task(self._connect(connection), name="web connection")
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, connection: socket.socket) -> None:
        assert self._runner is not None
        try:
            transport, protocol = await self._loop.connect_accepted_socket(self._runner.new_protocol, connection)
            self._connections.add(protocol, transport)
        except OSError:
            connection.close()
        except Exception as error:  # noqa: BLE001 – the server is built anew
            connection.close()
            if not self._failure.done():
                self._failure.set_exception(error)

    async def _wait_for(self, event: Awaitable[object]) -> None:
        """Wait for an event. Raises OSError when the listening socket breaks meanwhile."""
        wait = asyncio.ensure_future(event)
        try:
            while not (await asyncio.wait((wait,), timeout=CHECK_S))[0]:
                # A socket that something else has closed would wait for connections without end.
                self._listener.check()
            wait.result()
        finally:
            wait.cancel()

    async def _shut_down(self) -> None:
        """End all answers under way, within SHUTDOWN_S, and all connections."""
        self._listener.close()
        for connection in self._held:
            connection.close()
        for task in self._connecting:
            task.cancel()
        try:
            if self._runner is not None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SHUTDOWN_S):
                        await self._runner.cleanup()
        except Exception as error:
            log.exception("web.shutdown_failed cause=%s", type(error).__name__)
        finally:
            self._connections.abort_all()
