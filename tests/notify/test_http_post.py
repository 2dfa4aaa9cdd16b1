"""Posting over a kept connection, before servers that speak every dialect of HTTP/1.1, and some that speak none."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import pytest

from monitor.notify.http_post import HttpPoster, HttpResponse, PostFailed
from tests.support.timeouts import SOON_S

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[str]:
    running = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with running:
        yield f"127.0.0.1:{running.sockets[0].getsockname()[1]}"


def server_answering(
    *answers: bytes, connections: list[asyncio.Event] | None = None, requests: list[bytes] | None = None
) -> Serve:
    """Each connection gets these answers in turn, one a request, and is closed after the last."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = asyncio.Event()
        if connections is not None:
            connections.append(left)
        for answer in answers:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
            if requests is not None:
                requests.append(head + body)
            writer.write(answer)
            await writer.drain()
        writer.close()
        await writer.wait_closed()
        left.set()

    return serve


async def post_to(answer: bytes, most: int = 2000) -> HttpResponse:
    async with server(server_answering(answer)) as host:
        posting = HttpPoster(f"http://{host}/hook", {}, most)
        try:
            return await posting.post(b"{}")
        finally:
            posting.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthere",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=1\r\nth\r\n3\r\nere\r\n0\r\nTrailer: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nthere",
        b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nthere",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\nCONTENT-LENGTH:5\r\n\r\nthere",
    ],
)
async def test_body_is_read_however_it_is_framed(answer: bytes) -> None:
    told = await post_to(answer)
    assert (told.status, told.text) == (200, "there")


async def test_text_is_read_in_its_own_charset_and_cut() -> None:
    body = "größer".encode("latin-1")
    head = b"HTTP/1.1 500 No\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Length: 6\r\n\r\n"
    assert (await post_to(head + body, most=4)).text == "größ"


async def test_endless_answer_is_dropped() -> None:
    told = await post_to(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" + b"x" * 100_000, most=10)
    assert told.text == "x" * 10


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "closed the connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nthere", "closed the connection"),
        (b"220 mail.example.org ESMTP\r\n\r\n", "not HTTP/1"),
        (b"HTTP/1.1 2x0 OK\r\n\r\n", "can't be read"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", "can't be read"),
    ],
)
async def test_invalid_answer_is_a_failure(answer: bytes, why: str) -> None:
    with pytest.raises(PostFailed, match=why):
        await post_to(answer)


async def test_connection_closed_by_the_server_is_reopened() -> None:
    connections: list[asyncio.Event] = []
    goodbye = b"HTTP/1.1 204 No Content\r\n\r\n" + b"HTTP/1.1 408 Request Timeout\r\n\r\n"
    async with server(server_answering(goodbye, connections=connections)) as host:
        posting = HttpPoster(f"http://{host}/hook", {}, 100)
        for _ in range(3):
            assert (await posting.post(b"{}")).status == 204
            await connections[-1].wait()
            # The loop has to bring the goodbye.
            for _ in range(10):
                await asyncio.sleep(0)
        posting.close()
    assert len(connections) == 3


async def test_posts_at_one_time_do_not_wait_for_each_other() -> None:
    both = asyncio.Barrier(2)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        await both.wait()
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await reader.read()
        writer.close()

    async with server(serve) as host:
        posting = HttpPoster(f"http://{host}/hook", {}, 100)
        async with asyncio.timeout(SOON_S):
            told = await asyncio.gather(posting.post(b"{}"), posting.post(b"{}"))
        posting.close()
    assert [each.status for each in told] == [204, 204]


async def test_cancelled_post_leaves_nothing_behind() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = (await reader.readuntil(b"}"))[-3:]
        if body == b"{1}":
            await reader.read()
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond")
        writer.close()

    async with server(serve) as host:
        posting = HttpPoster(f"http://{host}/hook", {}, 100)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await posting.post(b"{1}")
        assert (await posting.post(b"{2}")).text == "second"
        posting.close()


async def test_request_carries_path_credentials_and_headers() -> None:
    requests: list[bytes] = []
    async with server(server_answering(b"HTTP/1.1 204 No Content\r\n\r\n", requests=requests)) as host:
        posting = HttpPoster(f"http://me:p%40ss@{host}/ä b?k=v", {"Content-Type": "application/json"}, 100)
        await posting.post(b'{"a":1}')
        posting.close()
    head, _, body = requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /%C3%A4%20b?k=v HTTP/1.1"
    assert {f"Host: {host}", "Authorization: Basic bWU6cEBzcw==", "Content-Type: application/json"} <= set(lines)
    assert body == b'{"a":1}'
