"""A user's message template, rendered in a sandboxed environment."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from jinja2 import StrictUndefined, Template, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from monitor.core.model.alert import Alert, AlertKey, AlertState, NotificationReason
from monitor.view.json_values import Document
from monitor.view.messages.formats import MessageFormat
from monitor.view.messages.message import Message, alert_message, notice_message

log = logging.getLogger(__name__)

FORMAT_BY_SUFFIX: Mapping[str, MessageFormat] = {".md": "markdown", ".html": "html", ".htm": "html"}
"""Format by the suffix of the file's name; any other is plain text."""

MAX_TEMPLATE_CHARS = 20_000
"""Characters; longer output of a template is cut off."""


class InvalidTemplate(Exception):
    """A template that cannot be used: the error and its line."""


class MessageTemplate:
    """The template of one channel's messages. Its variables are the fields of the webhook's body, `text` the standard
    text."""

    def __init__(self, name: str, source: str) -> None:
        """`name` is the file's name: its suffix selects the format. Raises InvalidTemplate if any kind of message
        fails."""
        suffix = next((end for end in FORMAT_BY_SUFFIX if name.lower().endswith(end)), "")
        self.format: MessageFormat = FORMAT_BY_SUFFIX.get(suffix, "text")
        environment = ImmutableSandboxedEnvironment(
            autoescape=self.format == "html", undefined=StrictUndefined, keep_trailing_newline=False
        )
        environment.globals.clear()
        try:
            self._template: Template = environment.from_string(source)
        except TemplateSyntaxError as error:
            raise InvalidTemplate(f"line {error.lineno}: {error.message}") from error
        for about, message in _EXAMPLES.items():
            try:
                made = self._render_text(message)
            except Exception as error:
                # A user's expression may raise anything: an unknown name, a divided text, a call of no function.
                raise InvalidTemplate(f"for {about}: {error}") from error
            if not made:
                raise InvalidTemplate(f"for {about} it makes an empty text")

    def render(self, message: Message) -> Message:
        """The message rendered by the template; the standard message when the template fails, since it must be sent
        anyway."""
        try:
            text = self._render_text(message)
        except Exception as error:  # noqa: BLE001  a user's expression may raise anything
            log.error("template.failed cause=%r", f"{type(error).__name__}: {error}")
            return message
        if not text:
            log.error("template.failed cause='it made an empty text'")
            return message
        return replace(message, text=text, format=self.format, document={**message.document, "text": text})

    def _render_text(self, message: Message) -> str:
        return self._template.render({**_EMPTY_FIELDS, **message.document}).strip()[:MAX_TEMPLATE_CHARS]


def _example_documents() -> Mapping[str, Message]:
    """An example of every kind of message that a template must render."""
    at = datetime(2025, 10, 10, 21, 15, tzinfo=UTC)
    key = AlertKey("near-call", "main", "cross", "")
    alert = Alert(
        17, key, AlertState.FIRING, "critical", at, "margin_level < 1.4", "", "margin level 1.31",
        value=Decimal("1.31"), fired_at=at,
    )  # fmt: skip
    over = replace(alert, state=AlertState.RESOLVED, resolved_at=at)
    return {
        "an alert that fires": alert_message(alert, NotificationReason.FIRED, None, at),
        "an alert that is over": alert_message(over, NotificationReason.RESOLVED, None, at),
        "a notice, which is about no alert": notice_message("info", "main cross: repaid 500 USDT"),
    }


_EXAMPLES = _example_documents()
_EMPTY_FIELDS: Document = dict.fromkeys(field for message in _EXAMPLES.values() for field in message.document)
"""Fields that a message about no alert lacks."""
