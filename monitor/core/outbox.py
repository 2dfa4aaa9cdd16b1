"""Level-triggered telling: what a channel is told is the present truth compared with what it last heard."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from monitor.core.alerts import AlertState, Reason, Severity


class DeliveryState(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification on its way to one channel. `next_at` is when it may be tried (again).

    `alert` is None for a notice that belongs to no alert; its words are then in `text`.
    """

    id: int
    channel: str
    alert: int | None
    reason: Reason | Literal["notice"]
    severity: Severity
    created_at: datetime
    next_at: datetime
    state: DeliveryState = DeliveryState.QUEUED
    attempts: int = 0
    sent_at: datetime | None = None
    answer: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What a channel last heard of an alert."""

    alert: int
    channel: str
    state: AlertState
    severity: Severity
    at: datetime
