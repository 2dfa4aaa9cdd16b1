"""The heartbeat's requests, to a real server."""

import asyncio
import contextlib

import pytest

from monitor.notify.heartbeat import HeartbeatClient, fail_url
from tests.support.sinks import Answer, http_sink

SECRET = "0b1c2d3e-secret"


async def test_success_is_a_get_and_failure_a_post_with_the_reason() -> None:
    with http_sink() as sink:
        heartbeat = HeartbeatClient(f"{sink.url}/{SECRET}")
        assert await heartbeat.report_ok() is None
        assert await heartbeat.report_failure("account main was not read for 2m 1s") is None
    assert [(one.method, one.path, one.body.decode()) for one in sink.received] == [
        ("GET", f"/{SECRET}", ""),
        ("POST", f"/{SECRET}/fail", "account main was not read for 2m 1s"),
    ]


@pytest.mark.parametrize("answer", [Answer(500), Answer(302, {"Location": "/"}), Answer(hang=True)])
async def test_refused_ping_is_reported_without_the_address(answer: Answer) -> None:
    with http_sink() as sink:
        sink.default = answer
        lost = await HeartbeatClient(f"{sink.url}/{SECRET}", timeout_s=0.3).report_ok()
    assert lost is not None and SECRET not in lost
    refused = await HeartbeatClient(f"http://127.0.0.1:1/{SECRET}", timeout_s=1).report_ok()
    assert refused is not None and SECRET not in refused


@pytest.mark.parametrize(
    ("head", "is_taken"),
    [(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", True), (b"HTTP/1.1 200 OK\r\n", False)],
)
async def test_endless_answer_is_dropped(head: bytes, is_taken: bool) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        with contextlib.suppress(OSError):
            while True:
                writer.write(b"1\r\nx\r\n" if is_taken else b"X: y\r\n")
                await writer.drain()
                await asyncio.sleep(0.05)

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        lost = await asyncio.wait_for(HeartbeatClient(f"http://127.0.0.1:{port}/{SECRET}", timeout_s=1).report_ok(), 30)
        server.close()
    assert (lost is None) is is_taken


@pytest.mark.parametrize(
    ("url", "fails_at"),
    [
        ("https://hc.example/u", "https://hc.example/u/fail"),
        ("https://hc.example/u/", "https://hc.example/u/fail"),
        ("https://hc.example/u?a=b", "https://hc.example/u/fail?a=b"),
    ],
)
def test_fail_is_appended_to_the_path(url: str, fails_at: str) -> None:
    assert fail_url(url) == fails_at
