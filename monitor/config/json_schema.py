"""The JSON Schema of configuration files: editors complete keys by it and mark what is wrong while it is written.

It is made of the tables that the program itself reads by. Relations between keys, conditions of rules and files are
beyond it: `check` looks at them.
"""

from typing import Any

from monitor.config.config_key import table_schema
from monitor.config.rules.rule_schema import RuleConfig
from monitor.config.schema import TABLE_ARRAYS, TABLES, TopLevelConfig
from monitor.config.unsupported_keys import UNSUPPORTED
from monitor.config.value_types import JsonSchema

DRAFT = "http://json-schema.org/draft-07/schema#"
"""The version of JSON Schema that editors of TOML read."""


def config_schema() -> JsonSchema:
    """The schema of a configuration file."""
    arrays = {**TABLE_ARRAYS, "rules": RuleConfig}
    tables = {name: _named_schema(name, table) for name, table in {**TABLES, **arrays}.items()}
    items = {name: {"type": "array", "items": tables[name]} for name in arrays}
    top = table_schema(TopLevelConfig)["properties"]
    required = {"accounts": {**items["accounts"], "minItems": 1}}
    return {
        "$schema": DRAFT,
        "title": "margin-monitor configuration",
        "type": "object",
        "properties": {**top, **tables, **items, **required},
        "additionalProperties": False,
        "required": sorted(required),
    }


def rules_file_schema() -> JsonSchema:
    """The schema of a file of rules, such as `rules_files` names."""
    return {
        "$schema": DRAFT,
        "title": "margin-monitor rules",
        "type": "object",
        "properties": {"rules": {"type": "array", "items": _named_schema("rules", RuleConfig)}},
        "additionalProperties": False,
    }


def _named_schema(name: str, table: type[Any]) -> JsonSchema:
    """The schema of a table without the values that are not available yet."""
    schema = table_schema(table)
    properties = {
        key: {**value, "not": {"enum": list(UNSUPPORTED[f"{name}.{key}"].values)}}
        for key, value in schema["properties"].items()
        if f"{name}.{key}" in UNSUPPORTED
    }
    return {**schema, "properties": {**schema["properties"], **properties}}
