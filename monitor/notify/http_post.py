"""HTTP POST to one address over a kept connection, with the minimum of HTTP/1.1.

A general client takes several times as long until the first byte has left, and an alert waits for that.
"""

import asyncio
import base64
import codecs
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import SupportsIndex

import httpx

KEEP_ALIVE_S = 300.0
"""A connection that was idle for this long is not used any more."""

ADDRESS_TIMEOUT_S = 2.0
"""Timeout for connecting to one address of a host that has several."""

_MAX_HEAD_BYTES = 65_536
_STATUS_WITHOUT_BODY = frozenset({204, 304})


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


@dataclass(slots=True)
class _Connection:
    reader: _IdleAwareReader
    writer: asyncio.StreamWriter
    idle_since: float = 0.0

    def mark_idle(self) -> None:
        self.idle_since = time.monotonic()
        self.reader.is_idle = True

    def try_reuse(self) -> bool:
        """Return whether the connection can still be used."""
        self.reader.is_idle = False
        quiet = not self.reader.has_unexpected_data and not self.reader.at_eof() and not self.writer.is_closing()
        return quiet and time.monotonic() - self.idle_since < KEEP_ALIVE_S


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
            connection.writer.write(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))
            await connection.writer.drain()
            answer, reusable = await _read_response(connection.reader, self._max_text_chars)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
            _abort(connection)
            raise PostFailed(_parse_error_text(error)) from error
        except OSError as error:
            _abort(connection)
            raise PostFailed(f"{type(error).__name__}: {error}".rstrip(": ")) from error
        except BaseException:
            # Cancelled in the middle: the next bytes on this connection would belong to this request.
            _abort(connection)
            raise
        if reusable and self._idle_connection is None:
            connection.mark_idle()
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


async def _read_response(reader: asyncio.StreamReader, most_text: int) -> tuple[HttpResponse, bool]:
    """The response, and whether the connection can take another request."""
    while True:
        version, status, headers = _parse_head(await reader.readuntil(b"\r\n\r\n"))
        if status >= 200:
            break
    connection = headers.get("connection", "").lower()
    keeps = "close" not in connection and (version == "HTTP/1.1" or "keep-alive" in connection)
    most = 4 * most_text
    if status in _STATUS_WITHOUT_BODY:
        body, whole = b"", True
    elif "chunked" in headers.get("transfer-encoding", "").lower():
        body, whole = await _read_chunks(reader, most)
    elif "content-length" in headers:
        length = int(headers["content-length"])
        body, whole = await reader.readexactly(min(length, most)), length <= most
    else:
        body, whole = await _read_to_end(reader, most), False
    text = body.decode(_charset(headers.get("content-type", "")), errors="replace")[:most_text]
    return HttpResponse(status, headers, text), keeps and whole


def _parse_head(head: bytes) -> tuple[str, int, Mapping[str, str]]:
    """Version, status and headers. Raises ValueError for anything but HTTP/1."""
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError("the answer is not HTTP/1")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return version, int(rest[:3]), headers


async def _read_chunks(reader: asyncio.StreamReader, max_bytes: int) -> tuple[bytes, bool]:
    """The beginning of a chunked body, and whether it is complete."""
    body = b""
    while len(body) < max_bytes:
        size = int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16)
        if size == 0:
            while await reader.readuntil(b"\r\n") != b"\r\n":
                pass
            return body, True
        part = await reader.readexactly(min(size, max_bytes))
        body += part
        if len(part) < size:
            break
        await reader.readexactly(2)
    return body[:max_bytes], False


async def _read_to_end(reader: asyncio.StreamReader, max_bytes: int) -> bytes:
    """The beginning of a body that ends with its connection."""
    body = b""
    while len(body) < max_bytes and (part := await reader.read(max_bytes - len(body))):
        body += part
    return body


def _charset(content_type: str) -> str:
    _, _, named = content_type.partition("charset=")
    try:
        return codecs.lookup(named.partition(";")[0].strip(" \"'") or "utf-8").name
    except LookupError:
        return "utf-8"


def _parse_error_text(error: Exception) -> str:
    if isinstance(error, asyncio.IncompleteReadError):
        return "the server closed the connection without a whole answer"
    return f"the answer can't be read: {error}"


def _abort(connection: _Connection | None) -> None:
    if connection is not None:
        connection.writer.transport.abort()
