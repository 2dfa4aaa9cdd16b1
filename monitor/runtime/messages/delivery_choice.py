"""The choice for one delivery on one channel now: send, wait, or close unsent."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from monitor.core.model.alert import Alert, NotificationReason
from monitor.core.notifications.outbox import Delivery, DeliveryKey, Send, Skip, decide_delivery
from monitor.core.notifications.throttling import DueAlert, Hold, notice_rate_limit_hold, quiet_hours_hold
from monitor.runtime.messages.channel_queue import Channel
from monitor.store.writes.due_notifications import ChannelDue

UNKNOWN_ALERT_RETRY = timedelta(seconds=5)
"""The wait of a delivery whose alert is unknown while the database can't be read."""


def is_urgent(channel: Channel, delivery: Delivery) -> bool:
    """Return whether the delivery is sent without a poll: a first critical notification, or one from memory."""
    critical = delivery.severity == "critical" and not channel.limits.max_per_hour
    said = delivery.reason == "notice" and not delivery.is_recorded
    return critical and (delivery.reason is NotificationReason.FIRED or said)


def choose_for_channel(
    channel: Channel, delivery: Delivery, due: ChannelDue, open_alert: Alert | None, now: datetime
) -> DueAlert | Hold | str:
    """Return the due notification for a delivery about an alert, its hold, or why it is not sent at all."""
    assert delivery.alert is not None
    alert = open_alert or due.alerts.get(delivery.alert)
    if alert is None:
        return (
            Hold(now + UNKNOWN_ALERT_RETRY, "the database can't be read") if due.from_memory else "its alert is unknown"
        )
    # A row that a failover lost is made anew with a later id.
    age = (delivery.key.created_ms, delivery.id)
    ages = {(other.key.created_ms, other.id): other.reason for other in due.deliveries if other.alert == delivery.alert}
    superseded = any(other > age for other in ages)
    waited = (alert.silenced_by is None and alert.acked_by is None) and any(
        other < age
        and isinstance(reason, NotificationReason)
        and reason is not NotificationReason.RESOLVED
        and channel.accepts(delivery.severity, reason)
        for other, reason in ages.items()
    )
    known = due.last_notified.get(delivery.alert)
    is_owed = waited or delivery.alert in due.attempted
    chosen = decide_delivery(delivery, alert, None if known is None else known.last_notified, superseded, is_owed)
    if isinstance(chosen, Skip):
        return chosen.why
    if not channel.accepts(delivery.severity, chosen.reason):
        return refusal_text(delivery, chosen.reason)
    wait = quiet_hours_hold(delivery.severity, channel.limits, now)
    return DueAlert(delivery, alert, chosen.reason) if wait is None else wait


@dataclass(slots=True)
class DueChoice:
    """The choices for all deliveries about alerts that a poll has shown.

    `unsent` are the reasons of those that are not sent at all.
    """

    alerts: list[DueAlert] = field(default_factory=list)
    held: list[tuple[list[DeliveryKey], Hold]] = field(default_factory=list)
    unsent: dict[DeliveryKey, str] = field(default_factory=dict)


def choose_due(
    channel: Channel, due: ChannelDue, open_alert: Callable[[int], Alert | None], now: datetime
) -> DueChoice:
    """Return the choice for each delivery about an alert."""
    choice = DueChoice()
    for delivery in due.deliveries:
        if delivery.alert is None:
            continue
        match choose_for_channel(channel, delivery, due, open_alert(delivery.alert), now):
            case DueAlert() as chosen:
                choice.alerts.append(chosen)
            case Hold() as wait:
                choice.held.append(([delivery.key], wait))
            case str() as why:
                choice.unsent[delivery.key] = why
    return choice


def choose_pushed(channel: Channel, delivery: Delivery, alert: Alert | None, last_polled_id: int) -> DueAlert | None:
    """Return the due notification of a pushed delivery: the first word about an alert, newer than the last poll.

    None for one in any doubt, which is left to a poll.
    """
    if alert is None or delivery.id <= last_polled_id:
        return None
    chosen = decide_delivery(delivery, alert, None, superseded=False)
    is_first = isinstance(chosen, Send) and chosen.reason is NotificationReason.FIRED
    if not is_first or not channel.accepts("critical", NotificationReason.FIRED):
        return None
    return DueAlert(delivery, alert, NotificationReason.FIRED)


def notice_hold(channel: Channel, delivery: Delivery, sent: Sequence[datetime], now: datetime) -> Hold | None:
    """Return the hold of a notice, if any."""
    quiet = quiet_hours_hold(delivery.severity, channel.limits, now)
    return quiet or notice_rate_limit_hold(delivery.severity, sent, channel.limits, now)


def needs_plain_text(deliveries: Iterable[Delivery]) -> bool:
    """Return whether plain text is needed: for critical deliveries from the second attempt on."""
    return any(delivery.attempts and delivery.severity == "critical" for delivery in deliveries)


def parse_drill(delivery: Delivery) -> dict[str, Any] | None:
    """Return the object that a webhook is sent of a drill's message; None for other deliveries."""
    if delivery.reason != "drill":
        return None
    document: dict[str, Any] = json.loads(delivery.text)
    return document


def refusal_text(delivery: Delivery, what: str) -> str:
    """Return why a channel is not sent the delivery."""
    return f"this channel does not take {delivery.severity} {what}"
