"""Updates of a bot: presses and words of people, as the library read them, and those that it can't read."""

import datetime as dtm
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from telegram import Chat, Message, Update, User

_ERROR_KEY = "margin_monitor_error"
"""Key of an update in the place of one that the library can't read. The service has no such key."""


@dataclass(frozen=True, slots=True)
class ChatUser:
    """A person in a chat: the number, and the name as the person chose it."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class ChatPress:
    """A press of a button. `text` is the text of its message as HTML; None where that is not known any more.

    `topic` is the thread of a forum, where the service names one.
    """

    id: str
    user: ChatUser
    chat: int
    chat_name: str
    message: int
    data: str
    text: str | None
    topic: int | None = None


@dataclass(frozen=True, slots=True)
class ChatWords:
    """A message of a person. `replies_to` is the message that it answers; `is_private`: the chat is theirs alone."""

    message: int
    user: ChatUser
    chat: int
    chat_name: str
    text: str
    at: dtm.datetime
    is_private: bool
    replies_to: int | None = None
    topic: int | None = None


@dataclass(frozen=True, slots=True)
class BotUpdate:
    """One update by its number; `content` None: something that no one here reads.

    `error` is the type of the error for which the update can't be read: what it holds is not known then.
    """

    number: int
    content: ChatPress | ChatWords | None
    error: str = ""


def mark_unreadable(answer: object) -> dict[str, Any]:
    """Return the answer to a request for updates, with a mark in the place of each update that the library can't read.

    The library gives up all updates of an answer for one that it can't read, and the service sends that again for ever.
    Raises TelegramError where one has no number: it could be neither left out nor confirmed.
    """
    from telegram.error import TelegramError

    known: dict[str, Any] = answer if isinstance(answer, dict) else {"ok": True}
    if not known.get("ok"):
        return known
    updates = known.get("result")
    if not isinstance(updates, list):
        raise TelegramError("an answer without updates")
    return {**known, "result": [_readable(each) for each in updates]}


def read_update(update: "Update") -> BotUpdate:
    """Return what an update of the library holds."""
    if _ERROR_KEY in update.api_kwargs:
        return BotUpdate(update.update_id, None, str(update.api_kwargs[_ERROR_KEY]))
    try:
        return BotUpdate(update.update_id, _content(update))
    except Exception as error:  # noqa: BLE001  the library's own parts, such as the entities of a text
        return BotUpdate(update.update_id, None, type(error).__name__)


def _readable(update: Any) -> Any:
    from telegram import Update
    from telegram.error import TelegramError

    try:
        Update.de_json(update)
    except Exception as error:  # noqa: BLE001  of whatever kind: the service may send anything
        if not isinstance(update, dict) or not isinstance(update.get("update_id"), int):
            raise TelegramError("an update without a number") from None
        return {"update_id": update["update_id"], _ERROR_KEY: type(error).__name__}
    return update


def _content(update: "Update") -> ChatPress | ChatWords | None:
    from telegram import Message

    press, words = update.callback_query, update.message
    if press is not None and press.message is not None and press.data:
        message = press.message
        known = message if isinstance(message, Message) else None
        return ChatPress(
            press.id,
            _user(press.from_user),
            message.chat.id,
            _chat_name(message.chat),
            message.message_id,
            press.data,
            None if known is None else known.text_html,
            None if known is None else _topic(known),
        )
    if words is not None and words.from_user is not None and words.text:
        answered = words.reply_to_message
        return ChatWords(
            words.message_id,
            _user(words.from_user),
            words.chat.id,
            _chat_name(words.chat),
            _well_formed(words.text),
            words.date,
            words.chat.type == "private",
            None if answered is None else answered.message_id,
            _topic(words),
        )
    return None


def _user(user: "User") -> ChatUser:
    return ChatUser(user.id, _well_formed(user.username or user.full_name))


def _chat_name(chat: "Chat") -> str:
    return f"@{chat.username}" if chat.username else ""


def _topic(message: "Message") -> int | None:
    return message.message_thread_id if message.is_topic_message else None


def _well_formed(text: str) -> str:
    """Return the text without halves of signs, which no message and no database takes."""
    return text.encode(errors="replace").decode()
