"""Channels behind Apprise, through real HTTP and SMTP servers on loopback."""

import asyncio
import io
import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.core.model.alert import NotificationReason
from monitor.errors import ConfigError
from monitor.notify.apprise_plugins import MODULE_OF, load_plugin
from monitor.notify.factory import build_sink, parse_service_name
from monitor.notify.sinks import Delivered, NotDelivered
from monitor.view.messages.message import alert_message
from tests.support.examples.documents import ALERT, NOW
from tests.support.sinks import Answer, HttpSink, SmtpSink, http_sink, smtp_sink, text_of

# Apprise itself imports a module that Python has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

MESSAGE = alert_message(ALERT, NotificationReason.FIRED, None, NOW)
TITLE = "[FIRING] critical main cross: margin level 1.21 (#17)"


@pytest.fixture
def server() -> Iterator[HttpSink]:
    with http_sink() as sink:
        yield sink


@pytest.fixture
def mail_server() -> Iterator[SmtpSink]:
    with smtp_sink() as sink:
        yield sink


async def test_http_service_gets_title_text_and_type(server: HttpSink) -> None:
    result = await build_sink("phone", url=_json_url(server)).send(MESSAGE)
    (request,) = server.received
    assert isinstance(result, Delivered)
    assert request.json()["title"] == TITLE
    assert request.json()["message"] == MESSAGE.text
    assert request.json()["type"] == "failure"


@pytest.mark.parametrize(
    ("severity", "reason", "kind"),
    [
        ("info", NotificationReason.FIRED, "info"),
        ("warning", NotificationReason.FIRED, "warning"),
        ("critical", NotificationReason.RESOLVED, "success"),
    ],
)
async def test_type_follows_severity(server: HttpSink, severity: str, reason: NotificationReason, kind: str) -> None:
    alert = replace(ALERT, severity=severity)  # type: ignore[arg-type]  # parametrised literal
    await build_sink("phone", url=_json_url(server)).send(alert_message(alert, reason, None, NOW))
    assert server.received[0].json()["type"] == kind


async def test_mail_arrives_readable_with_its_title_as_subject(mail_server: SmtpSink) -> None:
    result = await build_sink("mail", url=_mail_url(mail_server)).send(MESSAGE)
    assert isinstance(result, Delivered)
    (mail,) = mail_server.mails
    assert mail["Subject"] == TITLE
    assert mail_server.recipients == [["me@example.org"]]
    assert "margin_level &lt;= margin_call_level" in text_of(mail) or "margin_level <= margin_call_level" in text_of(
        mail
    )


async def test_picture_travels_where_the_service_takes_one(mail_server: SmtpSink, tmp_path: Path) -> None:
    picture = tmp_path / "chart.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 64)
    await build_sink("mail", url=_mail_url(mail_server)).send(replace(MESSAGE, image=picture))
    (attachment,) = mail_server.mails[0].iter_attachments()
    assert attachment.get_content_type() == "image/png"
    assert attachment.get_payload(decode=True) == picture.read_bytes()


async def test_refusing_mail_server_is_quoted(mail_server: SmtpSink) -> None:
    mail_server.refuse_with = "554 mailbox is full"
    result = await build_sink("mail", url=_mail_url(mail_server)).send(MESSAGE)
    assert isinstance(result, NotDelivered)
    assert "554" in result.answer


async def test_refusing_service_is_quoted_without_the_token(server: HttpSink) -> None:
    server.default = Answer(503, body="overloaded, bucket s3cr3t-token")
    result = await build_sink("phone", url=_json_url(server)).send(MESSAGE)
    assert isinstance(result, NotDelivered)
    assert "503" in result.answer
    assert "overloaded" in result.answer
    assert "s3cr3t" not in result.answer


async def test_answer_is_quoted_whatever_level_the_log_has(mail_server: SmtpSink) -> None:
    mail_server.refuse_with = "554 mailbox is full"
    build_sink("first", url=_mail_url(mail_server))
    logging.getLogger("apprise").setLevel(logging.WARNING)
    result = await build_sink("second", url=_mail_url(mail_server)).send(MESSAGE)
    assert isinstance(result, NotDelivered)
    assert "554" in result.answer


