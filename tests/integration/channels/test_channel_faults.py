"""Every kind of channel before a real server that is gone, silent, slow, unwilling or overrun: an answer, in time."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor.core.model.alert import NotificationReason
from monitor.notify.factory import build_sink
from monitor.notify.sinks import Delivered, NotDelivered, Sink
from monitor.view.messages.message import alert_message
from tests.support.examples.documents import ALERT, NOW
from tests.support.mqtt import BROKERS, mqtt_sink
from tests.support.sinks import Answer, http_sink, smtp_sink

# Apprise itself imports a module that Python has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

MESSAGE = alert_message(ALERT, NotificationReason.FIRED, None, NOW)
SHORT_S, TIMEOUT_S = 0.6, 30.0
KINDS: dict[str, Callable[[int], str]] = {
    "webhook": lambda port: f"http://127.0.0.1:{port}/hook",
    "http": lambda port: f"json://127.0.0.1:{port}/hook",
    "mail": lambda port: f"mailto://127.0.0.1:{port}?from=monitor@example.org&to=me@example.org&mode=insecure",
    "mqtt": lambda port: f"mqtt://127.0.0.1:{port}/alerts/margin?qos=1",
}


def sink_of(kind: str, port: int, query: str = "", timeout_s: float = TIMEOUT_S) -> Sink:
    url = KINDS[kind](port) + query
    if kind == "webhook":
        return build_sink(kind, webhook=url, timeout_s=timeout_s)
    return build_sink(kind, url=url, timeout_s=timeout_s)


@contextmanager
def silent_server() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def hold() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=hold, daemon=True).start()
        yield int(server.getsockname()[1])
        for one in held:
            one.close()


def closed_port() -> int:
    """A port at which nobody listens any more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize("kind", KINDS)
async def test_missing_server_gives_a_failure(kind: str) -> None:
    result = await sink_of(kind, closed_port()).send(MESSAGE)
    assert isinstance(result, NotDelivered)
    assert result.answer


@pytest.mark.parametrize("kind", KINDS)
async def test_silent_server_times_out(kind: str) -> None:
    with silent_server() as port:
        begun = time.monotonic()
        result = await sink_of(kind, port, timeout_s=SHORT_S).send(MESSAGE)
    assert isinstance(result, NotDelivered)
    assert time.monotonic() - begun < SHORT_S + 30


@pytest.mark.parametrize("kind", ["webhook", "http"])
async def test_a_slow_server_is_waited_for(kind: str) -> None:
    with http_sink() as server:
        server.default = Answer(200, after_s=0.3)
        assert isinstance(await sink_of(kind, server.port).send(MESSAGE), Delivered)


@pytest.mark.parametrize(("kind", "said"), [("webhook", "try later"), ("http", "try later")])
async def test_rate_limiting_server_is_quoted(kind: str, said: str) -> None:
    with http_sink() as server:
        server.default = Answer(429, headers={"Retry-After": "7"}, body=said)
        result = await sink_of(kind, server.port).send(MESSAGE)
    assert isinstance(result, NotDelivered)
    assert "429" in result.answer
    assert said in result.answer
    assert kind != "webhook" or result.retry_after_s == 7


@pytest.mark.parametrize("said", ["554 5.7.1 not from you", "451 4.7.1 too many, try again later"])
async def test_refusing_mail_server_is_quoted(said: str) -> None:
    with smtp_sink() as server:
        server.refuse_with = said
        result = await sink_of("mail", server.port).send(MESSAGE)
    assert isinstance(result, NotDelivered)
    assert said[:3] in result.answer


@pytest.mark.parametrize("name", BROKERS)
async def test_refusing_broker_gives_a_failure(name: str, tmp_path: Path) -> None:
    with mqtt_sink(tmp_path, name, password="s3cr3t") as broker:
        result = await sink_of("mqtt", broker.port).send(MESSAGE)
        assert broker.published == []
    assert isinstance(result, NotDelivered)
    assert "s3cr3t" not in result.answer
