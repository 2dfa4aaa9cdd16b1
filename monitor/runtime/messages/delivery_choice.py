"""What of one delivery is said on one channel now, and what waits or ends unsaid."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from monitor.core.model.alert import Alert, Reason
from monitor.core.notifications.outbox import Delivery, Skip, choose
from monitor.core.notifications.throttling import Due, Wait, notice_over_limit, quiet_until
from monitor.runtime.messages.channel_queue import Channel
from monitor.store.writes.due_notifications import Look

UNKNOWN_LOOK = timedelta(seconds=5)
"""How long a message waits whose alert nobody remembers while the database can't be asked."""


def is_urgent(channel: Channel, delivery: Delivery) -> bool:
    """Whether it waits for no look at the store: a critical first word, or a critical notice from memory."""
    critical = delivery.severity == "critical" and not channel.restraint.max_per_hour
    said = delivery.reason == "notice" and not delivery.is_recorded
    return critical and (delivery.reason is Reason.FIRED or said)


def choose_for(
    channel: Channel, delivery: Delivery, seen: Look, open_alert: Alert | None, now: datetime
) -> Due | Wait | str:
    """What is to be told for a delivery about an alert, until when it waits, or why it is not told at all."""
    assert delivery.alert is not None
    alert = open_alert or seen.alerts.get(delivery.alert)
    if alert is None:
        return Wait(now + UNKNOWN_LOOK, "the database can't be read") if seen.from_memory else "its alert is unknown"
    superseded = any(other.alert == delivery.alert and other.id > delivery.id for other in seen.due)
    known = seen.heard.get(delivery.alert)
    tried = delivery.alert in seen.tried
    chosen = choose(delivery, alert, None if known is None else known.told, superseded, tried)
    if isinstance(chosen, Skip):
        return chosen.why
    if not channel.wants(delivery.severity, chosen.reason):
        return not_taken(delivery, chosen.reason)
    wait = quiet_until(delivery.severity, channel.restraint, now)
    return Due(delivery, alert, chosen.reason) if wait is None else wait


def notice_wait(channel: Channel, delivery: Delivery, sent: Sequence[datetime], now: datetime) -> Wait | None:
    """Until when a notice waits, if it does."""
    quiet = quiet_until(delivery.severity, channel.restraint, now)
    return quiet or notice_over_limit(delivery.severity, sent, channel.restraint, now)


def drill_of(delivery: Delivery) -> dict[str, Any] | None:
    """The object that a webhook gets of a drill's message; None for what belongs to no drill."""
    if delivery.reason != "drill":
        return None
    document: dict[str, Any] = json.loads(delivery.text)
    return document


def not_taken(delivery: Delivery, what: str) -> str:
    """Why a channel is not told."""
    return f"this channel does not take {delivery.severity} {what}"
