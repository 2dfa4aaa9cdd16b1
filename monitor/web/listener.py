"""The listening socket: accepts few connections at a time, so that a flood of them never holds up the event loop."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable

BACKLOG = 64
ACCEPTS_AT_ONCE = 8
PAUSE_S = 0.04
"""Machine seconds between two rounds of accepting, while connections come fast: about 200 a second."""

SCARCITY = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Errors that pass by themselves; any other means that the socket no longer works."""

LOOKUP_TIMEOUT_S = 5.0
"""Machine seconds that the address of a name to listen at may take."""

FAILURE_PAUSE_S = 1.0
"""Machine seconds without accepting after a failure, such as no free file descriptor."""


class Listener:
    """A bound socket that hands over accepted connections while it is started."""

    def __init__(self, listening: socket.socket) -> None:
        self._socket = listening
        self._on_accept: Callable[[socket.socket], None] | None = None
        self._loop = asyncio.get_running_loop()
        self._resumption: asyncio.TimerHandle | None = None
        self._failure: OSError | None = None

    @classmethod
    async def bind(cls, host: str, port: int) -> "Listener":
        """Bind the address. Raises OSError when that is not possible."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        address = host, port
        if family == socket.AF_INET and not _is_address(host):
            async with asyncio.timeout(LOOKUP_TIMEOUT_S):
                found = await asyncio.get_running_loop().getaddrinfo(host, port, family=family)
            address = str(found[0][4][0]), port
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listening.setblocking(False)
            listening.bind(address)
            listening.listen(BACKLOG)
        except BaseException:
            listening.close()
            raise
        return cls(listening)

    @property
    def address(self) -> tuple[str, int]:
        """The host and port that are bound."""
        host, port = self._socket.getsockname()[:2]
        return host, port

    def check(self) -> None:
        """Raise OSError when the socket no longer works."""
        self._socket.getsockname()
        if self._failure is not None:
            raise self._failure

    def start(self, on_accept: Callable[[socket.socket], None]) -> None:
        """Accept connections from now on; `on_accept` is called with each, and never waits."""
        self._on_accept = on_accept
        if self._resumption is None:
            self._resume()

    def close(self) -> None:
        """Stop accepting, and release the address."""
        self.pause()
        if self._resumption is not None:
            self._resumption.cancel()
        self._socket.close()

    def pause(self) -> None:
        """Leave new connections to the system until `start`."""
        self._on_accept = None
        with contextlib.suppress(OSError, ValueError):
            self._loop.remove_reader(self._socket.fileno())

    def _resume(self) -> None:
        self._resumption = None
        if self._on_accept is not None:
            self._loop.add_reader(self._socket.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTS_AT_ONCE):
            if self._on_accept is None:
                return
            try:
                connection, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in SCARCITY:
                    self._failure = error
                self._rest(FAILURE_PAUSE_S)
                return
            connection.setblocking(False)
            self._on_accept(connection)
        if self._on_accept is not None:
            self._rest(PAUSE_S)

    def _rest(self, pause_s: float) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self._resumption = self._loop.call_later(pause_s, self._resume)


def _is_address(host: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET, host)
    except OSError:
        return False
    return True
