"""An alert with its deliveries, and the metric values at which alerts changed state."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from monitor.core.model.alert import Alert
from monitor.core.notifications.outbox import Delivery


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert and its deliveries, oldest first."""

    alert: Alert
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class AlertValue:
    """A figure at which an alert's state changed; it belongs to the first metric in `when`."""

    account: str
    scope: str
    subject: str
    when: str
    at: datetime
    value: Decimal
