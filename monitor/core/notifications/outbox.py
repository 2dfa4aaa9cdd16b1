"""Outbox decisions: a channel is sent the alert's present state, compared with the state it was last sent.

`throttling.py` decides which deliveries wait and which are grouped into one message.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal, NamedTuple

from monitor.core.model.alert import Alert, AlertKey, AlertState, NotificationReason, Severity
from monitor.core.notifications.channel_messages import MessageReference

FIRST_UNRECORDED_ID = 1 << 62
"""First number of deliveries without a row in the database. The newest delivery has the highest number."""

CRITICAL_RETRY_FOR = timedelta(minutes=10)
"""Time for which a critical delivery is retried although the service refuses the message itself."""

GIVE_UP_AFTER = timedelta(hours=24)
"""Age at which an undelivered message is no longer sent: its content is out of date."""

MAX_CRITICAL_WAIT_S = 60
MAX_WAIT_S = 900
"""Longest delay that a service can ask for before the next attempt, in seconds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

DeliveryIdentity = tuple[str, int | None, int | None, str, int, str]
"""Key by which two deliveries are the same message to the same channel, whatever their numbers."""


class DeliveryKey(NamedTuple):
    """Key of a delivery's row. The id alone is not enough: after a failover the database gives out ids anew.

    `created_ms` is the time of the message in whole milliseconds since 1970 UTC, as the row has it.
    """

    id: int
    created_ms: int

    @property
    def created_at(self) -> datetime:
        """The time of the message."""
        return _EPOCH + timedelta(milliseconds=self.created_ms)

    @property
    def is_recorded(self) -> bool:
        """Whether the database has a row for the delivery."""
        return self.id < FIRST_UNRECORDED_ID


class DeliveryState(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification on its way to one channel. `next_at` is the earliest time of the next attempt.

    `alert` is None for a notice, whose words are in `text`, and for a message of the drill with the number `drill`,
    whose `text` is the JSON object that a webhook posts. `intent` is the number of the intent that a notice is about.
    """

    id: int
    channel: str
    alert: int | None
    reason: NotificationReason | Literal["notice", "drill"]
    severity: Severity
    created_at: datetime
    next_at: datetime
    state: DeliveryState = DeliveryState.QUEUED
    attempts: int = 0
    sent_at: datetime | None = None
    answer: str | None = None
    text: str = ""
    drill: int | None = None
    intent: int | None = None

    @property
    def is_recorded(self) -> bool:
        """Whether the database has a row for the delivery."""
        return self.key.is_recorded

    @property
    def key(self) -> DeliveryKey:
        """Key of the row, or of the delivery in memory while there is none."""
        return DeliveryKey(self.id, (self.created_at - _EPOCH) // timedelta(milliseconds=1))

    @property
    def identity(self) -> DeliveryIdentity:
        """Key of the message: equal for a row and for the delivery in memory before that row was written."""
        return (self.channel, self.alert, self.drill, str(self.reason), self.key.created_ms, self.text)


@dataclass(frozen=True, slots=True)
class LastNotified:
    """The alert as one channel was last sent it."""

    alert: int
    channel: str
    state: AlertState
    severity: Severity
    at: datetime


@dataclass(frozen=True, slots=True)
class Send:
    """Decision to send now. `reason` follows from the present state and may differ from the reason at queueing."""

    reason: NotificationReason


@dataclass(frozen=True, slots=True)
class Skip:
    """Decision not to send the delivery any more. `why` is recorded with it."""

    why: str


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """Result of one attempt to send a delivery, as recorded.

    `message` is the message that it became, where the service gives a reference by which it can be answered or edited.
    """

    channel: str
    delivery: DeliveryKey
    at: datetime
    ok: bool
    answer: str
    state: DeliveryState
    next_at: datetime | None = None
    last_notified: LastNotified | None = None
    message: MessageReference | None = None


@dataclass(frozen=True, slots=True)
class NotifiedAlert:
    """An alert as a channel was last sent it, with the key of the alert."""

    last_notified: LastNotified
    key: AlertKey


def decide_delivery(
    delivery: Delivery, alert: Alert, last_notified: LastNotified | None, superseded: bool, is_owed: bool = False
) -> Send | Skip:
    """Decide whether to send a delivery of an alert, given the state that the channel was last sent.

    `superseded`: a later delivery of the same alert waits for the same channel. `is_owed`: an earlier delivery of the
    alert was due on this channel and did not arrive: it failed, may have been interrupted, or waited until now.
    """
    is_over = alert.state in (AlertState.RESOLVED, AlertState.INACTIVE)
    if superseded:
        return Skip("a newer message about this alert follows")
    if is_over and last_notified is None and alert.severity == "critical" and (is_owed or delivery.attempts > 0):
        # The alert began and ended while the channel was unreachable, or while no daemon ran that could send; people
        # must still learn of it.
        return Send(NotificationReason.RESOLVED)
    knows_firing = last_notified is not None and last_notified.state is AlertState.FIRING
    if is_over:
        return Send(NotificationReason.RESOLVED) if knows_firing else Skip("over before this channel heard of it")
    if delivery.reason == NotificationReason.RESOLVED:
        return Skip("it still fires")
    if alert.silenced_by is not None:
        return Skip(f"silenced by {alert.silenced_by}")
    if not knows_firing:
        return Send(
            NotificationReason.ESCALATED
            if delivery.reason == NotificationReason.ESCALATED
            else NotificationReason.FIRED
        )
    if alert.acked_by is not None:
        return Skip(f"acknowledged by {alert.acked_by}")
    same = last_notified is not None and last_notified.severity == alert.severity
    if same and (
        delivery.reason == NotificationReason.FIRED
        or (last_notified is not None and last_notified.at > delivery.created_at)
    ):
        return Skip("this channel knows already")
    return Send(NotificationReason(delivery.reason))


def retry_delay_s(attempts: int, retry_after_s: float | None, severity: Severity = "info") -> float:
    """Seconds until a failed delivery is retried: 1, 2, 4 … 60, or the delay that the service asks for if longer.

    The requested delay is capped: at a minute for critical deliveries, at a quarter of an hour for all others.
    """
    backoff = min(60.0, 2.0 ** (min(max(attempts, 1), 7) - 1))
    max_wait_s = MAX_CRITICAL_WAIT_S if severity == "critical" else MAX_WAIT_S
    requested_s = 0.0 if retry_after_s is None or retry_after_s != retry_after_s else retry_after_s
    return max(backoff, min(max_wait_s, requested_s))


def after_attempt(delivery: Delivery, attempt: DeliveryAttempt) -> Delivery:
    """The delivery after an attempt."""
    return replace(
        delivery,
        state=attempt.state,
        attempts=delivery.attempts + 1,
        answer=attempt.answer,
        sent_at=attempt.at if attempt.ok else None,
        next_at=delivery.next_at if attempt.next_at is None else attempt.next_at,
    )
