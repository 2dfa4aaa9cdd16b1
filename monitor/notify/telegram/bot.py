"""One bot of Telegram: each method is one request, bounded in time; errors come without the token."""

import asyncio
import datetime as dtm
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from monitor.notify.secret_scrubber import SecretScrubber
from monitor.notify.telegram.library import prepare_library
from monitor.notify.telegram.updates import BotUpdate, mark_unreadable, read_update
from monitor.view.messages.buttons import ButtonRows

if TYPE_CHECKING:
    from telegram import Bot, InlineKeyboardMarkup

T = TypeVar("T")

API_URL = "https://api.telegram.org"

MAX_ANSWER_CHARS = 200
"""The limit of Telegram for the answer to a press."""

_CONNECT_TIMEOUT_S = 5.0
_MARGIN_S = 10.0
"""Seconds by which an answer to a long poll may be late."""

BotFailureKind = Literal["network", "conflict", "token", "retry", "request", "forbidden", "gone", "unchanged"]
"""The cause of a failed request.

network: no answer; conflict: another program reads the updates; token: refused; retry: too many requests; request:
refused as it is; forbidden: not in this chat; gone: the message is no longer there; unchanged: it shows that already.
"""


class BotRequestFailed(Exception):
    """A request to the Bot API that failed. Its text holds no token."""

    def __init__(self, kind: BotFailureKind, answer: str, retry_after_s: float | None = None) -> None:
        super().__init__(answer)
        self.kind = kind
        self.answer = answer
        self.retry_after_s = retry_after_s


