"""Types of the objects that a channel with `webhook` is sent, one a message."""

from typing import Literal, NotRequired, TypedDict

from monitor.core.model.alert import Severity
from monitor.view.documents.types.alerts import AlertDocument
from monitor.view.documents.types.values import Number

AlertReason = Literal["fired", "reminded", "escalated", "resolved"]
MessageReason = Literal["fired", "reminded", "escalated", "resolved", "drill"]


class AlertMessageDocument(AlertDocument):
    """A message about an alert: the alert and the words that were sent.

    `severity` is that of the message, `url` the address of the alert's page. `drill`: number of the drill that the
    message belongs to, `stage` its reason there. `alerts`: all alerts of a message about several, the worst first.
    """

    reason: MessageReason
    title: str
    text: str
    url: str | None
    stage: NotRequired[AlertReason]
    drill: NotRequired[Number]
    alerts: NotRequired[list["AlertMessageDocument"]]


class BareAlertMessageDocument(TypedDict):
    """A message about an alert whose figures could not be put into words."""

    id: Number
    severity: Severity
    reason: MessageReason
    title: str
    text: str
    url: str | None


class NoticeMessageDocument(TypedDict):
    """A message that belongs to no alert."""

    severity: Severity
    reason: Literal["notice"]
    title: str
    text: str
