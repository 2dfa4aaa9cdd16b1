"""Kinds of values a key can take: what is accepted, and what is said when it isn't."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Generic, Literal, TypeVar

from monitor.config.errors import Wrong, nearest
from monitor.config.zones import zone_of
from monitor.core.notifications.quiet_hours import parse_span
from monitor.core.numbers.amounts import parse_amount
from monitor.core.numbers.durations import format_duration, parse_duration, parse_fraction

T = TypeVar("T")
Isolated = Literal["all"] | tuple[str, ...]

_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """One kind of value. `read` returns the value of a TOML value or raises Wrong."""

    name: str
    read: Callable[[object], T]


def text(*, may_be_empty: bool = False) -> Kind[str]:
    def read(value: object) -> str:
        if not isinstance(value, str):
            raise Wrong(f"must be text, not {_kind_of(value)}", "put it in quotes" if _is_number(value) else "")
        if not value.strip() and not may_be_empty:
            raise Wrong("is empty", "write a value or leave the key out")
        return value

    return Kind("text", read)


def name() -> Kind[str]:
    """A name that people type and that becomes a label: one line, no space around it."""

    def read(value: object) -> str:
        read_text = text().read(value)
        if read_text != read_text.strip() or not read_text.isprintable() or len(read_text) > 80:
            raise Wrong(
                f"{shown(read_text)} is not a name", "use one line of at most 80 characters, no space around it"
            )
        return read_text

    return Kind("name", read)


def boolean() -> Kind[bool]:
    def read(value: object) -> bool:
        if not isinstance(value, bool):
            raise Wrong(
                f"must be true or false, not {_kind_of(value)}",
                "write it without quotes" if value in ("true", "false") else "",
            )
        return value

    return Kind("true or false", read)


def whole(minimum: int) -> Kind[int]:
    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise Wrong(f"must be a whole number, not {_kind_of(value)}")
        if value < minimum:
            raise Wrong(f"{value} is too small", f"{minimum} is the least")
        return value

    return Kind("whole number", read)


def duration(minimum: str = "0", maximum: str = "", *, or_none: bool = False) -> Kind[timedelta]:
    """A span of time such as "90s". A bare number is refused. `or_none`: "0" is taken too."""
    least, most = parse_duration(minimum), parse_duration(maximum) if maximum else None

    def read(value: object) -> timedelta:
        if _is_number(value):
            raise Wrong(f"{value} has no unit", f'write it like "{value if isinstance(value, int) and value else 90}s"')
        if not isinstance(value, str):
            raise Wrong(f"must be a duration, not {_kind_of(value)}", 'write it like "90s", "10m" or "1h30m"')
        span = _or_wrong(parse_duration, value)
        if span < least and (span or not or_none):
            raise Wrong(f"{format_duration(span)} is too short", f"{format_duration(least)} is the least")
        if most is not None and span > most:
            raise Wrong(f"{format_duration(span)} is too long", f"{format_duration(most)} is the most")
        return span

    return Kind("duration", read)


def amount(*, positive: bool = True) -> Kind[Decimal]:
    def read(value: object) -> Decimal:
        number = _number(value, parse_amount, "an amount")
        if number < 0 or (positive and number == 0):
            raise Wrong(
                f"{number:f} is not {'a positive' if positive else 'an'} amount", "" if positive else "0 is the least"
            )
        return number

    return Kind("amount", read)


def fraction(maximum: Decimal = Decimal(1)) -> Kind[Decimal]:
    """A share such as "1%" or 0.01, above 0 and at most `maximum`."""

    def read(value: object) -> Decimal:
        number = _number(value, parse_fraction, "a percentage")
        if not 0 < number <= maximum:
            raise Wrong(f"{number * 100:f}% is out of range", f"it must be above 0% and at most {maximum * 100:f}%")
        return number

    return Kind("percentage", read)


def choice(*words: str) -> Kind[str]:
    def read(value: object) -> str:
        if not isinstance(value, str):
            raise Wrong(f"must be one of {_listed(words)}, not {_kind_of(value)}")
        if value not in words:
            raise Wrong(f"{shown(value)} is not one of {_listed(words)}", f'did you mean "{nearest(value, words)}"?')
        return value

    return Kind(" | ".join(words), read)


def list_of(kind: Kind[T], *, may_be_empty: bool = True) -> Kind[tuple[T, ...]]:
    def read(value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise Wrong(f"must be a list, not {_kind_of(value)}", "put it in [brackets]")
        if not value and not may_be_empty:
            raise Wrong("is an empty list", "name at least one or leave the key out")
        items = tuple(kind.read(item) for item in value)
        for index, item in enumerate(items):
            if item in items[:index]:
                raise Wrong(f"{shown(str(item))} is listed twice", "remove one")
        return items

    return Kind(f"list of {kind.name}", read)


def table_of(
    keys: Kind[str] | Kind[Decimal], values: Kind[T], over: Mapping[str, str] = _NOTHING
) -> Kind[Mapping[str, T]]:
    """A small table of the user's own keys. `keys` says what a key must look like; it stays the text it was.

    It is laid over the rows of `over`: a table that names one of them says nothing against the others.
    """

    def read(value: object) -> Mapping[str, T]:
        if not isinstance(value, dict):
            raise Wrong(f"must be a table, not {_kind_of(value)}", "write it in {braces}")
        found: dict[str, T] = {word: values.read(content) for word, content in over.items()}
        for word, content in value.items():
            try:
                keys.read(word)
                found[word] = values.read(content)
            except Wrong as wrong:
                raise Wrong(f'"{word}": {wrong.message}', wrong.mend) from wrong
        return found

    return Kind(f"table of {values.name} by {keys.name}", read)


def asset() -> Kind[str]:
    return _pattern("asset", r"[^\W_a-z]{1,24}", 'write it as the exchange does, such as "USDT"')


def isolated() -> Kind[Isolated]:
    symbols = list_of(_pattern("symbol", r"[^\W_a-z]{2,40}", 'write it as the exchange does, such as "BTCUSDT"'))

    def read(value: object) -> Isolated:
        if value == "all":
            return "all"
        if isinstance(value, str):
            raise Wrong(
                f'must be "all" or a list of symbols, not {shown(value)}', f'write "all", or ["{value or "BTCUSDT"}"]'
            )
        return symbols.read(value)

    return Kind('"all" or list of symbols', read)


def time_of_day() -> Kind[str]:
    return _pattern("time of day", r"([01][0-9]|2[0-3]):[0-5][0-9]", 'write it like "08:00"')


def hours() -> Kind[str]:
    def read(value: object) -> str:
        word = text().read(value)
        try:
            parse_span(word)
        except ValueError as error:
            message, _, mend = str(error).partition("; ")
            raise Wrong(f"{shown(word)} {message}", mend) from error
        return word

    return Kind("hours", read)


def time_zone() -> Kind[str]:
    def read(value: object) -> str:
        zone = text(may_be_empty=True).read(value)
        try:
            zone_of(zone)
        except ValueError as error:
            raise Wrong(f"{shown(zone)} is not a time zone", 'write it like "Europe/Berlin"') from error
        return zone

    return Kind("time zone", read)


def shown(value: str) -> str:
    """The value in quotes, shortened."""
    return f'"{value}"' if len(value) <= 40 else f'"{value[:37]}..."'


def _pattern(what: str, pattern: str, mend: str) -> Kind[str]:
    def read(value: object) -> str:
        word = text().read(value)
        if not re.fullmatch(pattern, word):
            article = "an" if what[0] in "aeiou" else "a"
            raise Wrong(f"{shown(word)} is not {article} {what}", mend)
        return word

    return Kind(what, read)


def _number(value: object, parse: Callable[[str], Decimal], what: str) -> Decimal:
    if not isinstance(value, str) and not _is_number(value):
        raise Wrong(f"must be {what}, not {_kind_of(value)}")
    return _or_wrong(parse, str(value))


def _or_wrong(parse: Callable[[str], T], value: str) -> T:
    """What `parse` makes of the text; its ValueError "what; mend" as a Wrong."""
    try:
        return parse(value)
    except ValueError as error:
        message, _, mend = str(error).partition("; ")
        raise Wrong(message, mend) from error


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _kind_of(value: object) -> str:
    match value:
        case bool():
            return "true or false"
        case int() | Decimal():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(words[:-1]) + f" or {words[-1]}" if len(words) > 1 else words[0]
