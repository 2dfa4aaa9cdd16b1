"""A Bot API of our own on loopback, after the public descriptions of its methods: chats, presses, polls, faults."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Literal

from aiohttp import web

from tests.support.daemon import eventually

TOKEN = "123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"
BOT_ID = 123456789
BOT_NAME = "margin_test_bot"
ANN, BOB, EVE = 7, 8, 666
"""Two users that tests list, and one whom they do not."""
CHAT = 42

_TOPIC_FIELDS = {"message_thread_id", "is_topic_message"}
_TAGS = {"b": "bold", "i": "italic", "u": "underline", "s": "strikethrough", "code": "code", "pre": "pre"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a request instead of its answer. `method` "" is any; `carried_out`: it is done all the same."""

    method: str = ""
    kind: Literal["status", "hang", "cut", "garbage"] = "status"
    status: int = 500
    description: str = "Internal Server Error"
    retry_after: int | None = None
    carried_out: bool = False
    body: str = "<html>gateway</html>"
    """The garbage."""


@dataclass(slots=True)
class BotMessage:
    """One message in a chat as it is shown now. `texts` are all texts that it has shown."""

    id: int
    chat: str
    text: str
    entities: list[dict[str, Any]]
    buttons: list[list[dict[str, str]]]
    reply_to: int | None = None
    topic: int | None = None
    silent: bool = False
    picture: bytes | None = None
    texts: list[str] = field(default_factory=list)

    @property
    def labels(self) -> list[str]:
        return [button["text"] for row in self.buttons for button in row]


