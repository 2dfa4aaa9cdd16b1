"""A proxy to a server with faults: bytes dropped, connections cut unnoticed by the server, or answers lost."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path


class FaultyProxy:
    """Listens on loopback and carries bytes to a server's socket, while no fault is set."""

    def __init__(self, server: Path) -> None:
        self._server = str(server)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self.swallows = False
        """True: everything is dropped on both sides without an error; new connections too."""

        self.loses_answers_to = b""
        """A request with these bytes reaches the server; its answer is lost with the connection."""

        threading.Thread(target=self._accept, daemon=True).start()

    def disconnect_clients(self) -> None:
        """Close the client's side of each connection; the server is not notified."""
        for client, _ in self._pairs:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def lead_to(self, server: Path) -> None:
        """Connect to another server from now on; open connections are closed."""
        self._server = str(server)
        self.disconnect_clients()

    def close(self) -> None:
        self._listener.close()
        for pair in self._pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self._server)
            except OSError:
                client.close()
                continue
            self._pairs.append((client, server))
            robbed = threading.Event()
            threading.Thread(target=self._ask, args=(client, server, robbed), daemon=True).start()
            threading.Thread(target=self._answer, args=(client, server, robbed), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket, robbed: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while asked := client.recv(65536):
                if self.loses_answers_to and self.loses_answers_to in asked:
                    robbed.set()
                if not self.swallows:
                    server.sendall(asked)

    def _answer(self, client: socket.socket, server: socket.socket, robbed: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while answer := server.recv(65536):
                if robbed.is_set():
                    self.loses_answers_to = b""
                    client.shutdown(socket.SHUT_RDWR)
                    server.shutdown(socket.SHUT_RDWR)
                    return
                if not self.swallows:
                    client.sendall(answer)


@contextlib.contextmanager
def proxy_to(server: Path) -> Iterator[FaultyProxy]:
    """A proxy to the socket of a server, closed at the end."""
    line = FaultyProxy(server)
    try:
        yield line
    finally:
        line.close()
