"""Value types of configuration keys: what is accepted, and the error otherwise."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Generic, Literal, TypeVar, cast, get_args

from monitor.config.errors import InvalidValue
from monitor.config.time_zones import find_time_zone
from monitor.core.notifications.quiet_hours import parse_time_range
from monitor.core.numbers.amounts import parse_amount
from monitor.core.numbers.durations import format_duration, parse_duration, parse_fraction
from monitor.errors import suggest_nearest

T = TypeVar("T")
IsolatedSetting = Literal["all"] | tuple[str, ...]
ReplyPermission = Literal["ack", "silence", "status", "approve", "reject", "pause"]
JsonSchema = Mapping[str, Any]
"""A JSON Schema of one value, for editors: it accepts all that `read` takes, and perhaps more."""

TEXT_SCHEMA: JsonSchema = {"type": "string", "pattern": r"\S"}
"""Text that is not empty."""

_UNITS = "".join(f"([0-9]{{1,15}}{unit})?" for unit in ("y", "w", "d", "h", "m", "s", "ms"))
DURATION_SCHEMA: JsonSchema = {"type": "string", "pattern": rf"^\s*(0|(?=[0-9]){_UNITS})\s*$"}
"""Units in descending order, each at most once."""

_CAPITALS = r"[^\s!-/:-@\[-`a-z{-~]"
"""A letter or digit of any script, but no small Latin letter: `\\W` of JSON Schema knows the Latin script alone."""

_NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"

_NO_OVERRIDES: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class ValueType(Generic[T]):
    """One type of value. `read` converts a TOML value or raises InvalidValue."""

    name: str
    read: Callable[[object], T]
    json_schema: JsonSchema


def text(*, may_be_empty: bool = False) -> ValueType[str]:
    def read(value: object) -> str:
        if not isinstance(value, str):
            raise InvalidValue(
                f"must be text, not {_type_name(value)}", "put it in quotes" if _is_number(value) else ""
            )
        if not value.strip() and not may_be_empty:
            raise InvalidValue("is empty", "write a value or leave the key out")
        return value

    return ValueType("text", read, {"type": "string"} if may_be_empty else TEXT_SCHEMA)


def name() -> ValueType[str]:
    """A name that people type and that becomes a label: one line, no space around it."""

    def read(value: object) -> str:
        read_text = text().read(value)
        if read_text != read_text.strip() or not read_text.isprintable() or len(read_text) > 80:
            raise InvalidValue(
                f"{quote(read_text)} is not a name", "use one line of at most 80 characters, no space around it"
            )
        return read_text

    return ValueType("name", read, {"type": "string", "maxLength": 80, "pattern": r"^\S(.*\S)?$"})


def boolean() -> ValueType[bool]:
    def read(value: object) -> bool:
        if not isinstance(value, bool):
            raise InvalidValue(
                f"must be true or false, not {_type_name(value)}",
                "write it without quotes" if value in ("true", "false") else "",
            )
        return value

    return ValueType("true or false", read, {"type": "boolean"})


def integer(minimum: int) -> ValueType[int]:
    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidValue(f"must be a whole number, not {_type_name(value)}")
        if value < minimum:
            raise InvalidValue(f"{value} is too small", f"{minimum} is the least")
        return value

    return ValueType("whole number", read, {"type": "integer", "minimum": minimum})


def duration(minimum: str = "0", maximum: str = "", *, or_none: bool = False) -> ValueType[timedelta]:
    """A time span such as "90s". A bare number is refused. `or_none`: "0" is accepted too."""
    least, most = parse_duration(minimum), parse_duration(maximum) if maximum else None

    def read(value: object) -> timedelta:
        if _is_number(value):
            raise InvalidValue(
                f"{value} has no unit", f'write it like "{value if isinstance(value, int) and value else 90}s"'
            )
        if not isinstance(value, str):
            raise InvalidValue(f"must be a duration, not {_type_name(value)}", 'write it like "90s", "10m" or "1h30m"')
        span = parse_or_raise(parse_duration, value)
        if span < least and (span or not or_none):
            raise InvalidValue(f"{format_duration(span)} is too short", f"{format_duration(least)} is the least")
        if most is not None and span > most:
            raise InvalidValue(f"{format_duration(span)} is too long", f"{format_duration(most)} is the most")
        return span

    return ValueType("duration", read, DURATION_SCHEMA)


def amount(*, positive: bool = True) -> ValueType[Decimal]:
    def read(value: object) -> Decimal:
        number = _number(value, parse_amount, "an amount")
        if number < 0 or (positive and number == 0):
            raise InvalidValue(
                f"{number:f} is not {'a positive' if positive else 'an'} amount", "" if positive else "0 is the least"
            )
        return number

    bound = {"exclusiveMinimum": 0} if positive else {"minimum": 0}
    return ValueType("amount", read, {"type": ["number", "string"], "pattern": rf"^\s*{_NUMBER}\s*$", **bound})


def fraction(*, may_be_whole: bool = True) -> ValueType[Decimal]:
    """A share such as "1%" or 0.01, above 0 and at most 1, or below 1 unless `may_be_whole`."""

    def read(value: object) -> Decimal:
        number = _number(value, parse_fraction, "a percentage")
        if not 0 < number <= 1 or (number == 1 and not may_be_whole):
            bound = "at most" if may_be_whole else "below"
            raise InvalidValue(f"{number * 100:f}% is out of range", f"it must be above 0% and {bound} 100%")
        return number

    bound = {"exclusiveMinimum": 0, "maximum": 1} if may_be_whole else {"exclusiveMinimum": 0, "exclusiveMaximum": 1}
    schema = {"type": ["number", "string"], "pattern": rf"^\s*{_NUMBER}\s*%?\s*$", **bound}
    return ValueType("percentage", read, schema)


def choice(*words: str) -> ValueType[str]:
    def read(value: object) -> str:
        if not isinstance(value, str):
            raise InvalidValue(f"must be one of {_join_words(words)}, not {_type_name(value)}")
        if value not in words:
            raise InvalidValue(f"{quote(value)} is not one of {_join_words(words)}", suggest_nearest(value, words))
        return value

    return ValueType(" | ".join(words), read, {"enum": list(words)})


def reply_permission() -> ValueType[ReplyPermission]:
    """Something that may be done from a message. Resuming the actions is refused: it wants a look at the account."""
    words: tuple[ReplyPermission, ...] = get_args(ReplyPermission)
    choices = choice(*words)

    def read(value: object) -> ReplyPermission:
        if value == "resume":
            raise InvalidValue('"resume" is never allowed from a message', "use `margin-monitor actions resume`")
        return cast("ReplyPermission", choices.read(value))

    return ValueType(choices.name, read, choices.json_schema)


def list_of(item_type: ValueType[T], *, may_be_empty: bool = True) -> ValueType[tuple[T, ...]]:
    def read(value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise InvalidValue(f"must be a list, not {_type_name(value)}", "put it in [brackets]")
        if not value and not may_be_empty:
            raise InvalidValue("is an empty list", "name at least one or leave the key out")
        items = tuple(item_type.read(item) for item in value)
        for index, item in enumerate(items):
            if item in items[:index]:
                raise InvalidValue(f"{quote(str(item))} is listed twice", "remove one")
        return items

    schema: dict[str, Any] = {"type": "array", "items": item_type.json_schema, "uniqueItems": True}
    if not may_be_empty:
        schema["minItems"] = 1
    return ValueType(f"list of {item_type.name}", read, schema)


def table_of(
    keys: ValueType[str] | ValueType[Decimal], values: ValueType[T], over: Mapping[str, str] = _NO_OVERRIDES
) -> ValueType[Mapping[str, T]]:
    """A small table of the user's own keys. `keys` says what a key must look like; it stays text.

    The table is merged over the rows of `over`: rows that it does not name keep their values.
    """

    def read(value: object) -> Mapping[str, T]:
        if not isinstance(value, dict):
            raise InvalidValue(f"must be a table, not {_type_name(value)}", "write it in {braces}")
        found: dict[str, T] = {word: values.read(content) for word, content in over.items()}
        for word, content in value.items():
            try:
                keys.read(word)
                found[word] = values.read(content)
            except InvalidValue as wrong:
                raise InvalidValue(f'"{word}": {wrong.message}', wrong.mend) from wrong
        return found

    schema = {
        "type": "object",
        "propertyNames": {"pattern": keys.json_schema["pattern"]},
        "additionalProperties": values.json_schema,
    }
    return ValueType(f"table of {values.name} by {keys.name}", read, schema)


def asset() -> ValueType[str]:
    return _pattern("asset", r"[^\W_a-z]{1,24}", 'write it as the exchange does, such as "USDT"', _CAPITALS + "{1,24}")


def isolated() -> ValueType[IsolatedSetting]:
    mend = 'write it as the exchange does, such as "BTCUSDT"'
    symbols = list_of(_pattern("symbol", r"[^\W_a-z]{2,40}", mend, _CAPITALS + "{2,40}"))

    def read(value: object) -> IsolatedSetting:
        if value == "all":
            return "all"
        if isinstance(value, str):
            raise InvalidValue(
                f'must be "all" or a list of symbols, not {quote(value)}', f'write "all", or ["{value or "BTCUSDT"}"]'
            )
        return symbols.read(value)

    return ValueType('"all" or list of symbols', read, {"anyOf": [{"const": "all"}, symbols.json_schema]})


def time_of_day() -> ValueType[str]:
    return _pattern("time of day", r"([01][0-9]|2[0-3]):[0-5][0-9]", 'write it like "08:00"')


def time_ranges() -> ValueType[str]:
    def read(value: object) -> str:
        word = text().read(value)
        try:
            parse_time_range(word)
        except ValueError as error:
            message, _, mend = str(error).partition("; ")
            raise InvalidValue(f"{quote(word)} {message}", mend) from error
        return word

    return ValueType("hours", read, {"type": "string", "pattern": r"^[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}$"})


def time_zone() -> ValueType[str]:
    def read(value: object) -> str:
        zone = text(may_be_empty=True).read(value)
        try:
            find_time_zone(zone)
        except ValueError as error:
            raise InvalidValue(f"{quote(zone)} is not a time zone", 'write it like "Europe/Berlin"') from error
        return zone

    return ValueType("time zone", read, {"type": "string"})


def quote(value: str) -> str:
    """The value in quotes, shortened."""
    return f'"{value}"' if len(value) <= 40 else f'"{value[:37]}..."'


def _pattern(what: str, pattern: str, mend: str, editor_pattern: str = "") -> ValueType[str]:
    """Text of this pattern. `editor_pattern`: the pattern for readers of JSON Schema, where theirs differs."""

    def read(value: object) -> str:
        word = text().read(value)
        if not re.fullmatch(pattern, word):
            article = "an" if what[0] in "aeiou" else "a"
            raise InvalidValue(f"{quote(word)} is not {article} {what}", mend)
        return word

    return ValueType(what, read, {"type": "string", "pattern": f"^({editor_pattern or pattern})$"})


def _number(value: object, parse: Callable[[str], Decimal], what: str) -> Decimal:
    if not isinstance(value, str) and not _is_number(value):
        raise InvalidValue(f"must be {what}, not {_type_name(value)}")
    return parse_or_raise(parse, str(value))


def parse_or_raise(parse: Callable[[str], T], value: str) -> T:
    """The parsed text; a ValueError "error; fix" of `parse` becomes InvalidValue."""
    try:
        return parse(value)
    except ValueError as error:
        message, _, mend = str(error).partition("; ")
        raise InvalidValue(message, mend) from error


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _type_name(value: object) -> str:
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


def _join_words(words: tuple[str, ...]) -> str:
    return ", ".join(words[:-1]) + f" or {words[-1]}" if len(words) > 1 else words[0]
