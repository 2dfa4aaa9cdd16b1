"""Typed field values as plain Decimal and datetime."""

from datetime import datetime
from decimal import Decimal


def to_decimal(value: Decimal) -> Decimal:
    """Return the same number as a plain Decimal: the typed ones of the wire stay at the edge."""
    return Decimal(value)


def to_datetime(at: datetime) -> datetime:
    """Return the same moment as a plain datetime."""
    return datetime.combine(at.date(), at.time(), at.tzinfo)
