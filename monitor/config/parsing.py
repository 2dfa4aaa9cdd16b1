"""TOML text to schema dataclasses; every error is collected with its location."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from keyword import iskeyword
from typing import Any, TypeVar

from monitor.config.config_key import REQUIRED, ConfigKey, keys_of
from monitor.config.errors import ErrorList, InvalidValue, Location
from monitor.config.schema import TABLE_ARRAYS, TABLES, TopLevelConfig
from monitor.config.secrets import SecretRef
from monitor.config.unsupported_keys import refusal_reason
from monitor.errors import ConfigError, suggest_nearest

T = TypeVar("T")

_TOML_ERROR = re.compile(
    r"(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL
)


def parse_toml(content: bytes, file: str) -> dict[str, Any]:
    """The TOML document, its fractions as exact Decimals. Raises ConfigError with line and column."""
    try:
        return tomllib.loads(content.decode("utf-8-sig"), parse_float=Decimal)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError("is not UTF-8 text", where=f"{file}: line {line}", mend="save the file as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(str(error), file) from error
    except (ArithmeticError, RecursionError) as error:
        raise ConfigError("holds a number or nesting that can't be read", where=file, mend="correct it") from error


def top_level_names() -> frozenset[str]:
    """Names that may occur at the top of the file."""
    return frozenset({*keys_of(TopLevelConfig), *TABLES, *TABLE_ARRAYS, "rules"})


def read_table(table_type: type[T], content: object, path: str, place: Location, mistakes: ErrorList) -> T | None:
    """The table as `table_type`, or None if it has an error. `path` is its name in the schema: `channels`."""
    if not isinstance(content, dict):
        mistakes.add(place, "must be a table", f"write [{place.path}] above its keys")
        return None
    before = len(mistakes)
    keys = keys_of(table_type)
    check_unknown_keys(content, keys, place, mistakes)
    values: dict[str, Any] = {}
    for name, key in keys.items():
        full = f"{path}.{name}" if path else name
        if name in content:
            try:
                values[_field_name(name)] = _read_value(key, content[name], full, place.key(name))
            except InvalidValue as wrong:
                mistakes.add_invalid(place.key(name), wrong)
        elif key.when_missing is not None:
            mistakes.add_invalid(place, key.when_missing)
        elif key.default is REQUIRED:
            mistakes.add(place.key(name), "is missing", f'write {name} = "…"')
    return table_type(**values) if len(mistakes) == before else None


def read_tables(
    table_type: type[T], content: object, name: str, file: str, mistakes: ErrorList
) -> list[tuple[Location, T]]:
    """The valid tables of an array of tables, each with its location."""
    read: list[tuple[Location, T]] = []
    for place, item in locate_tables(content, name, file, mistakes):
        table = read_table(table_type, item, name, place, mistakes)
        if table is not None:
            read.append((place, table))
    return read


def locate_tables(
    content: object, name: str, file: str, mistakes: ErrorList
) -> list[tuple[Location, Mapping[str, Any]]]:
    """The tables of an array of tables with their locations. A non-table or a repeated name is an error."""
    if not isinstance(content, list):
        mistakes.add(Location(file, name), "must be a list of tables", f"write [[{name}]] above each")
        return []
    found: list[tuple[Location, Mapping[str, Any]]] = []
    seen: dict[str, int] = {}
    for index, item in enumerate(content):
        own_name = item.get("name") if isinstance(item, dict) else None
        place = Location(file, name).item(index, own_name)
        if not isinstance(item, dict):
            mistakes.add(place, "must be a table", f"write [[{name}]] above its keys")
            continue
        if isinstance(own_name, str):
            if own_name in seen:
                mistakes.add(place.key("name"), f"{name}[{seen[own_name]}] has the same name", "give each its own")
                continue
            seen[own_name] = index
        found.append((place, item))
    return found


def check_unknown_keys(content: Mapping[str, Any], known: Iterable[str], place: Location, mistakes: ErrorList) -> None:
    """Add an error for every unknown key, with the most similar known one."""
    known = tuple(known)
    top = top_level_names()
    for name in content:
        if name in known:
            continue
        mend = suggest_nearest(name, known)
        if place.path and name in keys_of(TopLevelConfig):
            mend = "it belongs above the first [table] of the file"
        elif place.path and name in top:
            mend = f"write it as a table of its own, [{name}] or [[{name}]]"
        mistakes.add(place.key(name if name.isprintable() else repr(name)), "unknown key", mend)


def _field_name(key: str) -> str:
    return f"{key}_" if iskeyword(key) else key


def _read_value(key: ConfigKey, value: object, path: str, place: Location) -> Any:
    if refused := refusal_reason(path, value):
        raise refused
    if value == "" and key.empty_is_none:
        return None
    read = key.value_type.read(value)
    return replace(read, where=str(place)) if isinstance(read, SecretRef) else read


def _syntax_error(message: str, file: str) -> ConfigError:
    match = _TOML_ERROR.fullmatch(message)
    if match is None:
        return ConfigError(f"is not TOML: {message}", where=file)
    what = match["what"]
    where = f"line {match['line']}, column {match['column']}" if match["line"] else "end of file"
    return ConfigError(f"is not TOML: {what[0].lower()}{what[1:]}", where=f"{file}: {where}", mend="correct the line")
