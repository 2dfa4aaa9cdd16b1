"""Typed field values as plain Decimal and datetime: the typed ones stay at the edge."""

from datetime import datetime
from decimal import Decimal

from monitor.exchange.binance.wire.field_types import UnsignedText
from monitor.exchange.binance.wire.numbers import ImplausibleValue


def to_decimal(value: Decimal) -> Decimal:
    """Return the same number as a plain Decimal."""
    return Decimal(value)


def to_positive(value: UnsignedText, field: str) -> Decimal:
    """Return the same number as a plain Decimal. Raises Implausible for zero."""
    if not value:
        raise ImplausibleValue(f"{field} is zero")
    return Decimal(value)


def to_datetime(at: datetime) -> datetime:
    """Return the same moment as a plain datetime."""
    return datetime.combine(at.date(), at.time(), at.tzinfo)
