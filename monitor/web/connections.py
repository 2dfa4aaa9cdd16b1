"""Open connections with a deadline each: a slow client loses its connection, and never holds up others."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from monitor.web.settings import WebStatistics

MAX_CONNECTIONS = 128
"""Connections at a time. One more ends the one that has waited longest without a request."""

REQUEST_S = 10.0
"""Machine seconds from the opening of a connection to the end of the headers of its first request."""

ANSWER_S = 20.0
"""Machine seconds for one request with its answer: more than the handlers may take, and some time to send it."""

IDLE_S = 30.0
"""Machine seconds for sending the rest of an answer, and for the next request after it."""

SWEEP_S = 1.0


class Endable(Protocol):
    """The transport of a connection."""

    def is_closing(self) -> bool: ...

    def abort(self) -> None: ...


@dataclass(slots=True)
class _Connection:
    transport: Endable
    deadline: float | None
    has_request: bool = False
    is_answering: bool = False


class ConnectionTable:
    """The open connections, each until its deadline; one that sends live events has none."""

    def __init__(self, statistics: WebStatistics) -> None:
        self._connections: dict[object, _Connection] = {}
        self._statistics = statistics
        self._sweeper: asyncio.Task[None] | None = None

    def add(self, protocol: object, transport: Endable) -> None:
        """Watch a new connection; where there are too many, end the one that has waited longest."""
        if protocol in self._connections:
            return
        self._drop_closed()
        if len(self._connections) >= MAX_CONNECTIONS:
            self._end_one()
        self._connections[protocol] = _Connection(transport, _now() + REQUEST_S)
        self._statistics.connections = len(self._connections)
        if self._sweeper is None or self._sweeper.done():
            self._sweeper = asyncio.get_running_loop().create_task(self._sweep(), name="web connections")

    def begin_request(self, protocol: object, transport: Endable) -> None:
        """Note that a request has arrived: its answer has to be sent within ANSWER_S."""
        self.add(protocol, transport)
        self._set(protocol, _now() + ANSWER_S, is_answering=True)

    def begin_stream(self, protocol: object) -> None:
        """Note that the answer is a stream without end, whose sender cuts slow readers itself."""
        self._set(protocol, None, is_answering=True)

    def end_request(self, protocol: object) -> None:
        """Note that the answer is made: the rest of it and the next request have IDLE_S."""
        self._set(protocol, _now() + IDLE_S, is_answering=False)

    def abort_all(self) -> None:
        """End every connection at once."""
        for connection in self._connections.values():
            connection.transport.abort()
        self._connections.clear()
        self._statistics.connections = 0
        if self._sweeper is not None:
            self._sweeper.cancel()

    def _set(self, protocol: object, deadline: float | None, *, is_answering: bool) -> None:
        connection = self._connections.get(protocol)
        if connection is not None:
            connection.deadline, connection.has_request = deadline, True
            connection.is_answering = is_answering

    def _end_one(self) -> None:
        """End the oldest connection without any request, else the oldest that is idle, else the oldest."""
        candidates = self._connections.items()
        protocol, connection = min(candidates, key=lambda item: (item[1].has_request, item[1].is_answering))
        self._cut(protocol, connection)

    def _cut(self, protocol: object, connection: _Connection) -> None:
        connection.transport.abort()
        del self._connections[protocol]
        self._statistics.refused_connections += 1

    def _drop_closed(self) -> None:
        for protocol, connection in tuple(self._connections.items()):
            if connection.transport.is_closing():
                del self._connections[protocol]
        self._statistics.connections = len(self._connections)

    async def _sweep(self) -> None:
        """Cut connections past their deadline, as long as there are any."""
        while self._connections:
            await asyncio.sleep(SWEEP_S)
            self._drop_closed()
            now = _now()
            for protocol, connection in tuple(self._connections.items()):
                if connection.deadline is not None and connection.deadline < now:
                    self._cut(protocol, connection)


def _now() -> float:
    return asyncio.get_running_loop().time()
