"""Requests that no browser would send, and the headers of every answer."""

import asyncio

import pytest

from monitor.web.security.access import MAX_BODY_BYTES
from monitor.web.security.response_headers import SECURITY_HEADERS
from tests.integration.web.http_client import parse_answer, send, send_raw
from tests.integration.web.served_daemon import AUTHORIZED, FORM, JSON, ServedDaemon
from tests.support.timeouts import SOON_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACK = "/api/v1/alerts/1/ack"


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/metrics", "/api/v1/status", "/nothing", "/api/v1/alerts/1/ack"]
)
async def test_every_answer_has_the_headers_that_protect_it(served: ServedDaemon, path: str) -> None:
    answer = await served.get(path)
    assert {name: answer.headers.get(name.lower()) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy and "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "access-control-allow-origin" not in answer.headers


async def test_head_has_no_body(served: ServedDaemon) -> None:
    answer = await send(served.address, "HEAD", "/api/v1/status")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/static/../../../etc/passwd",
        "/static/..%2f..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
    ],
)
async def test_path_never_leaves_the_pages(served: ServedDaemon, path: str) -> None:
    answer = await served.get(path)
    assert answer.status == 404
    assert b"root:" not in answer.body


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        '"text"',
        '{"comment": 5}',
        '{"comment": null}',
        "{}",
        '{"comment": "x", "unknown": 1}',
        "[" * 8000,
        '{"comment": "\\ud800"}',
        b"\xff\xfe",
        '{"comment": ""}',
        '{"comment": "' + "x" * 2000 + '"}',
    ],
    ids=range(12),
)
async def test_body_that_can_not_be_read_is_refused(served: ServedDaemon, body: str | bytes) -> None:
    answer = await served.post(ACK, {**AUTHORIZED, **JSON}, body)
    assert (answer.status, answer.error) == (400, "usage")


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "application/xml"])
async def test_body_of_another_type_is_refused(served: ServedDaemon, kind: str) -> None:
    answer = await served.post(ACK, {**AUTHORIZED, "Content-Type": kind}, '{"comment": "x"}')
    assert (answer.status, answer.error) == (415, "unsupported_media_type")


@pytest.mark.parametrize("charset", ["utf-7", "no-such-charset", "utf-16"])
async def test_charset_of_a_body_is_not_believed(served: ServedDaemon, charset: str) -> None:
    kind = {"Content-Type": f"{FORM['Content-Type']}; charset={charset}"}
    assert (await served.post(ACK, {**AUTHORIZED, **kind}, "comment=x")).status == 404


@pytest.mark.parametrize("path", ["/api/v1/events?type=%00", "/api/v1/events?type=%1b[2J", "/api/v1/events?%00=1"])
async def test_parameter_that_can_not_be_shown_is_refused(served: ServedDaemon, path: str) -> None:
    assert (await served.get(path)).status == 400


async def test_body_that_says_it_is_too_large_is_refused_unread(served: ServedDaemon) -> None:
    head = {**AUTHORIZED, **JSON, "Content-Length": str(MAX_BODY_BYTES + 1)}
    answer = await send(served.address, "POST", ACK, head)
    assert (answer.status, answer.error) == (413, "too_large")


@pytest.mark.parametrize("path", [ACK, "/api/v1/actions/pause", "/login"])
async def test_body_without_length_is_cut_when_it_is_too_large(served: ServedDaemon, path: str) -> None:
    chunk = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
    host = "{}:{}".format(*served.address)
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {AUTHORIZED['Authorization']}\r\n"
    head += f"Content-Type: {FORM['Content-Type']}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    raw = await send_raw(served.address, head.encode() + chunk * 8 + b"0\r\n\r\n")
    assert parse_answer(raw).status == 413


async def test_headers_that_are_too_large_are_refused(served: ServedDaemon) -> None:
    for name, value in (("X-Long", "x" * 20_000), ("Cookie", "a=" + "x" * 20_000)):
        answer = await send(served.address, "GET", "/healthz", {name: value})
        assert answer.status in (400, 431)
    many = {f"X-{n}": "x" for n in range(500)}
    assert (await send(served.address, "GET", "/healthz", many)).status in (400, 431)
    assert (await served.get("/" + "x" * 20_000)).status in (400, 414)


@pytest.mark.parametrize(
    "request_text",
    [
        "GET /healthz HTTP/1.1\r\nHost: {host}\r\nX: a\r\n Injected: b\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /healthz\x00 HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "NONSENSE\r\n\r\n",
    ],
    ids=["folded header", "two lengths", "null character", "nonsense"],
)
async def test_ambiguous_request_is_refused(served: ServedDaemon, request_text: str) -> None:
    host = "{}:{}".format(*served.address)
    raw = await send_raw(served.address, request_text.format(host=host).encode())
    assert parse_answer(raw).status == 400
    assert b"injected" not in raw.lower().partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize("value", ["a%0d%0aSet-Cookie:%20b=c", "%0d%0a%0d%0a<script>"])
async def test_nothing_of_a_request_becomes_a_header(served: ServedDaemon, value: str) -> None:
    for path in (f"/api/v1/events?type={value}", f"/api/v1/history?metric={value}", f"/{value}"):
        answer = await served.get(path)
        assert "set-cookie" not in answer.headers
        assert answer.headers["content-type"].startswith("application/json")


async def test_errors_are_documents_that_name_the_fix(served: ServedDaemon) -> None:
    answer = await served.get("/api/v1/history?metric=margin_levle")
    assert (answer.status, answer.json()["error"]) == (
        400,
        {
            "code": "usage",
            "message": 'unknown metric "margin_levle"',
            "where": "metric",
            "mend": 'did you mean "margin_level"?',
        },
    )


@pytest.mark.parametrize("query", ["limit={secret}", "{secret}=1"])
async def test_known_secret_is_in_no_error(served: ServedDaemon, query: str) -> None:
    secret = served.box.ready.accounts[0]["api_secret"]
    answer = await served.get(f"/api/v1/events?{query.format(secret=secret)}")
    assert (answer.status, answer.error) == (400, "usage")
    assert secret not in answer.text and "***" in answer.text


async def test_answers_to_pipelined_requests_come_in_order(served: ServedDaemon) -> None:
    host = "{}:{}".format(*served.address)
    reader, writer = await asyncio.open_connection(*served.address)
    for path in ("/healthz", "/nothing", "/healthz"):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    statuses: list[bytes] = []
    while len(statuses) < 3:
        line = await asyncio.wait_for(reader.readline(), SOON_S)
        if line.startswith(b"HTTP/1.1 "):
            statuses.append(line.split()[1])
    writer.close()
    assert statuses == [b"200", b"404", b"200"]
