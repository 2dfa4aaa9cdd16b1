"""Connections to the address of a host that answers first: an unreachable one costs a quarter of a second."""

import asyncio
import socket
from urllib.parse import urlsplit

import aiohappyeyeballs

ATTEMPT_DELAY_S = 0.25
"""Seconds until the next address is tried beside one that has not answered (RFC 8305)."""

_PORTS = {"ws": 80, "wss": 443}


async def connect_fastest(url: str) -> socket.socket:
    """Return a connected socket to the host of the URL. Raises OSError, or ValueError for an invalid URL."""
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme)
    if not parts.hostname or port is None:
        raise ValueError("no host")
    # The loop of uvloop does not do this by itself.
    found = await asyncio.get_running_loop().getaddrinfo(
        parts.hostname, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    )
    return await aiohappyeyeballs.start_connection(found, happy_eyeballs_delay=ATTEMPT_DELAY_S, interleave=1)
