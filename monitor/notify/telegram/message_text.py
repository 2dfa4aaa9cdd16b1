"""The text of a message as Telegram shows it: the title in bold, then the text, then what became of it."""

import html
import re
from collections.abc import Sequence

from monitor.view.messages.message import Message

MAX_CHARS = 4096
"""The limit of Telegram for one message, after its markup is read."""

STATE_CHARS = 700
"""Room that a message leaves for the lines that are added to it later."""

_BREAK = re.compile(r"<br\s*/?>\n?")


def message_html(message: Message) -> str:
    """Return the message as HTML, cut to a length that leaves room for later lines.

    The text of an HTML template stands as it is; all other text is shown with every sign in it.
    """
    title = f"<b>{html.escape(message.title, quote=False)}</b>"
    if message.format == "html" and not message.plain:
        return f"{title}\n{_BREAK.sub(chr(10), message.text)}"
    room = MAX_CHARS - STATE_CHARS - len(message.title) - 1
    return f"{title}\n{html.escape(cut(message.text, room), quote=False)}"


def with_state(text_html: str, lines: Sequence[str]) -> str:
    """Return the text of a message with the lines that tell what became of it."""
    if not lines:
        return text_html
    state = html.escape(cut("\n".join(lines), STATE_CHARS - 10), quote=False)
    return f"{text_html}\n\n<b>{state}</b>"


def cut(text: str, room: int) -> str:
    """Return the text, or its beginning where it is too long, marked as cut."""
    return text if len(text) <= room else f"{text[: max(0, room - 2)].rstrip()} …"
