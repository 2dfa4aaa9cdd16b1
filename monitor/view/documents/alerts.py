"""An alert as a JSON document: `alerts --json`, and the body of a webhook."""

from collections.abc import Sequence

from monitor.core.alerting.lifecycle import all_labels
from monitor.core.model.alert import Alert
from monitor.core.notifications.outbox import Delivery
from monitor.view.documents.types.alerts import AlertDocument, DeliveryDocument
from monitor.view.json_values import json_decimal, json_time


def alert_document(alert: Alert, deliveries: Sequence[Delivery] = ()) -> AlertDocument:
    """The alert with its deliveries. `labels` holds the rule's own and the built-in ones that silences match."""
    acked = alert.acked_at is not None
    return {
        "id": alert.id,
        "rule": alert.key.rule,
        "account": alert.key.account,
        "scope": alert.key.scope,
        "subject": alert.key.subject or None,
        "state": alert.state,
        "severity": alert.severity,
        "since": json_time(alert.since),
        "fired_at": json_time(alert.fired_at),
        "resolved_at": json_time(alert.resolved_at),
        "value": json_decimal(alert.value),
        "when": alert.when,
        "clear": alert.clear,
        "unknown_since": json_time(alert.unknown_since),
        "summary": alert.summary,
        "acked": {"by": alert.acked_by, "at": json_time(alert.acked_at), "comment": alert.ack_comment}
        if acked
        else None,
        "silenced_by": alert.silenced_by,
        "inhibited_by": alert.inhibited_by,
        "gone": alert.gone,
        "labels": dict(all_labels(alert)),
        "deliveries": [_delivery(delivery) for delivery in deliveries],
    }


def _delivery(delivery: Delivery) -> DeliveryDocument:
    return {
        "channel": delivery.channel,
        "reason": str(delivery.reason),
        "state": delivery.state,
        "attempts": delivery.attempts,
        "at": json_time(delivery.sent_at),
        "answer": delivery.answer,
    }