class TelegramServer:
    """The state of the service, and the doings of people in it."""

    def __init__(self) -> None:
        self.port = 0
        self.messages: dict[int, BotMessage] = {}
        self.answers: dict[str, tuple[str, bool]] = {}
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.faults: list[Fault] = []
        self.standing_faults: dict[str, Fault] = {}
        """Faults of every request to a method, until they are removed."""
        self.written: set[int] = set()
        """The messages of people, by number."""
        self.expired: set[str] = set()
        self.chat_names: dict[int, str] = {}
        """The @name of each group that has one, by its number."""
        self.polled_at: list[float] = []
        """Machine time of each request for updates."""
        self.updates: list[dict[str, Any]] = []
        self.confirmed_to = 0
        self._next_update = 1000
        self._next_message = 1
        self._next_press = 1
        self._arrived = asyncio.Condition()
        self._poll: asyncio.Task[Any] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def channel_url(self, chat: str | int = CHAT) -> str:
        """The address of a channel to a chat."""
        return f"tgram://{TOKEN}/{chat}"

    def config(
        self,
        *,
        allow: Sequence[str] = (),
        chat: str | int = CHAT,
        name: str = "chat",
        users: Sequence[int] = (ANN, BOB),
    ) -> str:
        """The tables of a channel that can be answered."""
        allowed = f"allow = {json.dumps(list(allow))}\n" if allow else ""
        return (
            f'[[channels]]\nname = "{name}"\nurl = "{self.channel_url(chat)}"\n\n'
            f'[[replies]]\nchannel = "{name}"\nusers = {list(users)}\n{allowed}api_url = "{self.url}"\n\n'
        )

    async def press(
        self,
        message: int,
        label: str,
        user: int = ANN,
        *,
        chat: int = CHAT,
        data: str | None = None,
        told: Literal["all", "no topic", "no text"] = "all",
    ) -> str:
        """Press the button whose label begins so; return the press's id.

        `told` is what the bot is told of the message: "no text" is one that is no longer accessible to it.
        """
        shown = self.messages[message]
        if data is None:
            found = [b["callback_data"] for row in shown.buttons for b in row if b["text"].startswith(label)]
            assert found, (label, shown.labels)
            data = found[0]
        press = str(self._next_press)
        self._next_press += 1
        content: dict[str, Any] = {
            "id": press,
            "from": person(user),
            "chat_instance": "1",
            "data": data,
            "message": self._message_json(shown, chat),
        }
        if told != "all":
            kept = ("message_id", "chat") if told == "no text" else set(content["message"]) - _TOPIC_FIELDS
            content["message"] = {"date": 0, **{key: content["message"][key] for key in kept}}
        await self.add_update({"callback_query": content})
        return press

    async def write(
        self,
        text: str,
        user: int = ANN,
        *,
        chat: int = CHAT,
        kind: str = "private",
        reply_to: int | None = None,
        age_s: float = 0,
        topic: int | None = None,
    ) -> int:
        """Write a message to the bot; return its number."""
        number = self._new_number()
        self.written.add(number)
        sent = {
            "message_id": number,
            "from": person(user),
            "chat": self._chat_json(chat, kind),
            "date": int(time.time() - age_s),
            "text": text,
        }
        if topic is not None:
            sent |= {"message_thread_id": topic, "is_topic_message": True}
        if reply_to is not None:
            sent["reply_to_message"] = self._message_json(self.messages[reply_to], chat)
        await self.add_update({"message": sent})
        return number

    async def wait_for_answer(self, press: str, within_s: float = 20) -> tuple[str, bool]:
        """The answer to a press: its text, and whether it must be closed."""

        async def holds() -> bool:
            return press in self.answers

        await eventually(holds, within_s, story=lambda: f"answered: {self.answers}")
        return self.answers[press]

    async def wait_for_message(self, claim: Callable[[BotMessage], object], within_s: float = 20) -> BotMessage:
        """The first message of which `claim` holds."""
        found: list[BotMessage] = []

        async def holds() -> bool:
            found[:] = [message for message in self.messages.values() if claim(message)]
            return bool(found)

        await eventually(holds, within_s, story=lambda: str([m.text for m in self.messages.values()]))
        return found[0]

    def calls(self, method: str) -> list[dict[str, Any]]:
        """The parameters of all requests to a method."""
        return [parameters for name, parameters in self.requests if name == method]

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        method = request.match_info["method"]
        parameters = await _read_parameters(request)
        self.requests.append((method, parameters))
        if method == "getUpdates":
            self.polled_at.append(time.monotonic())
        if request.match_info["token"] != TOKEN:
            return _error(401, "Unauthorized")
        fault = self._take_fault(method)
        if fault is not None and not fault.carried_out:
            return await self._fail(request, fault)
        answer = await self._carry_out(method, parameters)
        return answer if fault is None else await self._fail(request, fault)

    async def _carry_out(self, method: str, parameters: dict[str, Any]) -> web.StreamResponse:
        match method:
            case "getMe":
                return _ok({"id": BOT_ID, "is_bot": True, "first_name": "Margin", "username": BOT_NAME})
            case "getChat":
                known = str(parameters["chat_id"]) not in ("404",)
                chat = {
                    "id": CHAT,
                    "type": "private",
                    "first_name": "Ann",
                    "accent_color_id": 1,
                    "max_reaction_count": 1,
                }
                chat |= {"accepted_gift_types": _GIFTS}
                return _ok(chat) if known else _error(400, "Bad Request: chat not found")
            case "getUpdates":
                return await self._get_updates(parameters)
            case "sendMessage" | "sendPhoto":
                return self._send(parameters)
            case "editMessageText":
                return self._edit(parameters)
            case "answerCallbackQuery":
                return self._answer(parameters)
        return _error(404, "Not Found: method not found")

    async def _get_updates(self, parameters: Mapping[str, Any]) -> web.StreamResponse:
        if self._poll is not None and not self._poll.done():
            # The newer poll ends the older one.
            self._poll.cancel()
        offset, wait_s = int(parameters.get("offset", 0)), float(parameters.get("timeout", 0))
        if offset > self.confirmed_to:
            self.confirmed_to = offset
        self.updates = [update for update in self.updates if update["update_id"] >= self.confirmed_to]
        poll = asyncio.create_task(self._wait_for_updates(wait_s))
        self._poll = poll
        try:
            await asyncio.wait({poll})
        except asyncio.CancelledError:
            poll.cancel()
            raise
        if poll.cancelled():
            return _error(
                409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
            )
        return _ok(self.updates[:100])

    async def _wait_for_updates(self, wait_s: float) -> None:
        async with self._arrived:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._arrived.wait_for(lambda: bool(self.updates))

    def _send(self, parameters: Mapping[str, Any]) -> web.StreamResponse:
        text, entities = _parse(parameters)
        if text is None:
            return _error(400, f"Bad Request: can't parse entities: {entities}")
        if len(text) > 4096:
            return _error(400, "Bad Request: message is too long")
        answered = (json.loads(parameters.get("reply_parameters", "null")) or {}).get("message_id")
        number = self._new_number()
        message = BotMessage(
            number,
            str(parameters["chat_id"]),
            text,
            entities,
            _buttons(parameters),
            answered if answered in self.messages or answered in self.written else None,
            int(parameters["message_thread_id"]) if "message_thread_id" in parameters else None,
            parameters.get("disable_notification") == "true",
            parameters.get("photo"),
            [text],
        )
        self.messages[number] = message
        return _ok(self._message_json(message, CHAT))

    def _edit(self, parameters: Mapping[str, Any]) -> web.StreamResponse:
        message = self.messages.get(int(parameters["message_id"]))
        if message is None or message.chat != str(parameters["chat_id"]):
            return _error(400, "Bad Request: message to edit not found")
        text, entities = _parse(parameters)
        if text is None:
            return _error(400, f"Bad Request: can't parse entities: {entities}")
        buttons = _buttons(parameters)
        if (text, buttons) == (message.text, message.buttons):
            return _error(400, "Bad Request: message is not modified: specified new message content is the same")
        message.text, message.entities, message.buttons = text, entities, buttons
        message.texts.append(text)
        return _ok(self._message_json(message, CHAT))

    def _answer(self, parameters: Mapping[str, Any]) -> web.StreamResponse:
        press = str(parameters["callback_query_id"])
        if press in self.expired or not press.isdecimal():
            return _error(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
        self.answers[press] = (parameters.get("text", ""), parameters.get("show_alert") == "true")
        return _ok(True)

    def _message_json(self, message: BotMessage, chat: int) -> dict[str, Any]:
        found: dict[str, Any] = {
            "message_id": message.id,
            "date": int(time.time()),
            "chat": self._chat_json(chat, "private"),
            "from": {"id": BOT_ID, "is_bot": True, "first_name": "Margin"},
            "text": message.text,
            "entities": message.entities,
        }
        if message.topic is not None:
            found |= {"message_thread_id": message.topic, "is_topic_message": True}
        if message.buttons:
            found["reply_markup"] = {"inline_keyboard": message.buttons}
        return found

    def _chat_json(self, chat: int, kind: str) -> dict[str, Any]:
        if chat in self.chat_names:
            return {"id": chat, "type": "supergroup", "title": "Room", "username": self.chat_names[chat].lstrip("@")}
        return {"id": chat, "type": kind, "first_name": "Ann"}

    async def add_update(self, content: dict[str, Any]) -> None:
        """Let an update wait to be read."""
        async with self._arrived:
            self.updates.append({"update_id": self._next_update, **content})
            self._next_update += 1
            self._arrived.notify_all()

    def _new_number(self) -> int:
        self._next_message += 1
        return self._next_message

    def _take_fault(self, method: str) -> Fault | None:
        if method in self.standing_faults:
            return self.standing_faults[method]
        for index, fault in enumerate(self.faults):
            if fault.method in ("", method):
                return self.faults.pop(index)
        return None

    async def _fail(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        match fault.kind:
            case "hang":
                await asyncio.Event().wait()
            case "cut":
                assert request.transport is not None
                request.transport.abort()
                raise web.HTTPInternalServerError
            case "garbage":
                return web.Response(text=fault.body, content_type="text/html")
        parameters = {} if fault.retry_after is None else {"parameters": {"retry_after": fault.retry_after}}
        return _error(fault.status, fault.description, parameters)


@contextlib.asynccontextmanager
async def telegram_server(port: int = 0) -> AsyncIterator[TelegramServer]:
    """The service on a free loopback port."""
    server = TelegramServer()
    application = web.Application()
    application.router.add_post("/bot{token}/{method}", server.respond)
    runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        server.port = runner.addresses[0][1]
        yield server
    finally:
        await runner.cleanup()


def person(user: int) -> dict[str, Any]:
    """A user as the service describes one."""
    names = {ANN: "ann", BOB: "bob", EVE: "eve"}
    return {"id": user, "is_bot": False, "first_name": "Somebody", "username": names.get(user, f"user{user}")}


_GIFTS = {
    "unlimited_gifts": False,
    "limited_gifts": False,
    "unique_gifts": False,
    "premium_subscription": False,
    "gifts_from_channels": False,
}


class _EntityParser(HTMLParser):
    """Text and entities of a message's HTML; `error` names a tag that the service does not take."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.error = "", ""
        self.entities: list[dict[str, Any]] = []
        self._open: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            self.error = f'unsupported start tag "{tag}"'
        self._open.append((tag, self._length()))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1][0] != tag:
            self.error = f'unexpected end tag "{tag}"'
            return
        _, start = self._open.pop()
        if tag in _TAGS:
            self.entities.append({"type": _TAGS[tag], "offset": start, "length": self._length() - start})

    def handle_data(self, data: str) -> None:
        self.text += data

    def finish(self) -> None:
        self.close()
        if self._open:
            self.error = f'can\'t find end tag corresponding to start tag "{self._open[-1][0]}"'

    def _length(self) -> int:
        return len(self.text.encode("utf-16-le")) // 2


def _parse(parameters: Mapping[str, Any]) -> tuple[str | None, Any]:
    text = str(parameters.get("text", parameters.get("caption", "")))
    if parameters.get("parse_mode") != "HTML":
        return text, []
    parser = _EntityParser()
    parser.feed(text)
    parser.finish()
    return (None, parser.error) if parser.error else (parser.text, parser.entities)


def _buttons(parameters: Mapping[str, Any]) -> list[list[dict[str, str]]]:
    rows: list[list[dict[str, str]]] = json.loads(parameters.get("reply_markup", "{}")).get("inline_keyboard", [])
    for button in (button for row in rows for button in row):
        assert 1 <= len(button["callback_data"].encode()) <= 64, button
    return rows


async def _read_parameters(request: web.Request) -> dict[str, Any]:
    fields = await request.post()
    found: dict[str, Any] = {}
    for name, value in fields.items():
        found[name] = value.file.read() if isinstance(value, web.FileField) else value
    return found


def _ok(result: object) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _error(status: int, description: str, more: Mapping[str, Any] | None = None) -> web.Response:
    body = {"ok": False, "error_code": status, "description": description, **(more or {})}
    return web.json_response(body, status=status)
