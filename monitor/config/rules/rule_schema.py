"""The keys of `[[rules]]` and of the steps of its `escalate`, as schemas."""
# ruff: noqa: RUF009 – key() and optional() only describe a field, as dataclasses.field() does

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from monitor.config.config_key import key, optional, table_schema
from monitor.config.errors import InvalidValue
from monitor.config.value_types import DURATION_SCHEMA, TEXT_SCHEMA, JsonSchema, ValueType, parse_or_raise
from monitor.core.model.alert import SEVERITIES, MetricScope, Severity
from monitor.core.numbers.durations import parse_duration
from monitor.core.rules.rule import METRIC_SCOPES
from monitor.errors import suggest_nearest

_W = TypeVar("_W", bound=str)

_OWN_LABELS = frozenset({"rule", "account", "scope", "symbol", "asset", "severity"})
_MAX_NAME_LENGTH = 100


def _one_word(value: object, words: tuple[_W, ...], what: str) -> _W:
    for word in words:
        if word == value:
            return word
    mend = suggest_nearest(str(value), words, only_close=True) or _one_of(words)
    raise InvalidValue(f"unknown {what} {_quote(value)}", mend)


def _one_of(words: Collection[str]) -> str:
    return f"one of {', '.join(words)}"


def _quote(value: object) -> str:
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    text = text.replace("'", '"') if isinstance(value, str) else text
    return text if len(text) <= 60 else text[:57] + "..."


def _text(key_name: str) -> ValueType[str]:
    def read(value: object) -> str:
        if not isinstance(value, str):
            raise InvalidValue(f"{_quote(value)} is not a text", f'write {key_name} = "…"')
        if not value.strip():
            raise InvalidValue("is empty")
        return value

    return ValueType("text", read, TEXT_SCHEMA)


def _condition(key_name: str) -> ValueType[str]:
    return ValueType("condition", _text(key_name).read, TEXT_SCHEMA)


def _rule_name() -> ValueType[str]:
    def read(value: object) -> str:
        name = _text("name").read(value)
        if name != name.strip() or not name.isprintable() or len(name) > _MAX_NAME_LENGTH:
            raise InvalidValue(f"can't be {_quote(name)}", f"up to {_MAX_NAME_LENGTH} characters, one line")
        return name

    pattern = r"^\S(.*\S)?$"
    return ValueType("name", read, {"type": "string", "maxLength": _MAX_NAME_LENGTH, "pattern": pattern})


def _texts(key_name: str, what: str, when_empty: str = "") -> ValueType[tuple[str, ...]]:
    def read(value: object) -> tuple[str, ...]:
        if not isinstance(value, list | tuple):
            raise InvalidValue(f"{_quote(value)} is not a list", f'write {key_name} = ["…"]')
        if not value and when_empty:
            raise InvalidValue("an empty list matches nothing", when_empty)
        return tuple(dict.fromkeys(_text(key_name).read(item) for item in value))

    schema: JsonSchema = {"type": "array", "items": TEXT_SCHEMA}
    return ValueType(f"list of {what}", read, {**schema, "minItems": 1} if when_empty else schema)


def _patterns(key_name: str) -> ValueType[tuple[str, ...]]:
    return _texts(key_name, "patterns", "leave the key out to match all")


def _scopes() -> ValueType[tuple[MetricScope, ...]]:
    words = _texts("scope", "scopes", _one_of(METRIC_SCOPES))

    def read(value: object) -> tuple[MetricScope, ...]:
        named = (value,) if isinstance(value, str) else words.read(value)
        return tuple(dict.fromkeys(_one_word(word, METRIC_SCOPES, "scope") for word in named))

    word = {"enum": list(METRIC_SCOPES)}
    schema = {"anyOf": [word, {"type": "array", "items": word, "minItems": 1}]}
    return ValueType(f"{' | '.join(METRIC_SCOPES)}, or a list", read, schema)


def _severity() -> ValueType[Severity]:
    def read(value: object) -> Severity:
        return _one_word(value, SEVERITIES, "severity")

    return ValueType(" | ".join(SEVERITIES), read, {"enum": list(SEVERITIES)})


def _duration(key_name: str) -> ValueType[timedelta]:
    def read(value: object) -> timedelta:
        if not isinstance(value, str):
            raise InvalidValue(f"{_quote(value)} is not a duration", f'write {key_name} = "30s"')
        return parse_or_raise(parse_duration, value)

    return ValueType("duration", read, DURATION_SCHEMA)


def _repeat() -> ValueType[timedelta]:
    def read(value: object) -> timedelta:
        interval = _duration("repeat").read(value)
        if not interval:
            raise InvalidValue("reminders need time between them", 'write repeat = "1m" or more')
        return interval

    return ValueType("duration", read, DURATION_SCHEMA)


