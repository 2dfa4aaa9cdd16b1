"""A recorded stream event as a JSON document."""

import json
from datetime import datetime
from typing import Any, Protocol

from monitor.view.json_values import Document, json_time


class RecordedEvent(Protocol):
    """One event as the store reads it. `symbol` is empty for cross, `payload` the exchange's own text."""

    @property
    def id(self) -> int: ...
    @property
    def account(self) -> str: ...
    @property
    def scope(self) -> str: ...
    @property
    def symbol(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def event_time(self) -> datetime: ...
    @property
    def received_at(self) -> datetime: ...
    @property
    def stream(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def payload(self) -> str: ...
    @property
    def rejected(self) -> str | None: ...


def event_document(event: RecordedEvent) -> Document:
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


def _payload(text: str) -> Any:
    try:
        parsed = json.loads(text)
    except ValueError:
        return {"text": text}
    return parsed if isinstance(parsed, dict) else {"text": text}
