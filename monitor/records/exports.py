"""Rows of whole histories that have no other type."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from monitor.core.model.alert import MetricScope
from monitor.core.model.ledger import Movement


@dataclass(frozen=True, slots=True)
class MovementRow:
    """One movement of money with its account."""

    account: str
    movement: Movement


@dataclass(frozen=True, slots=True)
class SampleRow:
    """One sample of a metric. `missing` says why there is no value: `infinite` or `unavailable`."""

    account: str
    scope: MetricScope
    subject: str
    metric: str
    at: datetime
    value: Decimal | None
    missing: str | None
