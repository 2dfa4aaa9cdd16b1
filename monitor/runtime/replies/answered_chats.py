"""Chats that can be answered, who may do what there, and the words for people in them."""

from collections.abc import Collection, Sequence
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
    """A channel that can be answered: its chat, what may be done there, and by whom.

    Not `is_certain`: it stands for several channels of one chat, and which of them is meant is not known.
    """

    channel: str
    chat: str
    topic: int | None
    allow: frozenset[str]
    users: frozenset[int]
    is_certain: bool = True


def find_candidates(chats: Sequence[AnsweredChat], content: ChatPress | ChatWords) -> Sequence[AnsweredChat]:
    """Return the channels that a press or words may belong to: those of its topic if it is told, else all of its chat.

    Of private words it is any channel that lists the user.
    """
    names = {str(content.chat), content.chat_name.lower()}
    there = [chat for chat in chats if chat.chat.lower() in names]
    if not there and isinstance(content, ChatWords) and content.is_private:
        return [chat for chat in chats if content.user.id in chat.users][:1]
    if len(there) < 2 or (isinstance(content, ChatPress) and content.topic is None):
        # The service may leave out the topic of a message that was pressed.
        return there
    return [chat for chat in there if chat.topic == content.topic] or there


def choose_chat(
    candidates: Sequence[AnsweredChat], content: ChatPress | ChatWords, channels: Collection[str] = ()
) -> AnsweredChat | None:
    """Return the one channel of a press or of words, by the `channels` that its message is recorded of.

    Where that leaves several, it is all of them at once, uncertain: what each of them allows this user.
    """
    recorded = [chat for chat in candidates if chat.channel in channels]
    general = [chat for chat in candidates if chat.topic is None]
    is_shown = isinstance(content, ChatPress) and content.text is not None
    for found in (candidates, recorded, general if is_shown and content.topic is None else ()):
        if len(found) == 1:
            return found[0]
    if not candidates:
        return None
    allowed = [chat.allow if content.user.id in chat.users else frozenset[str]() for chat in candidates]
    return AnsweredChat(
        candidates[0].channel,
        candidates[0].chat,
        content.topic,
        frozenset.intersection(*allowed),
        frozenset[int]().union(*(chat.users for chat in candidates)),
        is_certain=False,
    )


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


def not_allowed_text(what: str, chat: AnsweredChat) -> str:
    """Return the refusal of something that is not allowed in a chat."""
    if chat.is_certain:
        return f"{what} is not allowed here"
    return f"{what}: not done, since it is not known which channel this is, and not all of this chat let you do that"


def error_text(error: MonitorError) -> str:
    """Return the error and its fix without its place on a command line."""
    return as_sentence(f"{error.message}; {error.mend}" if error.mend else error.message)


def as_sentence(text: str) -> str:
    """Return the text as a sentence."""
    return f"{text[:1].upper()}{text[1:]}"
