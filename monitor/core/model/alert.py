"""The life of an alert: a finding with memory. One alert is one (rule, account, scope, subject)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
"""From the least severe to the most."""

MetricScope = Literal["cross", "isolated", "asset", "account", "monitor"]
"""What a rule looks at: one cross account, one isolated pair, one asset, one account, or the daemon's sight."""


def severity_rank(severity: Severity) -> int:
    """The place of the severity among all, 0 for the least."""
    return SEVERITIES.index(severity)


class AlertState(StrEnum):
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"
    INACTIVE = "inactive"
    """A pending alert whose condition went away before it fired: it ends without having been told."""


class NotificationReason(StrEnum):
    """Why somebody is told."""

    FIRED = "fired"
    REMINDED = "reminded"
    ESCALATED = "escalated"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, order=True)
class AlertKey:
    """What an alert is about. `subject` is the pair or asset, empty for cross, account and monitor."""

    rule: str
    account: str
    scope: MetricScope
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """One episode: from pending to resolved. `id` is never reused; a new episode gets a new one.

    `since` is when the condition began to hold, `pending_s` the fresh time it has held (exchange seconds,
    which does not advance while data are missing), `clear_since` when it stopped holding, `unknown_since` when
    the data for it went missing. `value` is the first metric of the condition. `notified_at` is the last time
    a notification was queued, `told_since` since when people know without having been kept quiet: escalation counts
    from there. `escalated` counts the escalation steps taken. `ack_ended_at` is when an ack ended because it had grown
    worse.
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
    gone: bool = False


@dataclass(frozen=True, slots=True)
class AlertTransition:
    """One change of an alert's state: appended, never changed. `from_state` None is its birth."""

    alert: int
    from_state: AlertState | None
    to_state: AlertState
    at: datetime
    value: Decimal | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Notification:
    """What to say about an alert, to the named channels. The words are rendered when it is sent."""

    alert: int
    reason: NotificationReason
    severity: Severity
    channels: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class UnknownCondition:
    """Since when a condition is unknown, and the metrics that it lacks; none: its arithmetic has no result."""

    since: datetime
    missing_metrics: tuple[str, ...]


UnknownConditions = Mapping[AlertKey, UnknownCondition]