async def test_answers_of_two_channels_are_never_mixed() -> None:
    with http_sink() as first, http_sink() as second:
        first.default = Answer(500, body="first is broken")
        second.default = Answer(503, body="second is busy")
        sinks = [build_sink(name, url=_json_url(server)) for name, server in (("a", first), ("b", second))]
        one, two = await asyncio.gather(*(sink.send(MESSAGE) for sink in sinks))
    assert "first is broken" in one.answer
    assert "second" not in one.answer
    assert "second is busy" in two.answer
    assert "first" not in two.answer


async def test_hanging_service_times_out_and_the_next_message_is_tried(server: HttpSink) -> None:
    server.answers = [Answer(hang=True)]
    sink = build_sink("phone", url=_json_url(server), timeout_s=3.0)
    await sink.warm_up()
    hung = await sink.send(MESSAGE)
    told = await sink.send(MESSAGE)
    assert isinstance(hung, NotDelivered)
    assert isinstance(told, Delivered)


async def test_closed_port_gives_a_failure_and_no_exception() -> None:
    with http_sink() as gone:
        url = _json_url(gone)
    result = await build_sink("phone", url=url).send(MESSAGE)
    assert isinstance(result, NotDelivered)
    assert result.answer


async def test_token_never_reaches_a_log(server: HttpSink) -> None:
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        server.default = Answer(500)
        await build_sink("phone", url=_json_url(server)).send(MESSAGE)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert "s3cr3t" not in log.getvalue()


async def test_slack_shows_the_words_as_they_are(server: HttpSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apprise.plugins.slack.NotifySlack.webhook_url", f"http://127.0.0.1:{server.port}")
    server.default = Answer(200, body="ok")
    result = await build_sink("slack", url="slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ").send(MESSAGE)
    assert isinstance(result, Delivered), result
    (attachment,) = server.received[0].json()["attachments"]
    assert attachment["title"] == TITLE
    assert "margin_level &lt;= margin_call_level" in attachment["text"]
    assert "\\" not in attachment["text"]


async def test_unreadable_address_gives_a_failure_without_the_address() -> None:
    result = await build_sink("phone", url="tgram://s3cr3t").send(MESSAGE)
    assert isinstance(result, NotDelivered)
    assert "s3cr3t" not in result.answer


def test_parse_names_the_service() -> None:
    assert parse_service_name("phone", url="tgram://123456789:abcdefg_hijklmnop/12315544/") == "Telegram"
    assert parse_service_name("hook", webhook="https://example.org/x") == "webhook"


@pytest.mark.parametrize("url", ["tgram://s3cr3t", "nosuchservice://s3cr3t", "s3cr3t"])
def test_parse_refuses_without_repeating_the_address(url: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse_service_name("phone", url=url)
    assert str(refusal.value).startswith('channels "phone": ')
    assert "s3cr3t" not in str(refusal.value)


def test_only_the_plugin_that_is_needed_is_loaded() -> None:
    program = (
        "import sys; from monitor.notify.apprise_plugins import load_plugin; load_plugin('json://127.0.0.1/x');"
        "names = [n for n in sys.modules if n.startswith('apprise.plugins.')];"
        "print(len(names), 'apprise.plugins.slack' in names)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    count, slack = said.stdout.split()
    assert int(count) < 10
    assert slack == "False"


def test_every_scheme_maps_to_its_plugin() -> None:
    from apprise.plugins import N_MGR

    found = {schema: N_MGR[schema].__module__ for schema in MODULE_OF}
    assert found == {schema: f"apprise.plugins.{module}" for schema, module in MODULE_OF.items()}


def test_scheme_outside_the_table_is_still_found() -> None:
    assert load_plugin("prowl://" + "a" * 40).service_name == "Prowl"


def _json_url(server: HttpSink) -> str:
    return f"json://127.0.0.1:{server.port}/hook/s3cr3t-token"


def _mail_url(server: SmtpSink) -> str:
    return f"mailto://127.0.0.1:{server.port}?from=monitor@example.org&to=me@example.org&mode=insecure"
