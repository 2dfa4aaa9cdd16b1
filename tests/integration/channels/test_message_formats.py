"""What services show: our text in the format of each, in parts where it is too long, or people's own words."""

from pathlib import Path

import pytest

from monitor.core.model.alert import NotificationReason
from monitor.notify.factory import build_sink
from monitor.notify.sinks import Delivered
from monitor.view.messages.message import alert_message, notice_message
from monitor.view.messages.template import MessageTemplate
from tests.support.examples.documents import ALERT, NOW
from tests.support.mqtt import BROKERS, mqtt_sink
from tests.support.sinks import Answer, html_of, http_sink, smtp_sink

# Apprise itself imports a module that Python has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

MESSAGE = alert_message(ALERT, NotificationReason.FIRED, None, NOW)
FIRST = MESSAGE.text.splitlines()[0]


async def test_markdown_service_shows_the_first_line_bold() -> None:
    with http_sink() as server:
        server.default = Answer(200, body="{}")
        url = f"gotify://127.0.0.1:{server.port}/s3cr3t-token?format=markdown"
        assert isinstance(await build_sink("phone", url=url).send(MESSAGE), Delivered)
    told = server.received[0].json()["message"]
    assert told.startswith(f"**{FIRST.replace('_', chr(92) + '_')}**")
    assert "margin\\_level \\<= margin\\_call\\_level" in told


async def test_a_mail_shows_the_first_line_bold_and_the_condition_as_it_is() -> None:
    with smtp_sink() as server:
        url = f"mailto://127.0.0.1:{server.port}/?from=daemon@example.org&to=me@example.org&mode=insecure&format=html"
        assert isinstance(await build_sink("mail", url=url).send(MESSAGE), Delivered)
    shown = html_of(server.mails[0])
    assert f"<b>{FIRST}</b>" in shown
    assert "margin_level &lt;= margin_call_level" in shown


async def test_long_text_is_sent_in_parts() -> None:
    lines = [f"line {number}" for number in range(2000)]
    with http_sink() as server:
        server.default = Answer(200, body="ok")
        url = f"mmost://127.0.0.1:{server.port}/{'a' * 24}"
        assert isinstance(await build_sink("chat", url=url).send(notice_message("info", "\n".join(lines))), Delivered)
    parts = [request.json()["text"] for request in server.received]
    assert len(parts) > 1
    assert all(len(part) <= 4000 for part in parts)
    together = "\n".join(parts)
    assert all(line in together for line in lines)


@pytest.mark.parametrize("kind", ["webhook", "apprise"])
async def test_template_is_used_on_every_kind_of_channel(kind: str) -> None:
    template = MessageTemplate("m.txt", "{{ severity }}! {{ title }}")
    with http_sink() as server:
        url, webhook = (f"json://127.0.0.1:{server.port}", "") if kind == "apprise" else ("", f"{server.url}/hook")
        sink = build_sink("phone", url=url, webhook=webhook, template=template)
        assert isinstance(await sink.send(MESSAGE), Delivered)
    told = server.received[0].json()
    assert told["text" if kind == "webhook" else "message"] == f"critical! {MESSAGE.title}"


@pytest.mark.parametrize("name", BROKERS)
async def test_mqtt_broker_gets_the_message(name: str, tmp_path: Path) -> None:
    with mqtt_sink(tmp_path, name) as broker:
        sink = build_sink("home", url=f"mqtt://127.0.0.1:{broker.port}/alerts/margin?qos=1&format=text")
        assert isinstance(await sink.send(MESSAGE), Delivered)
        [published] = broker.wait_for_count(1)
    assert FIRST in published
    assert MESSAGE.title in published
