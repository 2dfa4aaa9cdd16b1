"""Durations, percentages and points in time: parsing and formatting."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from monitor.core.numbers.amounts import parse_amount, quote

DAY = timedelta(hours=24)


def seconds_between(earlier: datetime, later: datetime) -> Decimal:
    """Return the exact seconds from `earlier` to `later`; negative when `later` is the earlier of the two."""
    return to_seconds(later - earlier)


def span_text(seconds: Decimal) -> str:
    """Return a time span in its two largest units: `3d 4h`, `2m 10s`, `8s`; `-2m` for a negative one."""
    if seconds < 0:
        span = span_text(-seconds)
        return span if span == "0s" else f"-{span}"
    rest = int(seconds)
    parts: list[str] = []
    for letter, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count}{letter}")
    return " ".join(part for part in parts[:2] if not part.startswith("0")) or "0s"


_MILLISECONDS = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_ORDER = tuple(_MILLISECONDS)
_DURATION = re.compile("".join(f"(?:([0-9]{{1,15}}){unit})?" for unit in _ORDER))
_PART = re.compile(r"[0-9]+([A-Za-zµ]*)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_MAX_MS = 100 * _MILLISECONDS["y"]


def parse_duration(text: str) -> timedelta:
    """Return the time span of `text` such as `90s`, `1h30m`, `1w2d3h4m5s6ms` or `0`.

    Units descend, each at most once. A year is 365 days. Raises ValueError for a bare number, a negative or fractional
    one, another unit or order, and for more than 100 years.
    """
    stripped = text.strip()
    if stripped == "0":
        return timedelta()
    match = _DURATION.fullmatch(stripped) if stripped else None
    if match is None:
        raise ValueError(_explain_invalid_duration(text, stripped))
    milliseconds = sum(
        int(count) * _MILLISECONDS[unit] for count, unit in zip(match.groups(), _ORDER, strict=True) if count
    )
    if milliseconds > _MAX_MS:
        raise ValueError(f"{quote(text)} is longer than 100 years")
    return timedelta(milliseconds=milliseconds)


def format_duration(span: timedelta) -> str:
    """Return the span in the notation of `parse_duration`, rounded down to a millisecond.

    Years and weeks are used only when they are exact. Raises ValueError for a negative span.
    """
    rest = span // timedelta(milliseconds=1)
    if rest < 0:
        raise ValueError(f"a duration can't be negative: {span}")
    if rest == 0:
        return "0s"
    parts = []
    for unit, size in _MILLISECONDS.items():
        if rest >= size and (unit not in "yw" or rest % size == 0):
            parts.append(f"{rest // size}{unit}")
            rest %= size
    return "".join(parts)


def to_seconds(span: timedelta) -> Decimal:
    """Return the span in seconds, exactly."""
    return Decimal(span // timedelta(microseconds=1)) / 1_000_000


def from_seconds(seconds: Decimal) -> timedelta:
    """Return the span of that many seconds, rounded down to a microsecond.

    Raises ValueError when `seconds` is infinite or too large for a time span.
    """
    try:
        return timedelta(microseconds=int(seconds * 1_000_000))
    except (OverflowError, ArithmeticError) as error:
        raise ValueError(f"{seconds} seconds is no time span") from error


def parse_fraction(text: str) -> Decimal:
    """Return the fraction written as `20%` or `0.2`. No range is checked. Raises ValueError for any other text."""
    stripped = text.strip()
    try:
        return parse_amount(stripped[:-1]) / 100 if stripped.endswith("%") else parse_amount(stripped)
    except ValueError as error:
        raise ValueError(f"{quote(text)} is not a percentage; write 20% or 0.2") from error


def parse_since(text: str, now: datetime) -> datetime:
    """Return the moment named by `text`: a duration before `now`, midnight UTC of a date, or an RFC 3339 time.

    Raises ValueError for anything else, and for a time without zone.
    """
    stripped = text.strip()
    match = _MOMENT.fullmatch(stripped)
    if match and match.group(4) is None:
        raise ValueError(f"{quote(text)} has no time zone; for UTC write {stripped.replace(' ', 'T')}Z")
    try:
        if match:
            return _parse_moment(match)
        if _DATE.fullmatch(stripped):
            day = date.fromisoformat(stripped)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        return now - parse_duration(stripped)
    except (ValueError, OverflowError) as error:
        ways = "a duration ago (7d), a date (2025-10-10), or 2025-10-10T21:15:00Z"
        raise ValueError(f"{quote(text)} is no point in time; write {ways}") from error


def format_rfc3339(moment: datetime) -> str:
    """Return the moment in UTC with milliseconds (rounded down) and `Z`. Raises ValueError when it has no zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _parse_moment(match: re.Match[str]) -> datetime:
    day, clock, fraction, zone = match.groups()
    micros = (fraction or ".0")[1:7].ljust(6, "0")
    offset = "+00:00" if zone in "Zz" else zone
    return datetime.fromisoformat(f"{day}T{clock}.{micros}{offset}").astimezone(UTC)


def _explain_invalid_duration(text: str, stripped: str) -> str:
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", stripped):
        return f"{quote(text)} has no unit; write {stripped}s, {stripped}m or {stripped}h"
    units = [part.group(1) for part in _PART.finditer(stripped)]
    if stripped and units and _PART.sub("", stripped) == "" and all(unit in _MILLISECONDS for unit in units):
        return f"{quote(text)} is not a duration; units descend, each once: 1w2d3h4m5s6ms"
    return f"{quote(text)} is not a duration; write it like 30s, 10m, 1h30m or 7d"
