"""Numbers and times of payloads: the one place where text becomes Decimal and integers become aware UTC."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

MAX_AMOUNT = Decimal(10) ** 18
"""Maximum of a believable balance, price or level."""

ZERO_TEXTS = frozenset({"0", "0.0", "0.00000000"})
"""The exchange's spellings of zero: rows of these alone are never converted."""

_ZERO = Decimal(0)
_NUMBER = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?")
_PLAIN = re.compile(r"[0-9]{1,17}(?:\.[0-9]{1,30})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_EARLIEST_MS, _LATEST_MS = ((at - _EPOCH) // timedelta(milliseconds=1) for at in (_EARLIEST, _LATEST))
_SECONDS_BELOW = 10**11
_MICROSECONDS_FROM = 10**14


class ImplausibleValue(ValueError):
    """A field that can't be believed. The text names the field and quotes nothing but its value."""


def parse_signed(text: str, field: str) -> Decimal:
    """Return a finite number of either sign. Raises Implausible for anything else."""
    if text in ZERO_TEXTS:
        return _ZERO
    if not _NUMBER.fullmatch(text):
        raise ImplausibleValue(f"{field} is not a number: {text[:40]!r}")
    number = Decimal(text)
    if abs(number) > MAX_AMOUNT:
        raise ImplausibleValue(f"{field} is absurd: {text[:40]}")
    return number


def parse_amount(text: str, field: str) -> Decimal:
    """Return a finite number that is not negative. Raises Implausible for anything else."""
    number = parse_signed(text, field)
    if number < 0:
        raise ImplausibleValue(f"{field} is negative: {text[:40]}")
    return number


def parse_plain(text: str) -> Decimal | None:
    """Return the number of a price's usual form: without a sign, too short to be absurd, maybe zero; else None."""
    return Decimal(text) if _PLAIN.fullmatch(text) else None


def parse_positive(text: str, field: str) -> Decimal:
    """Return a finite number above zero. Raises Implausible for anything else."""
    number = parse_plain(text) or parse_amount(text, field)
    if not number:
        raise ImplausibleValue(f"{field} is zero")
    return number


def parse_time(value: int | str, field: str) -> datetime:
    """Return the moment that the exchange means, in seconds, milliseconds or microseconds.

    The magnitude gives the unit: official samples of one field differ between the three.
    """
    if value.__class__ is int and _EARLIEST_MS <= value <= _LATEST_MS:
        # The form of nearly every time.
        seconds, rest = divmod(value, 1000)
        return _EPOCH + timedelta(0, seconds, rest * 1000)
    if isinstance(value, str):
        if not value.isascii() or not value.isdecimal() or len(value) > 17:
            raise ImplausibleValue(f"{field} is not a time: {value[:40]!r}")
        value = int(value)
    if value < 0:
        raise ImplausibleValue(f"{field} is no time: {value}")
    if value < _SECONDS_BELOW:
        span = timedelta(seconds=value)
    elif value < _MICROSECONDS_FROM:
        span = timedelta(milliseconds=value)
    elif value < _MICROSECONDS_FROM * 100:
        span = timedelta(microseconds=value)
    else:
        raise ImplausibleValue(f"{field} is no time: {value}")
    at = _EPOCH + span
    if not _EARLIEST <= at <= _LATEST:
        raise ImplausibleValue(f"{field} is no time: {value}")
    return at


def to_milliseconds(at: datetime) -> int:
    """Return milliseconds since 1970 UTC, rounded down: the form of times in requests."""
    return (at - _EPOCH) // timedelta(milliseconds=1)
