"""The configuration in force with defaults and masked secrets, and the reference of all keys."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from monitor.config.config_key import REQUIRED, ConfigKey, keys_of
from monitor.config.model import Config, mask_password
from monitor.config.rules.rule_schema import RuleConfig
from monitor.config.schema import TABLE_ARRAYS, TABLES, TopLevelConfig
from monitor.config.secrets import SecretRef
from monitor.config.unsupported_keys import UNSUPPORTED
from monitor.core.actions.spec import KEYS_BY_KIND, ActionSpec
from monitor.core.numbers.durations import from_seconds
from monitor.core.rules.rule import Rule

if TYPE_CHECKING:
    from monitor.view.documents.types.checks import ConfigDocument


def effective_config(config: Config) -> "ConfigDocument":
    """Every key in force, by table, with values as in TOML: durations as timedelta, amounts as Decimal.

    References to secrets are shown unchanged, literal secrets and passwords in URLs as ***. Absent keys without a
    default are omitted.
    """
    shown: dict[str, Any] = {"default_rules": config.default_rules, "rules_files": list(config.rules_files)}
    for name in TABLES:
        shown[name] = _table(getattr(config, name))
    shown["storage"]["url"] = config.storage_url
    shown["accounts"] = [_table(account) for account in config.accounts]
    shown["channels"] = [_table(channel) for channel in config.channels]
    shown["replies"] = [_table(reply) for reply in config.replies]
    shown["actions"] = [_action(action) for action in config.actions]
    shown["rules"] = [_rule(rule) for rule in config.rules]
    return cast("ConfigDocument", shown)


@dataclass(frozen=True, slots=True)
class ConfigKeyReference:
    """One key of the reference. `table` is as written (`[storage]`, `[[rules]]`), "" for keys at the top."""

    table: str
    key: str
    type: str
    default: str
    meaning: str


def list_config_keys() -> tuple[ConfigKeyReference, ...]:
    """One row for every key, in the order of the documentation."""
    rows = _table_rows("", "", TopLevelConfig)
    for name in ("storage", "exchange"):
        rows += _table_rows(f"[{name}]", name, TABLES[name])
    rows += _table_rows("[[accounts]]", "accounts", TABLE_ARRAYS["accounts"])
    rows += _table_rows("[schedule]", "schedule", TABLES["schedule"])
    rows += _table_rows("[[channels]]", "channels", TABLE_ARRAYS["channels"])
    rows += _table_rows("[[rules]]", "rules", RuleConfig)
    rows += _table_rows("[[actions]]", "actions", TABLE_ARRAYS["actions"])
    for name in ("safety", "risk", "heartbeat", "http"):
        rows += _table_rows(f"[{name}]", name, TABLES[name])
    rows += _table_rows("[[replies]]", "replies", TABLE_ARRAYS["replies"])
    rows += _table_rows("[report]", "report", TABLES["report"])
    return tuple(rows)


def _table_rows(shown: str, table: str, kind: type[Any]) -> list[ConfigKeyReference]:
    rows = []
    for name, key in keys_of(kind).items():
        meaning = key.meaning + _unsupported_note(f"{table}.{name}")
        rows.append(ConfigKeyReference(shown, name, key.value_type.name, _default_text(key), meaning))
    return rows


def _default_text(key: ConfigKey) -> str:
    if key.default is REQUIRED:
        return "required"
    return key.when_absent or "none" if key.default is None else toml_value(key.default)


def _unsupported_note(path: str) -> str:
    refused = UNSUPPORTED.get(path)
    return "" if refused is None else f" ({', '.join(refused.values)}: not available yet)"


def toml_value(value: object) -> str:
    """The value in TOML notation on one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in escaped) + '"'
        case list() | tuple():
            return "[" + ", ".join(toml_value(item) for item in value) + "]"
        case Mapping():
            inner = ", ".join(f"{toml_key(name)} = {toml_value(item)}" for name, item in value.items())
            return f"{{ {inner} }}" if inner else "{}"
        case Decimal():
            return toml_value(format(value, "f"))
        case _:
            return str(value)


def toml_key(name: str) -> str:
    """The key in TOML notation: bare if possible."""
    is_bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if is_bare else toml_value(name)


def _table(table: Any) -> dict[str, Any]:
    values = {field.name: getattr(table, field.name) for field in fields(table)}
    return {name: _display_value(name, value) for name, value in values.items() if value is not None}


def _display_value(name: str, value: Any) -> Any:
    if isinstance(value, SecretRef):
        return str(value)
    if name == "proxy":
        return mask_password(value)
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def _action(action: ActionSpec) -> dict[str, Any]:
    shown = {name: value for name, value in _table(action).items() if name in KEYS_BY_KIND[action.kind]}
    if action.sizing_target is not None:
        shown["target"] = action.sizing_target.text
    return shown


def _rule(rule: Rule) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": rule.name, "scope": list(rule.scopes)}
    for name in ("accounts", "symbols", "assets"):
        if getattr(rule, name) != ("*",):
            shown[name] = list(getattr(rule, name))
    shown["when"] = rule.when.text
    if rule.clear is not None:
        shown["clear"] = rule.clear.text
    shown |= {"for": from_seconds(rule.for_s), "keep_firing_for": from_seconds(rule.keep_firing_for_s)}
    shown |= {"severity": rule.severity, "repeat": from_seconds(rule.repeat_s)}
    if rule.channels is not None:
        shown["channels"] = list(rule.channels)
    if rule.escalate:
        shown["escalate"] = [
            {"after": from_seconds(step.after_s)}
            | ({"severity": step.severity} if step.severity else {})
            | ({"channels": list(step.channels)} if step.channels else {})
            | ({"fallbacks": True} if step.fallbacks else {})
            for step in rule.escalate
        ]
    if rule.labels:
        shown["labels"] = dict(rule.labels)
    if rule.ladder is not None:
        shown["ladder"] = rule.ladder
    if rule.actions:
        shown["actions"] = list(rule.actions)
    return shown
