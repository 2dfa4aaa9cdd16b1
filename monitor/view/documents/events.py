"""A recorded stream event as a JSON document."""

import json
from typing import Any

from monitor.records.events import EventRow
from monitor.view.documents.types.events import EventDocument
from monitor.view.json_values import json_time


def event_document(event: EventRow) -> EventDocument:
    """The event as a document; a rejected event that is no JSON object is given as `{"text": …}`."""
    return {
        "id": event.id,
        "account": event.account,
        "scope": event.scope,
        "symbol": event.symbol or None,
        "type": event.type,
        "event_time": json_time(event.event_time),
        "received_at": json_time(event.received_at),
        "stream": event.stream,
        "key": event.key,
        "payload": _payload(event.payload),
        "rejected": event.rejected,
    }


def _payload(text: str) -> dict[str, Any]:
    try:
        parsed = json.loads(text)
    except ValueError:
        return {"text": text}
    return parsed if isinstance(parsed, dict) else {"text": text}
