"""A message that a channel was sent, by the service's own reference: the message can be answered and edited."""

from dataclasses import dataclass
from datetime import datetime

from monitor.core.model.alert import Severity


@dataclass(frozen=True, slots=True)
class MessageReference:
    """The service's own reference of a message that it accepted, and the text that it shows.

    `reference` is CHAT/MESSAGE for Telegram, the receipt for Pushover.
    """

    reference: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class ChannelMessage:
    """One recorded message about an alert, an intent or a drill; a message about several alerts has a row for each.

    `reason` is that of its delivery. `text` is the text as it was sent, `shown` what was added to it since.
    """

    id: int
    channel: str
    reference: str
    alert: int | None
    intent: int | None
    drill: int | None
    reason: str
    severity: Severity
    at: datetime
    text: str
    shown: str


@dataclass(frozen=True, slots=True)
class OpenMessages:
    """Messages of which the end is not shown yet, newest first.

    `rejected` names the rows that can't be understood, with what is wrong in each. A message that has such a row is not
    among the messages: half of what it is about could be missing.
    """

    messages: tuple[ChannelMessage, ...] = ()
    rejected: tuple[str, ...] = ()
