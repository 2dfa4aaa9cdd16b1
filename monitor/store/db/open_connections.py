"""The connections of an engine to its server, so that one that gets no answer can be cut from another thread."""

import contextlib
import os
import socket
import threading
from typing import Any
from weakref import WeakSet

from sqlalchemy import Engine, event


class OpenConnections:
    """The open connections of one engine. SQLite has none: what waits for a disk can't be called back."""

    def __init__(self, engine: Engine) -> None:
        self._open: WeakSet[Any] = WeakSet()
        self._lock = threading.Lock()
        if engine.dialect.name == "postgresql":
            event.listen(engine, "do_connect", self._connect)

    def abort_all(self) -> int:
        """Ends the waiting of whoever waits on one of them, with an error; how many there were."""
        with self._lock:
            connections = list(self._open)
        return sum(_shut_socket(connection) for connection in connections)

    def _connect(self, dialect: Any, record: object, arguments: Any, parameters: Any) -> Any:
        connection = dialect.connect(*arguments, **parameters)
        with self._lock:
            self._open.add(connection)
        return connection


def _shut_socket(connection: Any) -> bool:
    """The socket is shut, not closed: its number must not pass to another while somebody waits on it."""
    with contextlib.suppress(Exception):
        if not connection.closed:
            with socket.socket(fileno=os.dup(connection.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)
                return True
    return False
