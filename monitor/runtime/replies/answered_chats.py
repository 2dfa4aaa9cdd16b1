"""Chats that can be answered, who may do what there, and the words for people in them."""

from collections.abc import Iterable
from dataclasses import dataclass

from monitor.errors import MonitorError
from monitor.notify.telegram.updates import ChatPress, ChatUser, ChatWords

FAULT = "an error in margin-monitor; see its log"
NOT_DONE = f"not done: {FAULT}"
UNKNOWN = (
    "Not known yet whether this takes effect: the database does not work. It is tried again until it does; the result "
    "follows here."
)


@dataclass(frozen=True, slots=True)
class AnsweredChat:
    """A channel that can be answered: its chat, what may be done there, and by whom."""

    channel: str
    chat: str
    topic: int | None
    allow: frozenset[str]
    users: frozenset[int]


def find_chat(chats: Iterable[AnsweredChat], content: ChatPress | ChatWords) -> AnsweredChat | None:
    """Return the channel of a press or of words: the one of the topic, where several channels have topics of one forum.

    Of private words it is any channel that lists the user.
    """
    known, names = tuple(chats), {str(content.chat), content.chat_name.lower()}
    there = [chat for chat in known if chat.chat.lower() in names]
    found = next((chat for chat in there if chat.topic == content.topic), there[0] if there else None)
    if found is None and isinstance(content, ChatWords) and content.is_private:
        return next((chat for chat in known if content.user.id in chat.users), None)
    return found


def reply_key(content: ChatPress | ChatWords) -> str:
    """Return what identifies a press or words for good."""
    if isinstance(content, ChatPress):
        return f"telegram:press:{content.id}"
    return f"telegram:words:{content.chat}:{content.message}"


def user_text(user: ChatUser) -> str:
    """Return who it is, as the audit shows it."""
    name = "".join(sign for sign in user.name if sign.isprintable() and sign not in "()").strip()[:40]
    return f"telegram:{name or 'unnamed'} ({user.id})"


def not_listed_text(user: ChatUser) -> str:
    """Return the refusal of a user who is not listed."""
    return (
        f"Sorry, you are not among those who may answer here. Your number is {user.id}: "
        "whoever runs this can add it to users."
    )


def error_text(error: MonitorError) -> str:
    """Return the error and its fix without its place on a command line."""
    return as_sentence(f"{error.message}; {error.mend}" if error.mend else error.message)


def as_sentence(text: str) -> str:
    """Return the text as a sentence."""
    return f"{text[:1].upper()}{text[1:]}"
