"""A server on loopback with Pushover's API, as https://pushover.net/api describes it: messages and their receipts."""

import json
import random
import string
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.timeouts import DEADLINE_FACTOR

TOKEN = "azGDORePK8gMaC0QOYAMyEEuzJnyUi"
USER = "uQiRzpo4DXghDmr9QzzfQu27cmVRsG"
"""The application's token and the user's key that the server knows: as long as real ones."""


@dataclass
class Emergency:
    """A message of priority 2 that repeats until it is acknowledged, cancelled or expired."""

    receipt: str
    fields: dict[str, str]
    tags: tuple[str, ...]
    acknowledged_at: int = 0
    device: str = ""
    is_cancelled: bool = False
    is_expired: bool = False

    @property
    def is_ringing(self) -> bool:
        return not (self.acknowledged_at or self.is_cancelled or self.is_expired)


@dataclass(frozen=True)
class Fault:
    """The answer to the next request to a path that starts so: a status, no answer, or one after carrying it out.

    `hang`: it never answers. `carried_out`: the request takes effect all the same.
    """

    path: str
    status: int = 500
    hang: bool = False
    carried_out: bool = False
    body: str = "{}"


@dataclass
class PushoverServer:
    """The server's state; tests press and look, the program talks over HTTP."""

    port: int = 0
    token: str = TOKEN
    """The application's token that is taken: another one as soon as somebody has it replaced."""
    messages: list[dict[str, str]] = field(default_factory=list)
    emergencies: list[Emergency] = field(default_factory=list)
    polls: list[tuple[float, str]] = field(default_factory=list)
    """Machine time and receipt of each read of a receipt."""
    requests: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ringing(self) -> list[Emergency]:
        return [emergency for emergency in self.emergencies if emergency.is_ringing]

    def press(self, emergency: Emergency, device: str = "annas-phone") -> None:
        """Acknowledge an emergency as a person does on a device."""
        with self._changed:
            emergency.acknowledged_at, emergency.device = int(time.time()), device
            self._changed.notify_all()

    def expire(self, emergency: Emergency) -> None:
        """Let an emergency reach its end without an acknowledgement."""
        with self._changed:
            emergency.is_expired = True
            self._changed.notify_all()

    def wait_for(self, claim: Callable[["PushoverServer"], object], timeout_s: float = 20) -> None:
        """Wait until `claim` holds. Raises AssertionError after the time-out (see DEADLINE_FACTOR)."""
        with self._changed:
            assert self._changed.wait_for(lambda: bool(claim(self)), timeout_s * DEADLINE_FACTOR), self

    def respond(self, method: str, target: str, fields: dict[str, str]) -> tuple[int, str] | None:
        """Return status and body of the answer; None: none at all."""
        parts = urlsplit(target)
        fields = {**{name: values[0] for name, values in parse_qs(parts.query).items()}, **fields}
        with self._changed:
            self.requests.append(f"{method} {parts.path}")
            fault = next((fault for fault in self.faults if parts.path.startswith(fault.path)), None)
            if fault is not None:
                self.faults.remove(fault)
            status, document = 0, dict[str, Any]()
            if fault is None or fault.carried_out:
                status, document = self._carry_out(method, parts.path, fields)
            self._changed.notify_all()
        if fault is not None:
            if fault.hang:
                self._closing.wait()
                return None
            return fault.status, fault.body
        return status, json.dumps({"request": "e460545a8b333d0da2f3602aff3133d6", **document})

    def close(self) -> None:
        self._closing.set()

    def _carry_out(self, method: str, path: str, fields: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if fields.get("token") != self.token:
            return _refused("application token is invalid", token="invalid")
        match [method, *path.strip("/").split("/")]:
            case ["POST", "1", "messages.json"]:
                return self._take_message(fields)
            case ["POST", "1", "users", "validate.json"]:
                if fields.get("user") != USER:
                    return _refused("user key is invalid", user="invalid")
                return 200, {"status": 1, "devices": ["annas-phone"], "licenses": ["Android"]}
            case ["POST", "1", "receipts", "cancel_by_tag", tag]:
                found = [e for e in self.ringing if unquote(tag).removesuffix(".json") in e.tags]
                for emergency in found:
                    emergency.is_cancelled = True
                return 200, {"status": 1, "canceled": len(found)}
            case ["POST", "1", "receipts", receipt, "cancel.json"]:
                return self._cancel(receipt)
            case ["GET", "1", "receipts", receipt]:
                return self._read_receipt(receipt.removesuffix(".json"))
        return 404, {"status": 0, "errors": ["not found"]}

    def _take_message(self, fields: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if fields.get("user") != USER:
            return _refused("user identifier is not a valid user, group, or subscribed user key", user="invalid")
        if not fields.get("message"):
            return _refused("message cannot be blank", message="cannot be blank")
        if len(fields["message"]) > 1024 or len(fields.get("title", "")) > 250 or len(fields.get("url", "")) > 512:
            return _refused("a field is too long")
        if fields.get("priority") != "2":
            self.messages.append(fields)
            return 200, {"status": 1}
        if int(fields.get("retry", 0)) < 30 or not 0 < int(fields.get("expire", 0)) <= 10_800:
            return _refused("retry and expire must be supplied with priority=2", expire="must be supplied")
        receipt = "".join(random.choices(string.ascii_letters + string.digits, k=30))
        self.messages.append(fields)
        self.emergencies.append(Emergency(receipt, fields, tuple(fields.get("tags", "").split(","))))
        return 200, {"status": 1, "receipt": receipt}

    def _cancel(self, receipt: str) -> tuple[int, dict[str, Any]]:
        emergency = next((e for e in self.emergencies if e.receipt == receipt), None)
        if emergency is None:
            return _refused("receipt not found; may be invalid or expired", receipt="not found")
        emergency.is_cancelled = True
        return 200, {"status": 1}

    def _read_receipt(self, receipt: str) -> tuple[int, dict[str, Any]]:
        self.polls.append((time.monotonic(), receipt))
        emergency = next((e for e in self.emergencies if e.receipt == receipt), None)
        if emergency is None:
            return _refused("receipt not found; may be invalid or expired", receipt="not found")
        return 200, {
            "status": 1,
            "acknowledged": int(bool(emergency.acknowledged_at)),
            "acknowledged_at": emergency.acknowledged_at,
            "acknowledged_by": USER if emergency.acknowledged_at else "",
            "acknowledged_by_device": emergency.device,
            "last_delivered_at": 0,
            "expired": int(emergency.is_expired),
            "expires_at": 0,
            "called_back": 0,
            "called_back_at": 0,
        }


def _refused(error: str, **fields: str) -> tuple[int, dict[str, Any]]:
    return 400, {**fields, "errors": [error], "status": 0}


@contextmanager
def pushover_server() -> Iterator[PushoverServer]:
    """A server on a free loopback port."""
    state = PushoverServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = state.respond(self.command, self.path, _form(self.headers.get("Content-Type", ""), body))
            if answer is None:
                self.close_connection = True
                return
            self.send_response_only(answer[0])
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(answer[1].encode())))
            self.end_headers()
            self.wfile.write(answer[1].encode())

        def do_GET(self) -> None:
            self._take()

        def do_POST(self) -> None:
            self._take()

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.close()
        server.shutdown()
        server.server_close()
        thread.join(5)


def _form(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a form; of an attachment, its length."""
    if not content_type.startswith("multipart/"):
        return {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
    whole = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    fields: dict[str, str] = {}
    for part in whole.get_payload():
        assert not isinstance(part, str)
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        name = str(part.get_param("name", header="content-disposition"))
        fields[name] = str(len(content)) if name == "attachment" else content.decode()
    return fields
