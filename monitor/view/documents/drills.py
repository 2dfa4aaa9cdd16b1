"""A drill with its messages as a JSON document."""

import json
from collections.abc import Sequence

from monitor.core.alerting.drill import Drill
from monitor.core.notifications.outbox import Delivery, DeliveryState
from monitor.view.documents.types.alerts import DrillDocument, DrillMessageDocument
from monitor.view.json_values import json_time


def drill_document(drill: Drill, messages: Sequence[Delivery]) -> DrillDocument:
    """The drill and its messages. `ok`: there were messages, and every channel that takes them accepted them."""
    wanted = [message for message in messages if message.state is not DeliveryState.EXPIRED]
    return {
        "id": drill.id,
        "rule": drill.rule,
        "by": drill.by,
        "requested_at": json_time(drill.requested_at),
        "done_at": json_time(drill.done_at),
        "outcome": drill.outcome,
        "ok": bool(wanted) and all(message.state is DeliveryState.SENT for message in wanted),
        "items": [_message_item(message) for message in messages],
    }


def _message_item(message: Delivery) -> DrillMessageDocument:
    said = json.loads(message.text)
    return {
        "channel": message.channel,
        "rule": said["rule"],
        "stage": said["stage"],
        "severity": message.severity,
        "title": said["title"],
        "state": message.state,
        "attempts": message.attempts,
        "at": json_time(message.sent_at),
        "answer": message.answer,
    }
