"""What of one delivery is said on one channel now, and what waits or ends unsaid."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from monitor.core.model.alert import Alert, NotificationReason
from monitor.core.notifications.outbox import Delivery, Skip, decide_delivery
from monitor.core.notifications.throttling import DueAlert, Hold, notice_rate_limit_hold, quiet_hours_hold
from monitor.runtime.messages.channel_queue import Channel
from monitor.store.writes.due_notifications import ChannelDue

UNKNOWN_ALERT_RETRY = timedelta(seconds=5)
"""How long a message waits whose alert nobody remembers while the database can't be asked."""


def is_urgent(channel: Channel, delivery: Delivery) -> bool:
    """Whether it waits for no look at the store: a critical first word, or a critical notice from memory."""
    critical = delivery.severity == "critical" and not channel.limits.max_per_hour
    said = delivery.reason == "notice" and not delivery.is_recorded
    return critical and (delivery.reason is NotificationReason.FIRED or said)


def choose_for_channel(
    channel: Channel, delivery: Delivery, due: ChannelDue, open_alert: Alert | None, now: datetime
) -> DueAlert | Hold | str:
    """What is to be told for a delivery about an alert, until when it waits, or why it is not told at all."""
    assert delivery.alert is not None
    alert = open_alert or due.alerts.get(delivery.alert)
    if alert is None:
        return (
            Hold(now + UNKNOWN_ALERT_RETRY, "the database can't be read") if due.from_memory else "its alert is unknown"
        )
    superseded = any(other.alert == delivery.alert and other.id > delivery.id for other in due.deliveries)
    known = due.last_notified.get(delivery.alert)
    tried = delivery.alert in due.attempted
    chosen = decide_delivery(delivery, alert, None if known is None else known.last_notified, superseded, tried)
    if isinstance(chosen, Skip):
        return chosen.why
    if not channel.accepts(delivery.severity, chosen.reason):
        return refusal_text(delivery, chosen.reason)
    wait = quiet_hours_hold(delivery.severity, channel.limits, now)
    return DueAlert(delivery, alert, chosen.reason) if wait is None else wait


def notice_hold(channel: Channel, delivery: Delivery, sent: Sequence[datetime], now: datetime) -> Hold | None:
    """Until when a notice waits, if it does."""
    quiet = quiet_hours_hold(delivery.severity, channel.limits, now)
    return quiet or notice_rate_limit_hold(delivery.severity, sent, channel.limits, now)


def parse_drill(delivery: Delivery) -> dict[str, Any] | None:
    """The object that a webhook gets of a drill's message; None for what belongs to no drill."""
    if delivery.reason != "drill":
        return None
    document: dict[str, Any] = json.loads(delivery.text)
    return document


def refusal_text(delivery: Delivery, what: str) -> str:
    """Why a channel is not told."""
    return f"this channel does not take {delivery.severity} {what}"
