"""The services that call: Apprise takes each address of the cookbook, and asks for what the page says, over HTTP."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest

from monitor.core.model.alert import AlertState, NotificationReason
from monitor.notify.apprise_plugins import load_plugin
from monitor.notify.factory import build_sink
from monitor.notify.sinks import Delivered
from monitor.view.messages.message import Message, alert_message
from tests.docs.pages import CHECKOUT, section
from tests.support.examples.documents import ALERT, NOW
from tests.support.sinks import HttpSink, Received, http_sink

# Apprise itself imports a module that Python has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

PAGE = CHECKOUT / "docs/guide/cookbook.md"
FROM, TO = "+15551230001", "+15551230002"
GIVEN = {
    "ACCOUNT_SID": "AC" + "0a" * 16,
    "AUTH_TOKEN": "0b" * 16,
    "+FROM": FROM,
    "+TO": TO,
    "INTEGRATION_KEY": "ab12cd34-ab12-4c5d-8e9f-0123456789ab",
    "API_KEY": "pager-key",
    "SECRET": "team-secret",
    "TOKEN": "stack-token",
    "EMAIL": "me@example.org",
}


def addresses() -> dict[str, str]:
    """The table's addresses by scheme, with keys such as a service gives them; the host is left."""
    found: dict[str, str] = {}
    for address in re.findall(r"\| `(\w+://[^`]+)` \|", section(PAGE, "A voice at the end")):
        for name, value in GIVEN.items():
            address = re.sub(rf"(?<![A-Z_]){re.escape(name)}(?![A-Z_])", value, address)
        found[address.partition("://")[0]] = address
    return found


def message(reason: NotificationReason = NotificationReason.FIRED, **more: Any) -> Message:
    state = AlertState.RESOLVED if reason is NotificationReason.RESOLVED else AlertState.FIRING
    return replace(alert_message(replace(ALERT, state=state), reason, None, NOW), **more)


FIRED, RESOLVED = message(), message(NotificationReason.RESOLVED)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpSink]:
    """What stands in for all of the services: Apprise knows only their public addresses."""
    from apprise.plugins import betterstack, pagerduty, signl4, twilio

    with http_sink() as sink:
        sink.default = replace(sink.default, status=201)
        monkeypatch.setattr(twilio.NotifyTwilio, "notify_call_url", f"{sink.url}/Accounts/{{sid}}/Calls.json")
        monkeypatch.setattr(signl4.NotifySIGNL4, "notify_url", f"{sink.url}/webhook/{{secret}}/")
        monkeypatch.setattr(betterstack.NotifyBetterStack, "incident_url", f"{sink.url}/incidents")
        monkeypatch.setitem(pagerduty.PAGERDUTY_API_LOOKUP, pagerduty.PagerDutyRegion.US, f"{sink.url}/enqueue")
        yield sink


async def called(service: HttpSink, scheme: str, *messages: Message) -> list[Received]:
    """The requests for these messages."""
    sink = build_sink("call", url=addresses()[scheme])
    for each in messages:
        result = await sink.send(each)
        assert isinstance(result, Delivered), result
    return service.received


def test_apprise_takes_every_address_of_the_table() -> None:
    from apprise import Apprise

    known = addresses()
    assert set(known) == {"twilio", "goalerts", "pagerduty", "signl4", "betterstack"}
    for scheme, address in known.items():
        assert Apprise().add(address.replace("HOST", "goalert.example.org")), scheme
    plugin = load_plugin(known["goalerts"].replace("HOST", "goalert.example.org"))
    assert (plugin.host, plugin.targets, plugin.invalid_targets, plugin.dedup) == (
        "goalert.example.org",
        [GIVEN["INTEGRATION_KEY"]],
        [],
        "near-call",
    )


async def test_twilio_calls_and_speaks_title_and_text(service: HttpSink) -> None:
    (request,) = await called(service, "twilio", FIRED)
    assert request.path == f"/Accounts/{GIVEN['ACCOUNT_SID']}/Calls.json"
    form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    assert (form["From"], form["To"]) == (FROM, TO)
    assert form["Twiml"].startswith(f"<Response><Say>{FIRED.title}</Say><Say>") and "Rule " in form["Twiml"]


async def test_twilio_takes_a_text_that_begins_with_a_tag_as_it_stands(service: HttpSink) -> None:
    spoken = '<Response><Say voice="alice" language="de-DE">Achtung</Say></Response>'
    (request,) = await called(service, "twilio", message(text=spoken))
    assert parse_qs(request.body.decode())["Twiml"] == [spoken]


async def test_pagerduty_opens_and_resolves_one_incident(service: HttpSink) -> None:
    raised, ended = [request.json() for request in await called(service, "pagerduty", FIRED, RESOLVED)]
    assert (raised["routing_key"], raised["event_action"], raised["dedup_key"]) == (
        GIVEN["INTEGRATION_KEY"],
        "trigger",
        "near-call",
    )
    assert raised["payload"]["severity"] == "critical" and FIRED.title in raised["payload"]["summary"]
    assert (ended["event_action"], ended["dedup_key"]) == ("resolve", "near-call")


async def test_signl4_opens_and_resolves_one_alert(service: HttpSink) -> None:
    raised, ended = await called(service, "signl4", FIRED, RESOLVED)
    assert raised.path == f"/webhook/{GIVEN['SECRET']}/"
    assert (raised.json()["title"], raised.json()["X-S4-ExternalID"]) == (FIRED.title, "near-call")
    assert "X-S4-Status" not in raised.json()
    assert (ended.json()["X-S4-Status"], ended.json()["X-S4-ExternalID"]) == ("resolved", "near-call")


async def test_better_stack_opens_an_incident_that_calls(service: HttpSink) -> None:
    (request,) = await called(service, "betterstack", FIRED)
    incident = request.json()
    assert request.headers["Authorization"] == f"Bearer {GIVEN['TOKEN']}"
    assert (incident["name"], incident["requester_email"]) == (FIRED.title, GIVEN["EMAIL"])
    assert {name: incident[name] for name in ("call", "sms", "email", "push")} == {
        "call": True,
        "sms": False,
        "email": False,
        "push": False,
    }
