"""Single values in JSON documents: decimals as text, times in RFC 3339, durations in seconds; and their encoding."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, overload

from monitor.core.model.metric import MetricValue
from monitor.core.numbers.amounts import format_decimal
from monitor.core.numbers.durations import format_rfc3339

Document = Mapping[str, Any]
"""A JSON object, as its readers see it; `documents/types` has the types of those that are made."""

MAX_KNOWN_TIMES = 64
"""Times whose text is kept: the scopes of one document share most of theirs."""


def encode_document(document: object, redact: Callable[[str], str]) -> str:
    """The document as `--json` prints it and as the API sends it: indented, with a newline at its end.

    `redact` removes known secrets from a text.
    """
    return encode_value(to_json_value(document, redact))


def encode_value(value: object) -> str:
    """The text of a document of JSON types that are redacted already."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def encode_line(document: object, redact: Callable[[str], str]) -> str:
    """The document on one line, as `--jsonl` prints it."""
    return json.dumps(to_json_value(document, redact), ensure_ascii=False, separators=(",", ":")) + "\n"


def to_json_value(value: object, redact: Callable[[str], str]) -> Any:
    """The value as JSON types, each text redacted.

    An infinite or undefined Decimal becomes null: another field must say what it means.
    """
    match value:
        case None | bool() | int() | float() if not isinstance(value, Enum):
            return value
        case Enum():
            return to_json_value(value.value, redact)
        case str():
            return redact(value)
        case Decimal():
            return format(value, "f") if value.is_finite() else None
        case timedelta():
            seconds = value.total_seconds()
            return int(seconds) if seconds == int(seconds) else seconds
        case datetime():
            return format_rfc3339(value)
        case Mapping():
            return {str(key): to_json_value(item, redact) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [to_json_value(item, redact) for item in value]
        case _:
            return redact(str(value))


def parse_json_decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def json_decimal(value: MetricValue | None) -> str | None:
    """The number without exponent; null when it is infinite, unavailable or not known."""
    return format_decimal(value) if isinstance(value, Decimal) and value.is_finite() else None


@overload
def json_time(time: datetime) -> str: ...


@overload
def json_time(time: datetime | None) -> str | None: ...


def json_time(time: datetime | None) -> str | None:
    return None if time is None else _time_text(time)


@lru_cache(MAX_KNOWN_TIMES)
def _time_text(time: datetime) -> str:
    return format_rfc3339(time)


def json_seconds(span: timedelta | MetricValue | None) -> int | float | None:
    """The duration in seconds, to the millisecond; null as in `json_decimal`."""
    if isinstance(span, timedelta):
        milliseconds = span // timedelta(milliseconds=1)
        return milliseconds / 1000 if milliseconds % 1000 else milliseconds // 1000
    if not isinstance(span, Decimal) or not span.is_finite():
        return None
    seconds = span.quantize(Decimal("0.001"))
    return int(seconds) if seconds == seconds.to_integral_value() else float(seconds)


def json_age(as_of: datetime | None, now: datetime) -> int | float | None:
    """Seconds from `as_of` to `now`, never negative."""
    return None if as_of is None else json_seconds(max(now - as_of, timedelta()))
