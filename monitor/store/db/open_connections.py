"""Open server connections of an engine, which another thread can abort."""

import threading
from typing import Any
from weakref import WeakSet

from sqlalchemy import Engine, event

from monitor.store.db.server_sessions import shut_socket


class OpenConnections:
    """The open connections of one engine. SQLite has none: a wait for a disk can't be aborted."""

    def __init__(self, engine: Engine) -> None:
        self._open: WeakSet[Any] = WeakSet()
        self._lock = threading.Lock()
        if engine.dialect.name == "postgresql":
            # First of all listeners: what the others ask a new connection can be aborted, too.
            event.listen(engine, "connect", self._add, insert=True)

    def abort_all(self) -> int:
        """End every wait on these connections with an error; return their number."""
        with self._lock:
            connections = list(self._open)
        return sum(shut_socket(connection) for connection in connections)

    def _add(self, connection: Any, record: object) -> None:
        with self._lock:
            self._open.add(connection)
