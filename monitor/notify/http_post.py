"""HTTP POST to one address over a kept connection; h11 reads the answers.

A general client takes several times as long until the first byte has left, and an alert waits for that.
"""

import asyncio
import base64
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import SupportsIndex

import h11
import httpx

KEEP_ALIVE_S = 300.0
"""A connection that was idle for this long is not used any more."""

ADDRESS_TIMEOUT_S = 2.0
"""Timeout for connecting to one address of a host that has several."""

_MAX_HEAD_BYTES = 65_536
_MAX_READ_BYTES = 1 << 20
"""More than a stream reader holds: a read leaves nothing in its buffer."""

_REQUEST = h11.Request(method="POST", target="/", headers=[("Host", "localhost"), ("Content-Length", "0")])
"""Stands for any sent request in h11's state: requests are written without h11, which is slow."""


class PostFailed(Exception):
    """The body may not have arrived: no connection, a lost one, or an answer that is not HTTP."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A server's response. The names of `headers` are in lower case; `text` is cut to the requested length."""

    status: int
    headers: Mapping[str, str]
    text: str


class _IdleAwareReader(asyncio.StreamReader):
    """Detects unsolicited data or EOF on an idle connection."""

    is_idle = False
    has_unexpected_data = False

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        self.has_unexpected_data = self.has_unexpected_data or self.is_idle
        super().feed_data(data)

    def feed_eof(self) -> None:
        self.has_unexpected_data = self.has_unexpected_data or self.is_idle
        super().feed_eof()


def _new_parser() -> h11.Connection:
    return h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES)


@dataclass(slots=True)
class _Connection:
    reader: _IdleAwareReader
    writer: asyncio.StreamWriter
    parser: h11.Connection = field(default_factory=_new_parser)
    idle_since: float = 0.0

    async def exchange(self, request: bytes, max_chars: int) -> HttpResponse:
        """Send a request and return its answer, with at most `max_chars` of its text. Raises PostFailed, OSError."""
        self.writer.write(request)
        self.parser.send(_REQUEST)
        self.parser.send(h11.EndOfMessage())
        await self.writer.drain()
        try:
            while not isinstance(head := await self._next_event(), h11.Response):
                pass
            body = b""
            while len(body) < 4 * max_chars and isinstance(event := await self._next_event(), h11.Data):
                body += event.data[: 4 * max_chars - len(body)]
            headers = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
            text = body.decode(_charset(headers.get("content-type", "")), errors="replace")[:max_chars]
        except h11.RemoteProtocolError as error:
            if self.parser.trailing_data[1]:
                raise PostFailed("the server closed the connection without a whole answer") from error
            raise PostFailed(f"the answer can't be read: it is not HTTP/1: {str(error)[:100]}") from error
        return HttpResponse(head.status_code, headers, text)

    def try_release(self) -> bool:
        """Mark the connection as idle if it can take another request after a complete answer; return whether it can."""
        if self.parser.their_state is not h11.DONE or self.parser.trailing_data[0]:
            return False
        self.parser.start_next_cycle()
        self.idle_since = time.monotonic()
        self.reader.is_idle = True
        return True

    def try_reuse(self) -> bool:
        """Return whether the connection can still be used."""
        self.reader.is_idle = False
        quiet = not self.reader.has_unexpected_data and not self.reader.at_eof() and not self.writer.is_closing()
        return quiet and time.monotonic() - self.idle_since < KEEP_ALIVE_S

    async def _next_event(self) -> object:
        while (event := self.parser.next_event()) is h11.NEED_DATA:
            self.parser.receive_data(await self.reader.read(_MAX_READ_BYTES))
        return event


