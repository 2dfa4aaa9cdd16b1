"""The HTTP client: no environment settings, connections kept between polls, bodies bounded, URLs not logged."""

import logging
import ssl
from functools import cache
from pathlib import Path

import httpx

# Both libraries log whole URLs, signature included, at levels that a person may switch on.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


MAX_BODY_BYTES = 64 * 1024 * 1024
"""Maximum body in bytes, unpacked. The longest answer known, every symbol with its filters, has a third of that."""


class BodyTooLarge(httpx.RequestError):
    """A body longer than MAX_BODY_BYTES."""


@cache
def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return the TLS settings that all connections share: loading the authorities takes longer than many requests."""
    return ssl.create_default_context(cafile=ca_file)


def http_client(
    *,
    timeout_s: float,
    keepalive_s: float,
    proxy: str = "",
    tls: ssl.SSLContext | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """Create the HTTP client of one account.

    `tls` None: nobody is trusted, for loopback without TLS. `keepalive_s` should exceed the poll interval, or each
    poll pays for a new connection. `transport` replaces the network layer.
    """
    return httpx.AsyncClient(
        verify=tls if tls is not None else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        trust_env=False,
        proxy=proxy or None,
        timeout=timeout_s,
        # No bound: where requests queue for a connection, a request given up in that moment keeps its connection for
        # good, and after eight of them no read succeeds any more.
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=8, keepalive_expiry=keepalive_s),
        headers={"User-Agent": "margin-monitor", "Accept-Encoding": "gzip, deflate"},
        transport=transport,
    )


async def read_body(response: httpx.Response) -> bytes:
    """Return the body of a streamed response, unpacked. Raises BodyTooLarge when it exceeds MAX_BODY_BYTES."""
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge("the answer has no end")
    return bytes(body)
