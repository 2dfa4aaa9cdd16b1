"""HTTP by hand: what a client library would tidy up or refuse is sent as it is."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.timeouts import SOON_S

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its status, its headers in lower case, its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The code of the error document."""
        return str(self.json()["error"]["code"])


async def send_raw(address: Address, request: bytes, source: str = "127.0.0.1") -> bytes:
    """Everything that the server sends until it closes the connection."""
    reader, writer = await asyncio.open_connection(*address, local_addr=(source, 0))
    try:
        writer.write(request)
        await writer.drain()
        return await asyncio.wait_for(reader.read(), SOON_S)
    finally:
        writer.close()


async def send(
    address: Address,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | str = b"",
    source: str = "127.0.0.1",
) -> Answer:
    """The answer to one request, from this address of the machine. The path is sent as it is."""
    content = body.encode() if isinstance(body, str) else body
    sent = {"Host": f"{address[0]}:{address[1]}", "Connection": "close", **(headers or {})}
    if content or method == "POST":
        sent.setdefault("Content-Length", str(len(content)))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()), "", ""]
    return parse_answer(await send_raw(address, "\r\n".join(lines).encode() + content, source))


def parse_answer(raw: bytes) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = _joined(body)
    return Answer(int(first.split(" ")[1]) if first else 0, headers, body)


def _joined(chunks: bytes) -> bytes:
    body = b""
    while chunks:
        size, _, rest = chunks.partition(b"\r\n")
        length = int(size, 16)
        body, chunks = body + rest[:length], rest[length + 2 :]
    return body