class TelegramBot:
    """The requests of one bot. The library is loaded at the first one. Every method raises BotRequestFailed."""

    def __init__(self, token: str, api_url: str = "", timeout_s: float = 10.0) -> None:
        self._token = token
        self._api_url = api_url or API_URL
        self._timeout_s = timeout_s
        self._scrub = SecretScrubber(f"tgram://{token}")
        self._bot: Bot | None = None
        self._loading = asyncio.Lock()

    async def load(self) -> None:
        """Load the library in a thread: importing it takes a second."""
        async with self._loading:
            if self._bot is None:
                self._bot = await asyncio.to_thread(self._new_bot)

    async def close(self) -> None:
        """Close all connections."""
        bot, self._bot = self._bot, None
        if bot is not None:
            await asyncio.gather(*(request.shutdown() for request in bot._request))

    async def read_name(self) -> str:
        """Return the bot's own @name."""
        bot = await self._loaded()
        return str((await self._ask(bot.get_me())).username)

    async def read_chat_title(self, chat: str) -> str:
        """Return the title of a chat, or the name of the person."""
        bot = await self._loaded()
        found = await self._ask(bot.get_chat(chat))
        return found.title or found.full_name or found.username or chat

    async def send(
        self,
        chat: str,
        html: str,
        buttons: ButtonRows = (),
        *,
        topic: int | None = None,
        silent: bool = False,
        replies_to: int | None = None,
    ) -> int:
        """Send a message and return its number. Where `replies_to` is gone, it is sent without."""
        from telegram import LinkPreviewOptions, ReplyParameters

        bot = await self._loaded()
        sent = await self._ask(
            bot.send_message(
                chat,
                html,
                parse_mode="HTML",
                reply_markup=_markup(buttons),
                message_thread_id=topic,
                disable_notification=silent or None,
                link_preview_options=LinkPreviewOptions(is_disabled=True),
                reply_parameters=None
                if replies_to is None
                else ReplyParameters(replies_to, allow_sending_without_reply=True),
            )
        )
        return sent.message_id

    async def send_picture(
        self, chat: str, picture: Path, caption: str, *, topic: int | None = None, replies_to: int | None = None
    ) -> int:
        """Send a PNG file without a sound and return the number of its message."""
        from telegram import ReplyParameters

        bot, content = await self._loaded(), await asyncio.to_thread(picture.read_bytes)
        sent = await self._ask(
            bot.send_photo(
                chat,
                content,
                caption=caption,
                message_thread_id=topic,
                disable_notification=True,
                reply_parameters=None
                if replies_to is None
                else ReplyParameters(replies_to, allow_sending_without_reply=True),
            )
        )
        return sent.message_id

    async def edit(self, chat: str, message: int, html: str, buttons: ButtonRows) -> None:
        """Replace the text and the buttons of a message of this bot."""
        from telegram import LinkPreviewOptions

        bot = await self._loaded()
        await self._ask(
            bot.edit_message_text(
                html,
                chat_id=chat,
                message_id=message,
                parse_mode="HTML",
                reply_markup=_markup(buttons),
                link_preview_options=LinkPreviewOptions(is_disabled=True),
            )
        )

    async def answer_press(self, press: str, text: str, *, is_alert: bool) -> None:
        """Answer a press: a short text at the top of the screen, or one that must be closed."""
        bot = await self._loaded()
        short = text if len(text) <= MAX_ANSWER_CHARS else text[: MAX_ANSWER_CHARS - 1] + "…"
        await self._ask(bot.answer_callback_query(press, text=short, show_alert=is_alert))

    async def read_updates(self, offset: int | None, wait_s: int) -> Sequence[BotUpdate]:
        """Return the updates from `offset` on, or none after `wait_s` seconds. All before `offset` are confirmed.

        One that the library can't read has its number and its error alone.
        """
        bot = await self._loaded()
        request = bot.get_updates(
            offset=offset,
            limit=100,
            timeout=dtm.timedelta(seconds=wait_s),
            allowed_updates=["callback_query", "message"],
            read_timeout=_MARGIN_S,
        )
        return [read_update(update) for update in await self._ask(request, wait_s + _MARGIN_S)]

    def _new_bot(self) -> "Bot":
        prepare_library()
        from telegram import Bot
        from telegram.request import HTTPXRequest

        class UpdatesRequest(HTTPXRequest):
            @staticmethod
            def parse_json_payload(payload: bytes) -> dict[str, Any]:
                return mark_unreadable(HTTPXRequest.parse_json_payload(payload))

        def request(kind: type[HTTPXRequest], connections: int) -> HTTPXRequest:
            timeouts: dict[str, Any] = {
                "read_timeout": self._timeout_s,
                "write_timeout": self._timeout_s,
                "connect_timeout": min(_CONNECT_TIMEOUT_S, self._timeout_s),
                "pool_timeout": self._timeout_s,
            }
            # Proxies of the environment are ignored, as everywhere in this program.
            return kind(connection_pool_size=connections, httpx_kwargs={"trust_env": False}, **timeouts)

        return Bot(
            self._token,
            f"{self._api_url}/bot",
            request=request(HTTPXRequest, 8),
            get_updates_request=request(UpdatesRequest, 1),
        )

    async def _loaded(self) -> "Bot":
        await self.load()
        assert self._bot is not None
        return self._bot

    async def _ask(self, request: Coroutine[Any, Any, T], timeout_s: float | None = None) -> T:
        from telegram.error import TelegramError

        limit_s = timeout_s if timeout_s is not None else self._timeout_s
        try:
            async with asyncio.timeout(limit_s):
                return await request
        except TimeoutError:
            raise BotRequestFailed("network", f"no answer within {limit_s:g} s") from None
        except TelegramError as error:
            # Not chained: the library's own error may quote the address, which holds the token.
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> BotRequestFailed:
        from telegram import error as errors

        answer = self._scrub(str(error)) or type(error).__name__
        match error:
            case errors.RetryAfter():
                wait_s = dtm.timedelta(seconds=0) + error._retry_after
                return BotRequestFailed("retry", answer, wait_s.total_seconds())
            case errors.Conflict():
                return BotRequestFailed("conflict", answer)
            case errors.InvalidToken():
                return BotRequestFailed("token", f"the bot's token is refused: {answer}")
            case errors.Forbidden():
                return BotRequestFailed("forbidden", answer)
            case errors.ChatMigrated():
                said = f"the group has a new number: write {error.new_chat_id} as the chat of the channel's url"
                return BotRequestFailed("request", said)
            case errors.BadRequest():
                return BotRequestFailed(_bad_request_kind(answer.lower()), answer)
            case _:
                return BotRequestFailed("network", answer)


def _bad_request_kind(answer: str) -> BotFailureKind:
    if "message is not modified" in answer:
        return "unchanged"
    gone = ("message to edit not found", "message can't be edited", "message_id_invalid", "query is too old")
    return "gone" if any(words in answer for words in gone) else "request"


def _markup(buttons: ButtonRows) -> "InlineKeyboardMarkup | None":
    from telegram import InlineKeyboardButton, InlineKeyboardMarkup

    rows = [[InlineKeyboardButton(button.label, callback_data=button.data) for button in row] for row in buttons]
    return InlineKeyboardMarkup(rows) if rows else None
