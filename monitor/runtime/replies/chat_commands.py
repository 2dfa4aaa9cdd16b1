"""Commands as words in a chat: what is written, and what it asks for."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from monitor.core.numbers.durations import parse_duration
from monitor.errors import CommandRefused, UsageError, suggest_nearest
from monitor.runtime.replies.answered_chats import AnsweredChat, not_allowed_text
from monitor.view.messages.buttons import SILENCE_FOR

MAX_SILENCE = timedelta(days=30)

HELP = {
    "status": ("status", "/status: how far each account is from liquidation"),
    "alerts": ("status", "/alerts: the alerts that fire"),
    "stress": ("status", "/stress 20%: each level after such a fall"),
    "ack": ("ack", "/ack 17: acknowledge alert #17, or that of the message you answer"),
    "silence": ("silence", "/silence 17 2h: silence alert #17, or that of the message you answer, for a while"),
    "pause": ("pause", "/pause: pause all actions, after a second press"),
}
"""Each command with the permission that it needs, and its line of help."""

_COMMAND = re.compile(r"/([A-Za-z_]{1,32})(?:@(\w{1,64}))?(?:\s+(.*))?", re.DOTALL)
_NUMBER = re.compile(r"#?([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class ChatCommand:
    """A command of a chat; `bot`: the bot that it is meant for, "" for any."""

    name: str
    argument: str
    bot: str = ""


def parse_chat_command(text: str) -> ChatCommand | None:
    """Return the command; None for words that are none."""
    found = _COMMAND.fullmatch(text.strip())
    if found is None:
        return None
    return ChatCommand(found[1].lower(), (found[3] or "").strip(), found[2] or "")


def help_text(allowed: Collection[str]) -> str:
    """Return the commands that are allowed."""
    lines = [line for permission, line in HELP.values() if permission in allowed]
    return "\n".join([*lines, "/help: this list"])


def check_allowed(name: str, chat: AnsweredChat) -> None:
    """Raise UsageError for an unknown command, CommandRefused for one that is not allowed here."""
    if name not in HELP:
        raise UsageError(f"there is no command /{name[:32]}", mend=suggest_nearest(name, HELP) or "/help lists them")
    permission, _ = HELP[name]
    if permission not in chat.allow:
        mend = (
            f'add "{permission}" to allow of [[replies]]' if chat.is_certain else "write it in the topic of a channel"
        )
        raise CommandRefused(not_allowed_text(f"/{name}", chat), mend=mend)


def parse_subject(argument: str, answered: Collection[int]) -> tuple[list[int], timedelta]:
    """Return the alerts that a command is about, and the span of a silence. Raises UsageError.

    `answered` are the alerts of the message that the words answer.
    """
    numbers: list[int] = []
    span = SILENCE_FOR
    for word in argument.split():
        found = _NUMBER.fullmatch(word)
        if found is not None:
            numbers.append(int(found[1]))
            continue
        try:
            span = parse_duration(word)
        except ValueError as error:
            raise UsageError(str(error), mend="write it like /silence 17 2h") from error
    if not timedelta() < span <= MAX_SILENCE:
        raise UsageError("a silence lasts from a moment to 30 days", mend="write it like /silence 17 2h")
    if not numbers and not answered:
        raise UsageError("which alert?", mend="write its number, such as /silence 17 2h, or answer its message")
    return numbers or sorted(answered), span
