"""One key of a table of the configuration: value type, meaning and default, as metadata of a dataclass field."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, TypeVar, cast

from monitor.config.errors import InvalidValue
from monitor.config.value_types import JsonSchema, ValueType

T = TypeVar("T")

REQUIRED: Final = object()


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """One key of the schema. `default` is a TOML value, REQUIRED, or None: then `when_absent` says what applies.

    `empty_is_none`: an empty text is the same as an absent key. `when_missing`: the error of the table if a required
    key is absent.
    """

    value_type: ValueType[Any]
    meaning: str
    default: object
    when_absent: str = ""
    empty_is_none: bool = False
    when_missing: InvalidValue | None = None


def key(
    value_type: ValueType[T], meaning: str, default: object = REQUIRED, *, when_missing: InvalidValue | None = None
) -> T:
    """A key of a table; without a default it is required."""
    metadata = {"key": ConfigKey(value_type, meaning, default, when_missing=when_missing)}
    if default is REQUIRED:
        return cast("T", field(metadata=metadata))
    value = value_type.read(default)
    return field(default_factory=lambda: value, metadata=metadata)


def optional(value_type: ValueType[T], meaning: str, when_absent: str = "", *, empty_is_none: bool = False) -> T | None:
    """A key that may be absent and is None then."""
    described = ConfigKey(value_type, meaning, None, when_absent, empty_is_none)
    return cast("T | None", field(default=None, metadata={"key": described}))


def keys_of(table: type[Any]) -> Mapping[str, ConfigKey]:
    """The keys of a table's dataclass, in order. A field such as `for_` is the key `for`."""
    return {attribute.name.removesuffix("_"): attribute.metadata["key"] for attribute in fields(table)}


def table_schema(table: type[Any]) -> JsonSchema:
    """The JSON Schema of a table: its keys with their meanings and defaults, and no others."""
    keys = keys_of(table)
    required = [name for name, key in keys.items() if key.default is REQUIRED]
    schema: dict[str, Any] = {
        "type": "object",
        "description": " ".join((table.__doc__ or "").split()),
        "properties": {name: _key_schema(key) for name, key in keys.items()},
        "additionalProperties": False,
    }
    return {**schema, "required": required} if required else schema


def _key_schema(key: ConfigKey) -> JsonSchema:
    without = f"; without it: {key.when_absent}" if key.when_absent else ""
    schema: dict[str, Any] = {"description": f"{key.meaning}{without}"}
    if key.default is not REQUIRED and key.default is not None:
        schema["default"] = key.default
    value = key.value_type.json_schema
    return {**schema, "anyOf": [{"const": ""}, value]} if key.empty_is_none else {**schema, **value}