def _boolean() -> ValueType[bool]:
    def read(value: object) -> bool:
        if not isinstance(value, bool):
            raise InvalidValue(f"{_quote(value)} is neither true nor false")
        return value

    return ValueType("true or false", read, {"type": "boolean"})


def _labels() -> ValueType[Mapping[str, str]]:
    def read(value: object) -> Mapping[str, str]:
        if not isinstance(value, Mapping):
            raise InvalidValue("labels are a table", 'write labels = { team = "me" }')
        for name, text in value.items():
            if name in _OWN_LABELS:
                raise InvalidValue("every alert has this label already", "choose another name", key=name)
            if not (isinstance(name, str) and name.isascii() and name.isidentifier()):
                raise InvalidValue(f"can't name a label {_quote(name)}", "letters, digits and _ only")
            if not isinstance(text, str):
                raise InvalidValue(f"{_quote(text)} is not a text", f'write {name} = "…"', key=name)
        return dict(value)

    names = {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "not": {"enum": sorted(_OWN_LABELS)}}
    schema = {"type": "object", "propertyNames": names, "additionalProperties": {"type": "string"}}
    return ValueType("table of text", read, schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationConfig:
    """One step of `escalate`."""

    after: timedelta = key(
        _duration("after"),
        "how long nobody acknowledged the alert",
        when_missing=InvalidValue("a step needs `after`", 'write after = "10m"'),
    )
    severity: Severity | None = optional(_severity(), "severity from then on", "as before")
    channels: tuple[str, ...] = key(_texts("channels", "names"), "additional channels", [])
    fallbacks: bool = key(_boolean(), "also notify the fallbacks of the channels", False)


def _steps() -> ValueType[tuple[object, ...]]:
    """The steps of an escalation, not yet read: each is a table with a location of its own."""

    def read(value: object) -> tuple[object, ...]:
        if not isinstance(value, list | tuple):
            raise InvalidValue("escalation is a list of steps", 'write escalate = [{ after = "10m" }]')
        return tuple(value)

    schema = {"type": "array", "items": table_schema(EscalationConfig)}
    return ValueType("list of { after, severity, channels, fallbacks }", read, schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleConfig:
    """One [[rules]] table: a condition, the subjects that it applies to, and who is notified."""

    name: str = key(
        _rule_name(),
        "name of the rule in alerts and commands; the name of a default rule replaces that rule",
        when_missing=InvalidValue("a rule needs a name", 'write name = "…"'),
    )
    scope: tuple[MetricScope, ...] = key(
        _scopes(),
        "scopes of its subjects",
        when_missing=InvalidValue("a rule needs a scope", f"one of {', '.join(METRIC_SCOPES)}, or a list of them"),
    )
    accounts: tuple[str, ...] | None = optional(_patterns("accounts"), "accounts that it applies to", "all")
    symbols: tuple[str, ...] | None = optional(
        _patterns("symbols"), "isolated pairs that it applies to; only with scope isolated", "all"
    )
    assets: tuple[str, ...] | None = optional(
        _patterns("assets"), "assets that it applies to; only with scope asset", "all"
    )
    when: str = key(
        _condition("when"),
        "condition that raises the alert",
        when_missing=InvalidValue("a rule needs `when`", 'write when = "margin_level < 1.5"'),
    )
    clear: str | None = optional(
        _condition("clear"),
        "condition that resolves the alert, once `when` is false too",
        "`when` is false",
    )
    for_: timedelta = key(_duration("for"), "how long `when` must hold before the alert fires", "0s")
    keep_firing_for: timedelta = key(_duration("keep_firing_for"), "how long the alert fires on after it cleared", "0s")
    severity: Severity = key(_severity(), "severity of its alerts", "warning")
    channels: tuple[str, ...] | None = optional(
        _texts("channels", "names"), "channels that its alerts are sent to", "all"
    )
    repeat: timedelta | None = optional(
        _repeat(),
        "interval of reminders",
        "info 24h, warning 1h, critical 5m",
    )
    escalate: tuple[object, ...] = key(_steps(), "further notifications when nobody acknowledges the alert", [])
    labels: Mapping[str, str] = key(_labels(), "additional labels of its alerts", {})
    ladder: str | None = optional(
        _text("ladder"), "rules of one ladder are its rungs, mildest first; a firing rung inhibits the milder ones"
    )
    actions: tuple[str, ...] | None = optional(
        _texts("actions", "names"), "actions to take when it fires, tried in that order", "[]"
    )
    action: str | None = optional(ValueType("name", _text("action").read, TEXT_SCHEMA), "short for one action")
