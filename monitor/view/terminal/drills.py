"""What came of a drill, as a document and as a table."""

import json
from collections.abc import Mapping, Sequence

from monitor.core.alerting.drill import Drill
from monitor.core.notifications.outbox import Delivery, DeliveryState
from monitor.view.json_values import Document, moment_text
from monitor.view.terminal.table import Cell, Table, Tone


def drill_document(drill: Drill, messages: Sequence[Delivery]) -> Document:
    """`ok`: something was to be said, and every channel that takes it took it."""
    wanted = [message for message in messages if message.state is not DeliveryState.EXPIRED]
    return {
        "id": drill.id,
        "rule": drill.rule,
        "by": drill.by,
        "requested_at": moment_text(drill.requested_at),
        "done_at": moment_text(drill.done_at),
        "outcome": drill.outcome,
        "ok": bool(wanted) and all(message.state is DeliveryState.SENT for message in wanted),
        "items": [_message(message) for message in messages],
    }


def drill_table(document: Document) -> Table:
    """A row a message."""
    rows = [
        (
            Cell(item["channel"]),
            Cell(f"{item['rule']} {item['stage']}"),
            Cell(item["severity"]),
            Cell(*_RESULTS[item["state"]]),
            Cell(item["answer"] or "", "dim"),
        )
        for item in document["items"]
    ]
    return Table(("channel", "what", "severity", "result", "answer"), rows)


_RESULTS: Mapping[str, tuple[str, Tone]] = {
    "sent": ("told", "good"),
    "failed": ("not told", "bad"),
    "expired": ("left out", "dim"),
    "queued": ("waits", "note"),
}


def _message(message: Delivery) -> Document:
    said = json.loads(message.text)
    return {
        "channel": message.channel,
        "rule": said["rule"],
        "stage": said["stage"],
        "severity": message.severity,
        "title": said["title"],
        "state": message.state.value,
        "attempts": message.attempts,
        "at": moment_text(message.sent_at),
        "answer": message.answer,
    }
