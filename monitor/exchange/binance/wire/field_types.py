"""Field types of payloads: Decimal from text, aware UTC times, numbers, pages; unknown fields ignored."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec

from monitor.exchange.binance.wire.numbers import (
    MAX_AMOUNT,
    ImplausibleValue,
    parse_amount,
    parse_signed,
    parse_time,
)

Row = TypeVar("Row")


MIN_DECIMAL_EXPONENT = -30
"""Power of ten of the smallest decimal: no amount has more decimals."""


EMPTY_BODIES = frozenset({b"", b"[]", b"null"})
"""Bodies that stand for an empty object, where an object with content is documented."""


class DecimalText(Decimal):
    """An amount, price, rate or level as the exchange spells it: a text, of either sign."""


class UnsignedText(DecimalText):
    """A text as above that is never negative."""


class Timestamp(datetime):
    """A moment, from the exchange's seconds, milliseconds or microseconds."""


class FlexibleInt(int):
    """A whole number that the exchange writes as a number or as a text."""


class Payload(msgspec.Struct, frozen=True, rename="camel"):
    """Base of the payloads. A field without a default must be present, or the whole answer is rejected."""


class HistoryPage(Payload, Generic[Row], frozen=True):
    """A page of a history, newest first. `total` counts the rows of all pages."""

    rows: tuple[Row, ...]
    total: int


class SparseHistoryPage(Payload, Generic[Row], frozen=True):
    """A page of a history whose empty form is not documented: it may lack its rows."""

    rows: tuple[Row, ...] = ()
    total: int = 0


def decode_field(kind: type, value: Any) -> Any:
    """Return `value`, as JSON had it, as one of the types above. Raises ValueError for an unbelievable one."""
    if kind is DecimalText or kind is UnsignedText:
        if not isinstance(value, str):
            raise ImplausibleValue(f"an amount is not a text: {str(value)[:40]}")
        parse = parse_amount if kind is UnsignedText else parse_signed
        return kind(parse(value, "an amount"))
    if kind is Timestamp:
        if not isinstance(value, int | str) or isinstance(value, bool):
            raise ImplausibleValue(f"not a time: {str(value)[:40]}")
        at = parse_time(value, "a time")
        return Timestamp.combine(at.date(), at.time(), UTC)
    if kind is FlexibleInt:
        if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, str) and value.isdecimal())):
            raise ImplausibleValue(f"not a whole number: {str(value)[:40]}")
        return FlexibleInt(value)
    raise NotImplementedError(kind)


def require_finite(value: Decimal | None) -> None:
    """Raise Implausible for an amount, from a number or a text, that is not finite or is absurd."""
    if value is None:
        return
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ImplausibleValue("an amount is not finite")
    if value.adjusted() > MAX_AMOUNT.adjusted() or exponent < MIN_DECIMAL_EXPONENT:
        raise ImplausibleValue("an amount is absurd")
