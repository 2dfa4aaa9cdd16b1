"""Alerts, their states and transitions, notifications, acknowledgements, silences, and conditions of unknown truth.

An alert is a finding with memory: one alert for each (rule, account, scope, subject).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal, NamedTuple

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
"""In ascending order."""

MetricScope = Literal["cross", "isolated", "asset", "account", "monitor"]
"""Kind of subject of a rule: the cross account, an isolated pair, an asset, the account, or the monitor itself."""


def severity_rank(severity: Severity) -> int:
    """Return the rank of the severity: 0 for the least severe."""
    return SEVERITIES.index(severity)


class AlertState(StrEnum):
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"
    INACTIVE = "inactive"
    """State of a pending alert whose condition ended before it fired: it ends without any notification."""


class NotificationReason(StrEnum):
    """Reason for a notification."""

    FIRED = "fired"
    REMINDED = "reminded"
    ESCALATED = "escalated"
    RESOLVED = "resolved"


class AlertKey(NamedTuple):
    """Identity of an alert. `subject` is the pair or asset, empty for cross, account and monitor."""

    rule: str
    account: str
    scope: MetricScope
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert episode, from pending to resolved. `id` is never reused; a new episode gets a new one.

    `since` is when the condition began to hold. `pending_s` is how long it has held with fresh data (exchange seconds;
    it does not advance while data are missing). `clear_since` is when the condition stopped holding, `unknown_since`
    when its data went missing. `value` is the first metric of the condition. `notified_at` is the last time a
    notification was queued. `told_since` is the time since when people have been notified without suppression:
    escalation counts from there. `escalated` counts the escalation steps taken. `ack_ended_at` is when an
    acknowledgement ended because the alert had grown worse. `kept_quiet_by` is the silence whose end is to be notified,
    `end_announced` the silence whose coming end was.
    """

    id: int
    key: AlertKey
    state: AlertState
    severity: Severity
    since: datetime
    when: str
    clear: str
    summary: str
    labels: Mapping[str, str] = field(default_factory=dict)
    value: Decimal | None = None
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    unknown_since: datetime | None = None
    pending_s: Decimal = Decimal(0)
    clear_since: datetime | None = None
    updated_at: datetime | None = None
    notified_at: datetime | None = None
    told_since: datetime | None = None
    escalated: int = 0
    acked_by: str | None = None
    acked_at: datetime | None = None
    ack_comment: str | None = None
    ack_ended_at: datetime | None = None
    silenced_by: int | None = None
    inhibited_by: int | None = None
    kept_quiet_by: int | None = None
    end_announced: int | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class AlertTransition:
    """One change of an alert's state: appended, never changed. `from_state` is None for the first one."""

    alert: int
    from_state: AlertState | None
    to_state: AlertState
    at: datetime
    value: Decimal | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Notification:
    """One message to send about an alert to the named channels. The text is rendered when it is sent."""

    alert: int
    reason: NotificationReason
    severity: Severity
    channels: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class UnknownCondition:
    """A condition that is unknown since `since`, and the metrics that it lacks.

    No missing metrics: the arithmetic of the condition has no result.
    """

    since: datetime
    missing_metrics: tuple[str, ...]


UnknownConditions = Mapping[AlertKey, UnknownCondition]


@dataclass(frozen=True, slots=True)
class Ack:
    """An acknowledgement of an alert by a person."""

    alert: int
    by: str
    at: datetime
    comment: str


@dataclass(frozen=True, slots=True)
class SilenceMatcher:
    """One condition of a silence on an alert's labels. `op`: = != =~ !~ (the last two: whole-value regex)."""

    name: str
    op: Literal["=", "!=", "=~", "!~"]
    value: str


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence: alerts that match all matchers are not notified between `starts_at` and `ends_at`.

    `channel` is the channel whose answer set it; "" when no channel did.
    """

    id: int
    matchers: tuple[SilenceMatcher, ...]
    starts_at: datetime
    ends_at: datetime
    author: str
    comment: str
    include_critical: bool = False
    channel: str = ""
