"""A webhook channel: our own JSON, any 2xx is told, and a server's wish to wait is passed on."""

import logging
from collections.abc import Iterator

import pytest

from monitor.core.model.alert import NotificationReason
from monitor.notify.factory import build_sink
from monitor.notify.sinks import Delivered, NotDelivered
from monitor.view.messages.message import alert_message
from tests.support.examples.documents import ALERT, NOW
from tests.support.sinks import Answer, HttpSink, http_sink

MESSAGE = alert_message(ALERT, NotificationReason.FIRED, None, NOW)
SECRET_PATH = "/hook/s3cr3t-token"


@pytest.fixture
def server() -> Iterator[HttpSink]:
    with http_sink() as sink:
        yield sink


async def test_object_arrives_whole_and_is_delivered(server: HttpSink) -> None:
    result = await _send(server)
    (request,) = server.received
    assert isinstance(result, Delivered)
    assert (request.method, request.path) == ("POST", SECRET_PATH)
    assert request.headers["Content-Type"] == "application/json"
    assert request.json() == MESSAGE.document
    assert request.json()["title"] == "[FIRING] critical main cross: margin level 1.21 (#17)"


async def test_connection_is_kept_between_messages(server: HttpSink) -> None:
    sink = build_sink("hook", webhook=server.url + SECRET_PATH)
    await sink.send(MESSAGE)
    await sink.send(MESSAGE)
    await sink.close()
    assert (len(server.received), server.connections) == (2, 1)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Date": "Fri, 10 Oct 2025 21:15:00 GMT", "Retry-After": "Fri, 10 Oct 2025 21:15:30 GMT"}, 30.0),
        ({"Date": "Fri, 10 Oct 2025 21:15:00 GMT", "Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, 900.0),
        ({"Date": "Fri, 10 Oct 2025 21:15:00 GMT", "Retry-After": "Fri, 10 Oct 2025 21:14:00 GMT"}, 0.0),
        ({"Date": "Fri, 10 Oct 2025 21:15:00 GMT", "Retry-After": "Fri, 31 Dec 99999 23:59:59 GMT"}, None),
        ({"Retry-After": "Fri, 10 Oct 2025 21:15:30 GMT"}, None),
        ({"Retry-After": "86400"}, 900.0),
        ({"Retry-After": "9" * 5000}, 900.0),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
async def test_rate_limit_carries_retry_after(server: HttpSink, headers: dict[str, str], wait: float | None) -> None:
    server.default = Answer(429, headers)
    result = await _send(server)
    assert isinstance(result, NotDelivered)
    assert not result.final
    assert result.retry_after_s == wait


@pytest.mark.parametrize(
    ("status", "final"), [(400, True), (422, True), (401, False), (404, False), (500, False), (503, False)]
)
async def test_refusal_is_final_only_when_the_message_itself_is_refused(
    server: HttpSink, status: int, final: bool
) -> None:
    server.default = Answer(status, body="go away")
    result = await _send(server)
    assert isinstance(result, NotDelivered)
    assert result.final is final
    assert result.answer.startswith(f"HTTP {status} ")
    assert result.answer.endswith("go away")


async def test_redirect_is_not_followed(server: HttpSink) -> None:
    server.default = Answer(302, {"Location": server.url + "/other"})
    result = await _send(server)
    assert isinstance(result, NotDelivered)
    assert "redirects are not followed" in result.answer
    assert len(server.received) == 1


async def test_hanging_server_times_out(server: HttpSink) -> None:
    server.default = Answer(hang=True)
    sink = build_sink("hook", webhook=server.url + SECRET_PATH, timeout_s=0.3)
    result = await sink.send(MESSAGE)
    await sink.close()
    assert result == NotDelivered("no answer within 0.3 s")


async def test_closed_port_gives_a_failure_and_no_exception() -> None:
    with http_sink() as gone:
        url = gone.url + SECRET_PATH
    sink = build_sink("hook", webhook=url)
    result = await sink.send(MESSAGE)
    await sink.close()
    assert isinstance(result, NotDelivered)
    assert result.answer.startswith("ConnectError")
    assert not result.final


async def test_secret_never_reaches_answer_or_log(server: HttpSink, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    server.default = Answer(500, body=f"no route {SECRET_PATH} at http://127.0.0.1{SECRET_PATH}?x=1")
    result = await _send(server)
    assert "s3cr3t" not in result.answer
    assert "s3cr3t" not in caplog.text


@pytest.mark.parametrize("address", ["ftp://host/x", "https:///s3cr3t", "nonsense", "http://[broken/x"])
def test_broken_address_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(ValueError, match="webhook") as refusal:
        build_sink("hook", webhook=address)
    assert address not in str(refusal.value)


async def _send(server: HttpSink) -> Delivered | NotDelivered:
    sink = build_sink("hook", webhook=server.url + SECRET_PATH)
    try:
        return await sink.send(MESSAGE)
    finally:
        await sink.close()
