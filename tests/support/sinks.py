"""Real servers on loopback that take notifications: HTTP and SMTP, accepting, refusing, rate-limiting or hanging.

They run in threads of their own, so that tests with and without an event loop can use them.
"""

import asyncio
import email
import email.policy
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.support.timeouts import DEADLINE_FACTOR


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed


@dataclass(frozen=True, slots=True)
class Answer:
    """The HTTP sink's next answer, `after_s` seconds later. `hang`: it takes the request and never answers."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    hang: bool = False
    after_s: float = 0.0


class HttpSink:
    """Records every request. `answers` are used up one a request; after that `default`.

    `refusals` come first: the answers to requests that match a claim.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.received: list[Received] = []
        self.answers: list[Answer] = []
        self.default = Answer()
        self.refusals: dict[Callable[[Received], bool], Answer] = {}
        self.connections = 0
        self._arrived = threading.Condition()
        self._closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_for(self, claim: Callable[[list[Received]], bool], timeout_s: float = 20) -> list[Received]:
        """The requests so far, once `claim` holds for them.

        Raises AssertionError after the time-out (see DEADLINE_FACTOR).
        """
        with self._arrived:
            assert self._arrived.wait_for(lambda: claim(self.received), timeout_s * DEADLINE_FACTOR), self.received
            return list(self.received)

    def wait_for_count(self, count: int, timeout_s: float = 20) -> list[Received]:
        return self.wait_for(lambda received: len(received) >= count, timeout_s)

    def respond(self, request: Received) -> Answer:
        with self._arrived:
            self.received.append(request)
            refusal = next((said for claim, said in self.refusals.items() if claim(request)), None)
            answer = refusal or (self.answers.pop(0) if self.answers else self.default)
            self._arrived.notify_all()
        if answer.hang or answer.after_s:
            self._closing.wait(None if answer.hang else answer.after_s)
        return answer

    def close(self) -> None:
        self._closing.set()


@contextmanager
def http_sink() -> Iterator[HttpSink]:
    """An HTTP server on a free loopback port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            sink.connections += 1

        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = sink.respond(Received(self.command, self.path, dict(self.headers.items()), body))
            if answer.hang:
                self.close_connection = True
                return
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body.encode())))
            self.end_headers()
            self.wfile.write(answer.body.encode())

        def do_GET(self) -> None:
            self._take()

        def do_POST(self) -> None:
            self._take()

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    sink = HttpSink(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield sink
    finally:
        sink.close()
        server.shutdown()
        server.server_close()
        thread.join(5)


class SmtpSink:
    """Records every mail. `refuse_with` is the SMTP answer to the content, such as `554 no`."""

    def __init__(self) -> None:
        self.port = 0
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.refuse_with = ""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refuse_with:
            return self.refuse_with
        content = envelope.original_content or b""
        mail = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 taken"


class _AnyPort(Controller):
    """A controller that finds a free port by itself."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # the base class is untyped


@contextmanager
def smtp_sink() -> Iterator[SmtpSink]:
    """An SMTP server on a free loopback port."""
    sink = SmtpSink()
    controller = _AnyPort(sink, hostname="127.0.0.1", port=0)
    controller.start()
    sink.port = controller.port
    try:
        yield sink
    finally:
        controller.stop()


def text_of(mail: EmailMessage) -> str:
    """The readable text of a mail, whatever its form."""
    part = mail.get_body(("plain", "html"))
    assert part is not None
    return str(part.get_content())


def html_of(mail: EmailMessage) -> str:
    """The HTML part of a mail."""
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())
