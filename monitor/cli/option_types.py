"""Types of option values; a value that cannot be read is a usage error that shows the notation."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from monitor.clock import SystemClock
from monitor.core.numbers.durations import parse_duration, parse_fraction, parse_since
from monitor.errors import UsageError

MAX_BARE_FRACTION = Decimal(1)
"""Above it a fraction has to be written in per cent."""

_T = TypeVar("_T")


def time_option(option: str, text: str, now: datetime) -> datetime:
    """The time in `--since` and similar options."""
    return _read_option(option, lambda: parse_since(text, now))


def check_time_option(option: str, text: str | None) -> None:
    """Refuse an invalid time before the database is opened, whose clock is the better one."""
    if text:
        time_option(option, text, SystemClock().now())


def duration_option(option: str, text: str) -> timedelta:
    return _read_option(option, lambda: parse_duration(text))


def fraction_option(option: str, text: str) -> Decimal:
    """A fraction such as `20%` or `0.2`, with a sign if given. A bare 20 is refused: it could mean either."""
    part = _read_option(option, lambda: parse_fraction(text))
    if abs(part) > MAX_BARE_FRACTION and "%" not in text:
        raise UsageError(f"{option}: {text} would be {part * 100:f}%", mend=f"write {text}% if that is meant")
    return part


def count_option(option: str, text: str) -> int:
    """A whole number from 1."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise UsageError(f"{option}: {text!r} is not a whole number from 1 on")
    return int(text)


def comment_option(text: str) -> str:
    """A person's comment on a command, on one line. It may not be empty: others read it later."""
    said = " ".join(text.split())
    if not said:
        raise UsageError("--comment is empty", mend="say in a few words why")
    return said


def _read_option(option: str, read: Callable[[], _T]) -> _T:
    try:
        return read()
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error
