"""Servers on loopback that stand in for the services of channels, and what arrives at them."""

import email
import email.policy
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from docs.generate.channel_example import example_alert
from monitor.notify.factory import build_sink
from monitor.notify.pushover.client import PushoverClient
from monitor.notify.pushover.sink import PushoverRecipient, PushoverSink
from monitor.notify.secret_scrubber import SecretScrubber
from monitor.notify.sinks import Delivered, Sink
from monitor.notify.telegram.bot import TelegramBot
from monitor.notify.telegram.sink import TelegramChat, TelegramSink
from monitor.view.messages.template import MessageTemplate

SPOKEN = "{{ severity }}. {{ account }} {{ subject or scope }}. {{ summary }}. Alert number {{ id }}."
"""The template of the cookbook's call."""

TOKEN, USER = "a" * 30, "u" * 30
BOT_TOKEN = "123456789:" + "a" * 35


@dataclass(slots=True)
class Arrivals:
    """Requests and mails in the order in which they arrived."""

    port: int = 0
    requests: list[tuple[Mapping[str, str], Any]] = field(default_factory=list)
    """Headers and body: JSON, or the fields of a form."""
    mails: list[EmailMessage] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        mail = email.message_from_bytes(envelope.original_content or b"", policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 taken"


async def capture(service: str) -> Arrivals:
    """Send the example through the channel of one service; return what arrived there. Raises AssertionError."""
    with _http_server() as arrivals:
        if service == "mail":
            controller = Controller(arrivals, hostname="127.0.0.1", port=_free_port())
            controller.start()
            try:
                url = f"mailto://127.0.0.1:{controller.port}/?from=monitor@example.org&to=me@example.org"
                await _send(build_sink("mail", url=url))
            finally:
                controller.stop()
        else:
            await _send(_sink(service, arrivals))
    return arrivals


def _sink(service: str, arrivals: Arrivals) -> Sink:
    match service:
        case "ntfy":
            return build_sink("phone", url=f"ntfy://127.0.0.1:{arrivals.port}/margin")
        case "webhook":
            return build_sink("hook", webhook=arrivals.url)
        case "pushover":
            client = PushoverClient(TOKEN, SecretScrubber(f"pover://{USER}@{TOKEN}"), 10, arrivals.url)
            return PushoverSink("pager", client, PushoverRecipient(USER), lambda: example_alert().alert.since)
        case "telegram":
            chat = TelegramChat("42", None, silent=False, allow=frozenset({"ack", "silence", "status"}))
            return TelegramSink("phone", TelegramBot(BOT_TOKEN, arrivals.url), chat, 10)
        case "discord":
            # These services have one address, which their plugins know.
            _redirect("discord", "NotifyDiscord", "notify_url", arrivals.url)
            return build_sink("discord", url="discord://123456789012345678/abcdefghijklmnopqrstuvwxyz")
        case "slack":
            _redirect("slack", "NotifySlack", "webhook_url", arrivals.url)
            return build_sink("slack", url="slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ")
        case _:
            _redirect("twilio", "NotifyTwilio", "notify_call_url", f"{arrivals.url}/{{sid}}")
            url = f"twilio://AC{'a' * 32}:{'b' * 32}@+15551230100/+15551230101?method=call"
            return build_sink("call", url=url, template=MessageTemplate("spoken.txt", SPOKEN))


def _answer(path: str) -> bytes:
    """The answer of the service that the path belongs to: Telegram's message or bot, Slack's word, a receipt."""
    if path.endswith("/getMe"):
        return b'{"ok":true,"result":{"id":123456789,"is_bot":true,"first_name":"margin","username":"margin_bot"}}'
    if path.startswith("/bot"):
        return b'{"ok":true,"result":{"message_id":7,"date":1760130900,"chat":{"id":42,"type":"private"},"text":"-"}}'
    return b"ok" if path.startswith("/T") else b'{"status":1,"receipt":"' + b"r" * 30 + b'"}'


def _redirect(module: str, plugin: str, attribute: str, address: str) -> None:
    setattr(getattr(import_module(f"apprise.plugins.{module}"), plugin), attribute, address)


async def _send(sink: Sink) -> None:
    await sink.warm_up()
    result = await sink.send(example_alert().message)
    await sink.close()
    assert isinstance(result, Delivered), result


def _free_port() -> int:
    with _http_server() as probe:
        return probe.port


@contextmanager
def _http_server() -> Iterator[Arrivals]:
    arrivals = Arrivals()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            is_form = "form" in self.headers.get("Content-Type", "")
            arrivals.requests.append(
                (dict(self.headers.items()), dict(parse_qsl(body)) if is_form else json.loads(body))
            )
            answer = _answer(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    arrivals.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield arrivals
    finally:
        server.shutdown()
        server.server_close()
