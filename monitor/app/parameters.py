"""Values of parameters, as a person writes them: options of commands, and parameters of requests.

Each function names the parameter, and raises ParameterInvalid with the notation when the value can't be read. `where`
is the parameter's place on a command line where that is not its option.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from monitor.clock import SystemClock
from monitor.core.numbers.durations import parse_duration, parse_fraction, parse_since
from monitor.errors import ParameterInvalid, suggest_nearest

MAX_BARE_FRACTION = Decimal(1)
"""Above it a fraction has to be written in per cent."""

MAX_DIGITS = 18
"""Digits of a whole number: the database holds no larger one."""

_T = TypeVar("_T")
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def time_parameter(parameter: str, text: str, now: datetime) -> datetime:
    """A moment such as `2h` (ago), a date, or RFC 3339."""
    return _read(parameter, lambda: parse_since(text, now))


def check_time_parameter(parameter: str, text: str | None) -> None:
    """Refuse an invalid moment before the database is opened, whose clock is the better one."""
    if text:
        time_parameter(parameter, text, SystemClock().now())


def duration_parameter(parameter: str, text: str) -> timedelta:
    return _read(parameter, lambda: parse_duration(text))


def fraction_parameter(parameter: str, text: str, where: str | None = None) -> Decimal:
    """A fraction such as `20%` or `0.2`, with a sign if given. A bare 20 is refused: it could mean either."""
    part = _read(parameter, lambda: parse_fraction(text), where)
    if abs(part) > MAX_BARE_FRACTION and "%" not in text:
        message = f"{text} would be {part * 100:f}%"
        raise ParameterInvalid(parameter, message, where=where, mend=f"write {text}% if that is meant")
    return part


def count_parameter(parameter: str, text: str, where: str | None = None) -> int:
    """A whole number from 1."""
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS and int(text) > 0):
        raise ParameterInvalid(parameter, f"{text!r} is not a whole number from 1 on", where=where)
    return int(text)


def choice_parameter(parameter: str, text: str, choices: Iterable[str]) -> str:
    """One of the words."""
    words = tuple(choices)
    if text not in words:
        mend = f"{suggest_nearest(text, words)} ({', '.join(words)})"
        raise ParameterInvalid(parameter, f'it can\'t be "{text}"', mend=mend)
    return text


def flag_parameter(parameter: str, text: str) -> bool:
    """Yes or no."""
    if text not in _FLAGS:
        raise ParameterInvalid(parameter, f"{text!r} is neither true nor false")
    return _FLAGS[text]


def comment_parameter(text: str) -> str:
    """A person's comment on a command, on one line. It may not be empty: others read it later."""
    said = " ".join(text.split())
    if not said:
        raise ParameterInvalid("comment", "it is empty", mend="say in a few words why")
    return said


def _read(parameter: str, read: Callable[[], _T], where: str | None = None) -> _T:
    try:
        return read()
    except ValueError as error:
        raise ParameterInvalid(parameter, str(error), where=where) from error
