"""Links, buttons and urgency that a message gives to the Apprise service of its channel."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from monitor.core.model.alert import AlertState, NotificationReason
from monitor.notify.apprise_plugins import load_plugin
from monitor.notify.factory import build_sink
from monitor.notify.message_links import LINK_ARGUMENTS, message_arguments
from monitor.notify.sinks import Delivered
from monitor.view.messages.message import DrillProgress, Message, alert_message, notice_message
from tests.support.examples.documents import ALERT, NOW
from tests.support.sinks import HttpSink, Received, http_sink

# Apprise itself imports a module that Python has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

PAGE = "https://margin.example.org"
FIRED, RESOLVED = NotificationReason.FIRED, NotificationReason.RESOLVED


@pytest.fixture
def server() -> Iterator[HttpSink]:
    with http_sink() as sink:
        sink.default = replace(sink.default, status=200)
        yield sink


def message(severity: str = "critical", reason: NotificationReason = FIRED, **more: Any) -> Message:
    state = AlertState.RESOLVED if reason is RESOLVED else AlertState.FIRING
    alert = replace(ALERT, severity=severity, state=state)  # type: ignore[arg-type]  # a literal of the test
    return alert_message(alert, reason, None, NOW, **{"public_url": PAGE, **more})


async def sent(server: HttpSink, query: str, wanted: Message) -> Received:
    result = await build_sink("phone", url=f"ntfy://127.0.0.1:{server.port}/margin{query}").send(wanted)
    assert isinstance(result, Delivered), result
    return server.received[-1]


async def test_ntfy_message_opens_the_alert_and_has_buttons(server: HttpSink) -> None:
    request = await sent(server, "", message())
    assert request.json()["title"].startswith("[FIRING] critical main cross")
    assert request.headers["X-Click"] == f"{PAGE}/alerts/17"
    assert request.headers["X-Actions"] == (f"view, Acknowledge #17, {PAGE}/alerts/17#ack; view, Status, {PAGE}/")
    assert request.headers["X-Priority"] == "max"


async def test_ntfy_message_of_an_end_is_calm_and_offers_no_acknowledgement(server: HttpSink) -> None:
    request = await sent(server, "", message(reason=RESOLVED))
    assert request.headers["X-Actions"] == f"view, Alert #17, {PAGE}/alerts/17; view, Status, {PAGE}/"
    assert "X-Priority" not in request.headers


async def test_ntfy_message_without_a_page_has_neither_link_nor_buttons(server: HttpSink) -> None:
    request = await sent(server, "", message("warning", public_url=""))
    assert "X-Click" not in request.headers and "X-Actions" not in request.headers
    assert request.headers["X-Priority"] == "high"


async def test_arguments_of_the_channels_address_stand(server: HttpSink) -> None:
    query = "?priority=low&click=https://example.org/mine&actions=view,%20Mine,%20https://example.org/mine"
    request = await sent(server, query, message())
    assert request.headers["X-Priority"] == "low"
    assert request.headers["X-Click"] == "https://example.org/mine"
    assert request.headers["X-Actions"] == "view, Mine, https://example.org/mine"


async def test_address_of_the_page_can_break_no_button_out_of_its_header(server: HttpSink) -> None:
    request = await sent(server, "", message(public_url="https://margin.example.org/a, b;ü"))
    assert request.headers["X-Actions"].count(";") == 1
    assert "https://margin.example.org/a%2C%20b%3B%C3%BC/alerts/17#ack" in request.headers["X-Actions"]


async def test_each_message_has_its_own_link(server: HttpSink) -> None:
    sink = build_sink("phone", url=f"ntfy://127.0.0.1:{server.port}/margin")
    other = alert_message(replace(ALERT, id=18), FIRED, None, NOW, public_url=PAGE)
    for each in (message(), other, notice_message("info", "nothing to open")):
        assert isinstance(await sink.send(each), Delivered)
    assert [request.headers.get("X-Click") for request in server.received] == [
        f"{PAGE}/alerts/17",
        f"{PAGE}/alerts/18",
        None,
    ]


@pytest.mark.parametrize(
    ("severity", "reason", "priority"),
    [("info", FIRED, None), ("warning", FIRED, "high"), ("critical", FIRED, "max"), ("critical", RESOLVED, None)],
)
def test_urgency_follows_severity_until_the_end(
    severity: str, reason: NotificationReason, priority: str | None
) -> None:
    drill = DrillProgress(1, 2, 3)
    for wanted in (message(severity, reason), message(severity, reason, drill=drill)):
        assert message_arguments("ntfy", wanted).get("priority") == priority


def test_drill_and_notice_have_no_page() -> None:
    assert "click" not in message_arguments("ntfy", message(drill=DrillProgress(1, 2, 3)))
    assert message_arguments("discord", notice_message("critical", "the database can't be used")) == {}


@pytest.mark.parametrize(
    ("url", "attribute"),
    [
        ("discord://123456789012345678/abcdefghijklmnopqrstuvwxyz", "href"),
        ("pover://uQiRzpo4DXghDmr9QzzfQu27cmVRsG@azGDORePK8gMaC0QOYAMyEEuzJnyUi", "supplemental_url"),
        ("bark://127.0.0.1/device", "click"),
        ("pagerduty://integrationkey@apikey", "click"),
        ("ntfys://ntfy.example.org/margin", "click"),
    ],
)
def test_each_service_takes_the_link_by_the_argument_named_for_it(url: str, attribute: str) -> None:
    schema = url.partition("://")[0]
    assert LINK_ARGUMENTS[schema] == attribute
    plugin = load_plugin(url, message_arguments(schema, message()))
    assert getattr(plugin, attribute) == f"{PAGE}/alerts/17"


def test_service_without_a_link_of_its_own_gets_no_arguments() -> None:
    assert message_arguments("slack", message()) == {}
    assert message_arguments("json", message()) == {}
