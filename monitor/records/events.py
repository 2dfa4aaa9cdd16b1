"""Recorded stream events and failed reads."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class EventRow:
    """One recorded stream event. `symbol` is empty for cross; `payload` is the exchange's own JSON text."""

    id: int
    account: str
    scope: str
    symbol: str
    type: str
    event_time: datetime
    received_at: datetime
    stream: str
    key: str
    payload: str
    rejected: str | None


@dataclass(frozen=True, slots=True)
class FailedReadsRow:
    """Failed reads of one kind: their number, and time and cause of the last one."""

    account: str
    read: str
    count: int
    last_at: datetime
    cause: str
