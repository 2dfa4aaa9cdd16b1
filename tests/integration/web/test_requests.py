"""Requests that no browser would send, and the headers of every answer."""

import asyncio
import logging

import pytest
from aiohttp import web

from monitor.web import pace, workers
from monitor.web.security.access import MAX_BODY_BYTES, AccessControl
from monitor.web.security.response_headers import SECURITY_HEADERS
from tests.integration.web.http_client import parse_answer, send, send_raw
from tests.integration.web.served_daemon import AUTHORIZED, FORM, JSON, ServedDaemon
from tests.support.timeouts import SOON_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACK = "/api/v1/alerts/1/ack"

SECRET = "nobody-may-read-this-in-a-log"
UNREADABLE = {
    "control character in a cookie": f"GET / HTTP/1.1\r\nCookie: margin_monitor_session_1={SECRET}\x01\r\n\r\n",
    "control character in the token": f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\x00\r\n\r\n",
    "no name of a header": f"GET / HTTP/1.1\r\nHost: x\r\n: {SECRET}\r\n\r\n",
    "no method": f"{SECRET}\r\n\r\n",
    "too long": f"GET /{SECRET}{'x' * 20_000} HTTP/1.1\r\nHost: x\r\n\r\n",
}
BAD_CHUNK = f"Transfer-Encoding: chunked\r\n\r\n{SECRET}\r\n{SECRET}\r\n"


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


@pytest.mark.parametrize("request_text", UNREADABLE.values(), ids=UNREADABLE)
async def test_request_that_can_not_be_read_is_quoted_nowhere(
    served: ServedDaemon, request_text: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        raw = await send_raw(served.address, request_text.encode())
    answer = parse_answer(raw)
    assert (answer.status, answer.error) == (400, "bad_request")
    assert {name: answer.headers.get(name.lower()) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert b"aiohttp" not in raw and SECRET.encode() not in raw
    assert SECRET not in caplog.text and "Traceback" not in caplog.text


async def test_body_in_chunks_that_can_not_be_read_is_quoted_nowhere(
    served: ServedDaemon, caplog: pytest.LogCaptureFixture
) -> None:
    host = "{}:{}".format(*served.address)
    head = f"POST /login HTTP/1.1\r\nHost: {host}\r\nContent-Type: {FORM['Content-Type']}\r\nConnection: close\r\n"
    with caplog.at_level(logging.DEBUG):
        raw = await send_raw(served.address, (head + BAD_CHUNK).encode())
    assert parse_answer(raw).status == 400
    assert SECRET.encode() not in raw and SECRET not in caplog.text and "Traceback" not in caplog.text


async def test_unknown_expectation_is_quoted_nowhere_and_ends_the_connection(served: ServedDaemon) -> None:
    host = "{}:{}".format(*served.address)
    raw = await send_raw(served.address, f"GET / HTTP/1.1\r\nHost: {host}\r\nExpect: {SECRET}\r\n\r\n".encode())
    answer = parse_answer(raw)
    assert (answer.status, answer.headers["connection"], answer.json()["error"]["code"]) == (417, "close", "http")
    assert {name: answer.headers.get(name.lower()) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert SECRET.encode() not in raw


async def test_requests_that_can_not_be_read_are_counted(served: ServedDaemon) -> None:
    assert served.supervisor.web is not None
    before = served.supervisor.web.server.statistics.unreadable_requests
    await send_raw(served.address, b"NONSENSE\r\n\r\n")
    assert f"margin_monitor_web_unreadable_requests_total {before + 1}" in (await served.get("/metrics")).text


def pace_slowly(monkeypatch: pytest.MonkeyPatch, max_wait_s: float) -> None:
    monkeypatch.setattr(pace, "REQUESTS_PER_S", 2.0)
    monkeypatch.setattr(pace, "BURST", 1)
    monkeypatch.setattr(pace, "MAX_WAIT_S", max_wait_s)


async def test_flood_is_refused_instead_of_waiting_without_bound(
    served: ServedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    pace_slowly(monkeypatch, 1.0)
    answers = await asyncio.gather(*(served.get("/healthz") for _ in range(40)))
    refused = [answer for answer in answers if answer.status == 503]
    assert refused and {answer.error for answer in refused} == {"busy"}
    assert {answer.headers["connection"] for answer in refused} == {"close"}
    assert all(refused[0].headers.get(name.lower()) == value for name, value in SECURITY_HEADERS.items())
    assert [answer for answer in answers if answer.status == 200]


async def test_busy_server_shows_people_a_page_and_programs_a_document(
    served: ServedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "MAX_WAITING", 0)
    page = await served.get("/", {"Accept": "text/html"})
    assert (page.status, page.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "Too much is asked for at a time." in page.text
    assert (await served.get("/metrics")).error == "busy"


async def test_request_whose_sender_left_while_it_waited_is_dropped(
    served: ServedDaemon, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    handled, check = [], AccessControl.require_known_host

    def note_and_check(self: AccessControl, request: web.BaseRequest) -> None:
        handled.append(request.path)
        check(self, request)

    monkeypatch.setattr(AccessControl, "require_known_host", note_and_check)
    pace_slowly(monkeypatch, 5.0)
    before = [asyncio.ensure_future(served.get("/healthz")) for _ in range(3)]
    await asyncio.wait(before, return_when=asyncio.FIRST_COMPLETED)
    reader, writer = await asyncio.open_connection(*served.address)
    host = "{}:{}".format(*served.address)
    writer.write(f"GET /readyz HTTP/1.1\r\nHost: {host}\r\nExpect: 100-continue\r\n\r\n".encode())
    assert b" 100 " in await asyncio.wait_for(reader.readline(), SOON_S), "the request has arrived"
    writer.transport.abort()
    # Turns come in order: after these answers that of the one who left is over.
    assert [answer.status for answer in await asyncio.gather(*before)] == [200] * 3
    assert (await served.get("/healthz")).status == 200
    assert handled == ["/healthz"] * 4
    assert "Traceback" not in caplog.text
