"""A guard at the door of this process: connections to other machines are refused and remembered."""

import ipaddress
import socket
import sys
from typing import Self

CONNECTS = ("socket.connect", "socket.sendto", "socket.sendmsg")
LOOKUPS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")

_present: list["NetworkGuard"] = []


class OutsideConnection(OSError):
    """A client wanted to leave this machine."""


class NetworkGuard:
    """While it stands, only loopback is reached. `refused` names what was tried."""

    def __init__(self) -> None:
        self.refused: list[str] = []

    def __enter__(self) -> Self:
        _present.append(self)
        return self

    def __exit__(self, *_error: object) -> None:
        _present.remove(self)

    def watch(self, event: str, arguments: tuple[object, ...]) -> None:
        """Refuse what leads away from this machine."""
        if event in CONNECTS:
            one, address = arguments[0], arguments[-1]
            if isinstance(one, socket.socket) and one.family == socket.AF_UNIX:
                return
            host = address[0] if isinstance(address, tuple) and address else address
        elif event in LOOKUPS:
            host = arguments[0]
        else:
            return
        if not _is_here(host):
            self.refused.append(f"{event} {host}")
            raise OutsideConnection(f"{host} is not this machine")


def _is_here(host: object) -> bool:
    if host is None or host in ("localhost", b"localhost", ""):
        return True
    try:
        return ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host)).is_loopback
    except ValueError:
        return False


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    for guard in _present:
        guard.watch(event, arguments)


# An audit hook can't be taken out again: it is put in once, and does nothing while no guard stands.
sys.addaudithook(_hook)
