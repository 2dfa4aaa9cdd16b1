"""Messages that can be edited, with the present state of their subjects."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from monitor.core.model.alert import Alert, Silence
from monitor.core.model.intent import Intent
from monitor.core.notifications.channel_messages import ChannelMessage


@dataclass(frozen=True, slots=True)
class IntentDecision:
    """The decision of a person on a proposal."""

    approved: bool
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class MessageTruth:
    """Open messages, newest first, and by number the alerts, intents, decisions and silences that they are about.

    `rejected` names the rows of messages that can't be understood.
    """

    messages: tuple[ChannelMessage, ...]
    alerts: Mapping[int, Alert]
    intents: Mapping[int, Intent]
    decisions: Mapping[int, IntentDecision]
    silences: Mapping[int, Silence]
    rejected: tuple[str, ...] = ()
