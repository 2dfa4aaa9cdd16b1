"""One message for several alerts, from the messages about each of them."""

from collections.abc import Sequence
from dataclasses import replace

from monitor.view.messages.message import Message, MessageSubject

MAX_TITLE_NUMBERS = 8
"""Limit of alert numbers in a title; the text has all."""


def group_messages(messages: Sequence[Message]) -> Message:
    """The message of the worst alert, which comes first, with the others named in title and text.

    The object of a webhook is that of the worst; its `alerts` lists all of them.
    """
    worst, *others = messages
    if not others:
        return worst
    numbers = [f"#{message.document['id']}" for message in messages]
    listed = ", ".join(numbers if len(numbers) <= MAX_TITLE_NUMBERS else [*numbers[: MAX_TITLE_NUMBERS - 1], "…"])
    title = f"{worst.title.removesuffix(f' ({numbers[0]})')}, and {len(others)} more ({listed})"
    text = "\n".join([worst.text, "", "Together with it:", *(_without_first_word(other.title) for other in others)])
    alerts = [message.document for message in messages]
    return replace(
        worst,
        title=title,
        text=text,
        document={**worst.document, "title": title, "text": text, "alerts": alerts},
        subject=MessageSubject(tuple(alert for message in messages for alert in message.subject.alerts)),
    )


def _without_first_word(title: str) -> str:
    return title.partition("] ")[2] or title
