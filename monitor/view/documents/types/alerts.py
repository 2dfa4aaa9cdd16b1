"""Types of alerts, of the objects that a channel with `webhook` is sent about them, of silences and drills."""

from typing import Literal, NotRequired, TypedDict

from monitor.core.model.alert import AlertState, MetricScope, Severity
from monitor.core.notifications.outbox import DeliveryState
from monitor.view.documents.types.values import Count, DecimalText, Number, SilenceState, TimeText

AlertReason = Literal["fired", "reminded", "escalated", "resolved"]
MessageReason = Literal["fired", "reminded", "escalated", "resolved", "drill"]


class AckDocument(TypedDict):
    """Who takes care of an alert, since when, and the comment."""

    by: str | None
    at: TimeText | None
    comment: str | None


class DeliveryDocument(TypedDict):
    """One message of an alert to one channel, with the channel's answer."""

    channel: str
    reason: str
    state: DeliveryState
    attempts: Count
    at: TimeText | None
    answer: str | None


class AlertDocument(TypedDict):
    """An alert. `labels` holds the rule's own and the built-in ones that silences match."""

    id: Number
    rule: str
    account: str
    scope: MetricScope
    subject: str | None
    state: AlertState
    severity: Severity
    since: TimeText
    fired_at: TimeText | None
    resolved_at: TimeText | None
    value: DecimalText | None
    when: str
    clear: str
    unknown_since: TimeText | None
    summary: str
    acked: AckDocument | None
    silenced_by: Number | None
    inhibited_by: Number | None
    gone: bool
    labels: dict[str, str]
    deliveries: list[DeliveryDocument]


class AlertListDocument(TypedDict):
    """Alerts, newest first."""

    items: list[AlertDocument]


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


class MatcherDocument(TypedDict):
    """A condition on a label."""

    name: str
    op: Literal["=", "!=", "=~", "!~"]
    value: str


class SilenceDocument(TypedDict):
    """A silence: alerts that match all its matchers send no messages while it is active."""

    id: Number
    matchers: list[MatcherDocument]
    starts_at: TimeText
    ends_at: TimeText
    author: str
    comment: str
    include_critical: bool
    state: SilenceState


class SilenceListDocument(TypedDict):
    """Silences by their number."""

    items: list[SilenceDocument]


class DrillMessageDocument(TypedDict):
    """One message of a drill."""

    channel: str
    rule: str
    stage: str
    severity: Severity
    title: str
    state: DeliveryState
    attempts: Count
    at: TimeText | None
    answer: str | None


class DrillDocument(TypedDict):
    """A drill with its messages. `ok`: every channel that takes them accepted them."""

    id: Number
    rule: str
    by: str
    requested_at: TimeText
    done_at: TimeText | None
    outcome: str | None
    ok: bool
    items: list[DrillMessageDocument]
