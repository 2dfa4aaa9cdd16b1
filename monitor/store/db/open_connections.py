"""Open server connections of an engine, which another thread can abort."""

import contextlib
import os
import socket
import threading
from typing import Any
from weakref import WeakSet

from sqlalchemy import Engine, event


class OpenConnections:
    """The open connections of one engine. SQLite has none: a wait for a disk can't be aborted."""

    def __init__(self, engine: Engine) -> None:
        self._open: WeakSet[Any] = WeakSet()
        self._lock = threading.Lock()
        if engine.dialect.name == "postgresql":
            event.listen(engine, "do_connect", self._connect)

    def abort_all(self) -> int:
        """End every wait on these connections with an error; return their number."""
        with self._lock:
            connections = list(self._open)
        return sum(_shut_socket(connection) for connection in connections)

    def _connect(self, dialect: Any, record: object, arguments: Any, parameters: Any) -> Any:
        connection = dialect.connect(*arguments, **parameters)
        with self._lock:
            self._open.add(connection)
        return connection


def _shut_socket(connection: Any) -> bool:
    """Shut the socket without closing it: its number must not pass to another while a thread waits on it."""
    with contextlib.suppress(Exception):
        if not connection.closed:
            with socket.socket(fileno=os.dup(connection.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)
                return True
    return False
