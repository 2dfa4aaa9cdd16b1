"""Types of recorded stream events."""

from typing import Any, TypedDict

from monitor.view.documents.types.values import Number, TimeText


class EventDocument(TypedDict):
    """A stream event. `payload` is the exchange's own object; `rejected` is why it could not be used."""

    id: Number
    account: str
    scope: str
    symbol: str | None
    type: str
    event_time: TimeText | None
    received_at: TimeText
    stream: str
    key: str
    payload: dict[str, Any]
    rejected: str | None


class EventListDocument(TypedDict):
    """Events, oldest first."""

    items: list[EventDocument]
