"""The text of a message as plain text, Markdown or HTML."""

import html
import re
from typing import Literal

MessageFormat = Literal["text", "markdown", "html"]

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~])")
_LIST_START = re.compile(r"^(\s*)([-+]|\d+\.)(\s)")


def format_body(text: str, target: MessageFormat) -> str:
    """The text with its first line emphasised and all markup in it escaped.

    The first line says what, how bad, how far: a phone shows it at a glance.
    """
    match target:
        case "markdown":
            return _to_markdown(text)
        case "html":
            return _to_html(text)
        case "text":
            return text


def escape(line: str, target: MessageFormat) -> str:
    """One line with all markup escaped."""
    match target:
        case "markdown":
            return _escape_markdown(line)
        case "html":
            return html.escape(line, quote=False)
        case "text":
            return line


def _to_markdown(text: str) -> str:
    first, *rest = text.strip().split("\n")
    # Two spaces at the end of a line keep the line break; an empty line ends the paragraph.
    lines = [f"**{_escape_markdown(first)}**", *(_escape_markdown(line) for line in rest)]
    return "\n".join(f"{line}  " if line else "" for line in lines).rstrip()


def _escape_markdown(line: str) -> str:
    return _LIST_START.sub(r"\1\\\2\3", _MARKUP.sub(r"\\\1", line))


def _to_html(text: str) -> str:
    # Only <b> and <br/>, which all mail programs and messengers understand.
    first, *rest = (html.escape(line, quote=True) for line in text.strip().split("\n"))
    return "<br/>\n".join([f"<b>{first}</b>", *rest])
