"""The address of a host that answers first: one that swallows packets costs a quarter of a second."""

import asyncio
import socket
from urllib.parse import urlsplit

import aiohappyeyeballs

ATTEMPT_DELAY_S = 0.25
"""So long one address is waited for before the next one is tried beside it (RFC 8305)."""

_PORTS = {"ws": 80, "wss": 443}


async def connect_fastest(url: str) -> socket.socket:
    """A connected socket to the host of the URL. Raises OSError, or ValueError for what is no such URL."""
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme)
    if not parts.hostname or port is None:
        raise ValueError("no host")
    # The loop of uvloop does not do this by itself.
    found = await asyncio.get_running_loop().getaddrinfo(
        parts.hostname, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    )
    return await aiohappyeyeballs.start_connection(found, happy_eyeballs_delay=ATTEMPT_DELAY_S, interleave=1)
