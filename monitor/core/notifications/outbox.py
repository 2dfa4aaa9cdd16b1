"""Level-triggered telling: what a channel is told is the present truth compared with what it last heard.

What may wait, and what leaves together as one message, is decided in `restraint.py`.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal

from monitor.core.model.alert import Alert, AlertKey, AlertState, NotificationReason, Severity

FIRST_UNRECORDED_ID = 1 << 62
"""From here on count the numbers of deliveries that no database has a row for; the newest has the highest."""

CRITICAL_RETRY_FOR = timedelta(minutes=10)
"""How long what is critical is tried again although the service refuses the message itself."""

GIVE_UP_AFTER = timedelta(hours=24)
"""A message that no try could deliver for this long is no longer sent: what it said is history."""

MAX_CRITICAL_WAIT_S = 60
MAX_WAIT_S = 900
"""A service may ask for that much patience at most."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

DeliveryIdentity = tuple[str, int | None, int | None, str, int, str]
"""What makes two deliveries the same message to the same channel, whatever their numbers."""


class DeliveryState(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification on its way to one channel. `next_at` is when it may be tried (again).

    `alert` is None for what belongs to no alert: a notice, whose words are in `text`, or a message of the drill of that
    number, whose `text` is the JSON object that a webhook posts. `intent` is the one that a notice is about.
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
        """Whether the database has a row for it."""
        return self.id < FIRST_UNRECORDED_ID

    @property
    def identity(self) -> DeliveryIdentity:
        """The same for a row and for what was in memory before the row was written."""
        created_ms = (self.created_at - _EPOCH) // timedelta(milliseconds=1)
        return (self.channel, self.alert, self.drill, str(self.reason), created_ms, self.text)


@dataclass(frozen=True, slots=True)
class LastNotified:
    """What a channel last heard of an alert."""

    alert: int
    channel: str
    state: AlertState
    severity: Severity
    at: datetime


@dataclass(frozen=True, slots=True)
class Send:
    """Say it now, for this reason: the present truth, which may differ from why it was queued."""

    reason: NotificationReason


@dataclass(frozen=True, slots=True)
class Skip:
    """Nothing to say any more; `why` is kept with the delivery."""

    why: str


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """What became of one attempt to say something, as it is to be remembered."""

    channel: str
    delivery: int
    at: datetime
    ok: bool
    answer: str
    state: DeliveryState
    next_at: datetime | None = None
    last_notified: LastNotified | None = None


@dataclass(frozen=True, slots=True)
class NotifiedAlert:
    """What a channel last heard of alerts that still matter to it, and which alert each of it is about."""

    last_notified: LastNotified
    key: AlertKey


def decide_delivery(
    delivery: Delivery, alert: Alert, last_notified: LastNotified | None, superseded: bool, attempted: bool = False
) -> Send | Skip:
    """What one channel is to be told of an alert now, given what it last heard.

    `superseded`: a later delivery of the same alert waits for the same channel. `tried`: an earlier one failed there,
    or may have been cut off.
    """
    is_over = alert.state in (AlertState.RESOLVED, AlertState.INACTIVE)
    if superseded:
        return Skip("a newer message about this alert follows")
    if is_over and last_notified is None and alert.severity == "critical" and (attempted or delivery.attempts > 0):
        # It came and went while the channel could not be reached: news all the same.
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
    """Seconds until a failed delivery is tried again: 1, 2, 4 … 60, or what the service asks for if longer.

    Its wish has bounds: a minute for what is critical, a quarter of an hour for all else.
    """
    backoff = min(60.0, 2.0 ** (min(max(attempts, 1), 7) - 1))
    max_wait_s = MAX_CRITICAL_WAIT_S if severity == "critical" else MAX_WAIT_S
    requested_s = 0.0 if retry_after_s is None or retry_after_s != retry_after_s else retry_after_s
    return max(backoff, min(max_wait_s, requested_s))


def after_attempt(delivery: Delivery, attempt: DeliveryAttempt) -> Delivery:
    """The delivery once that attempt was made."""
    return replace(
        delivery,
        state=attempt.state,
        attempts=delivery.attempts + 1,
        answer=attempt.answer,
        sent_at=attempt.at if attempt.ok else None,
        next_at=delivery.next_at if attempt.next_at is None else attempt.next_at,
    )
