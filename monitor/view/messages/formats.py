"""The text of a message in the formats that services take: as it is, in Markdown, in HTML."""

import html
import re
from typing import Literal

MessageFormat = Literal["text", "markdown", "html"]

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~])")
_LIST_START = re.compile(r"^(\s*)([-+]|\d+\.)(\s)")


def format_body(text: str, target: MessageFormat) -> str:
    """The text with its first line set off, and everything in it that would be markup made harmless.

    The first line says what, how bad, how far: it is what a glance at a phone shows.
    """
    match target:
        case "markdown":
            return _to_markdown(text)
        case "html":
            return _to_html(text)
        case "text":
            return text


def escape(line: str, target: MessageFormat) -> str:
    """One line in which nothing is markup."""
    match target:
        case "markdown":
            return _escape_markdown(line)
        case "html":
            return html.escape(line, quote=False)
        case "text":
            return line


def _to_markdown(text: str) -> str:
    first, *rest = text.strip().split("\n")
    # Two spaces at the end of a line keep it a line of its own; an empty one ends the paragraph.
    lines = [f"**{_escape_markdown(first)}**", *(_escape_markdown(line) for line in rest)]
    return "\n".join(f"{line}  " if line else "" for line in lines).rstrip()


def _escape_markdown(line: str) -> str:
    return _LIST_START.sub(r"\1\\\2\3", _MARKUP.sub(r"\\\1", line))


def _to_html(text: str) -> str:
    # Only <b> and <br/>: what mail programs and messengers all understand.
    first, *rest = (html.escape(line, quote=True) for line in text.strip().split("\n"))
    return "<br/>\n".join([f"<b>{first}</b>", *rest])