class HttpPoster:
    """Posts to one http or https address. Redirects are answers like any other, and no proxy is used."""

    def __init__(
        self, url: str, headers: Mapping[str, str], max_text_chars: int, tls: ssl.SSLContext | None = None
    ) -> None:
        """`max_text_chars`: at most this much of an answer is read. `tls` replaces the default trust."""
        self._url = httpx.URL(url)
        self._max_text_chars = max_text_chars
        self._tls = tls
        self._idle_connection: _Connection | None = None
        lines = [
            f"POST {self._url.raw_path.decode('ascii')} HTTP/1.1",
            f"Host: {self._url.netloc.decode('ascii')}",
            "Accept: */*",
            "Accept-Encoding: identity",
            *_authorization_lines(self._url),
            *(f"{name}: {value}" for name, value in headers.items()),
            "Content-Length: ",
        ]
        self._head = "\r\n".join(lines).encode("ascii")

    async def warm_up(self) -> None:
        """Load what the first post needs; does not connect yet."""
        if self._url.scheme == "https" and self._tls is None:
            context = await asyncio.to_thread(httpx.create_ssl_context, trust_env=False)
            context.set_alpn_protocols(["http/1.1"])
            self._tls = context

    async def post(self, body: bytes) -> HttpResponse:
        """Send one request and return its answer; a request is never repeated. Raises PostFailed. Has no timeout of its
        own."""
        await self.warm_up()
        connection, self._idle_connection = self._idle_connection, None
        if connection is not None and not connection.try_reuse():
            _abort(connection)
            connection = None
        try:
            if connection is None:
                connection = await self._connect()
            request = b"%b%d\r\n\r\n%b" % (self._head, len(body), body)
            answer = await connection.exchange(request, self._max_text_chars)
        except OSError as error:
            _abort(connection)
            raise PostFailed(f"{type(error).__name__}: {error}".rstrip(": ")) from error
        except BaseException:
            # Cancelled in the middle: the next bytes on this connection would belong to this request.
            _abort(connection)
            raise
        if connection.try_release() and self._idle_connection is None:
            self._idle_connection = connection
        else:
            _abort(connection)
        return answer

    def close(self) -> None:
        """Close the connection."""
        _abort(self._idle_connection)
        self._idle_connection = None

    async def _connect(self) -> _Connection:
        host, port = self._url.raw_host.decode("ascii").strip("[]"), self._url.port
        port = port if port is not None else 443 if self._tls is not None else 80
        try:
            addresses = await asyncio.get_running_loop().getaddrinfo(host, port, type=1)
            *others, last = dict.fromkeys(found[4][0] for found in addresses)
        except (OSError, ValueError) as error:
            raise PostFailed(f"ConnectError: the host is unknown: {error}") from error
        for address in others:
            try:
                # An unreachable address of a host must not use up the whole time-out.
                async with asyncio.timeout(ADDRESS_TIMEOUT_S):
                    return await self._open(str(address), port, host)
            except OSError:
                continue
        try:
            return await self._open(str(last), port, host)
        except OSError as error:
            raise PostFailed(f"ConnectError: {error}".rstrip(": ")) from error

    async def _open(self, address: str, port: int, host: str) -> _Connection:
        loop = asyncio.get_running_loop()
        reader = _IdleAwareReader(limit=_MAX_HEAD_BYTES, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        named = None if self._tls is None else host
        transport, _ = await loop.create_connection(
            lambda: protocol, address, port, ssl=self._tls, server_hostname=named
        )
        return _Connection(reader, asyncio.StreamWriter(transport, protocol, reader, loop))


def _authorization_lines(url: httpx.URL) -> list[str]:
    if not url.userinfo:
        return []
    return [f"Authorization: Basic {base64.b64encode(f'{url.username}:{url.password}'.encode()).decode()}"]


def _charset(content_type: str) -> str:
    charset = content_type.partition("charset=")[2].partition(";")[0].strip(" \"'") or "utf-8"
    try:
        b"0".decode(charset, errors="replace")
    except (LookupError, ValueError):
        return "utf-8"
    return charset


def _abort(connection: _Connection | None) -> None:
    if connection is not None:
        connection.writer.transport.abort()
