"""The JSON Schema of configurations: it takes every configuration that loads, and marks mistakes of keys and values."""

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from monitor.config.config_key import keys_of
from monitor.config.json_schema import config_schema, rules_file_schema
from monitor.config.rules.rule_schema import RuleConfig
from monitor.config.schema import TABLE_ARRAYS, TABLES, TopLevelConfig
from monitor.resources import packaged_path
from tests.cli.commands.test_config import MORE
from tests.config import broken_configs
from tests.docs.pages import Block, blocks

if TYPE_CHECKING:
    from jsonschema import Draft7Validator

ACCOUNT = '\n[[accounts]]\nname = "main"\napi_key = "env:KEY"\napi_secret = "env:SECRET"\n'

MARKED = """
no_account one_account_as_table bare_number bare_fraction number_in_quotes duration_out_of_order not_a_duration
duration_as_list percentage_too_large no_percentage asset_twice boolean_in_quotes isolated_as_text
symbol_in_small_letters no_severity no_severities plain_http plain_ws loopback_lookalike wrong_scheme no_scheme no_host
plain_http_fallback plain_http_webhook database_in_memory driver_unnamed other_database no_key empty_secret
key_is_a_number no_name quiet_hours_without_end rule_without_when rule_for_bare_number rule_severity
action_without_kind action_kind_unknown less_than_nothing_left never_acts no_source limit_of_nothing
limit_is_no_number source_unknown report_at page_without_port public_url_plain every_mistake_is_told_at_once
""".split()  # noqa: SIM905 – a list of literals would be fifty lines
"""Broken configurations that an editor marks, besides unknown keys and values that are not available yet.

Not the others: files and their permissions, relations between keys and tables, bounds of durations, conditions.
"""

BROKEN = {case.name: case for case in broken_configs.ALL}


@cache
def validator_of(schema: Callable[[], Mapping[str, Any]]) -> "Draft7Validator":
    """The validator of a schema that is sound itself."""
    # Loaded where it is needed: the library builds 38 parsers of addresses, and each worker collects this module.
    from jsonschema import Draft7Validator

    Draft7Validator.check_schema(schema())
    return Draft7Validator(schema())


def flaws(text: str, schema: Callable[[], Mapping[str, Any]] = config_schema) -> list[str]:
    """The places that an editor marks, as `table.0.key`."""
    errors = validator_of(schema).iter_errors(tomllib.loads(text))
    return [".".join(map(str, error.absolute_path)) for error in errors]


def documented_configs() -> list[Block]:
    """The configurations of the pages, without tests of rules and portfolios."""
    return [block for block in blocks("toml") if {"tests", "cross"}.isdisjoint(tomllib.loads(block.text))]


@pytest.mark.parametrize("schema", [config_schema, rules_file_schema])
def test_schema_is_one(schema: Callable[[], Mapping[str, Any]]) -> None:
    assert validator_of(schema)


def test_every_key_is_in_the_schema_with_its_meaning() -> None:
    properties = config_schema()["properties"]
    for name, table in {**TABLES, **TABLE_ARRAYS, "rules": RuleConfig}.items():
        described = properties[name]
        keys = (described["items"] if described["type"] == "array" else described)["properties"]
        assert keys.keys() == keys_of(table).keys()
        assert all(each["description"] for each in keys.values())
        # A key that takes anything would be a key without schema.
        assert all({"type", "enum", "anyOf"} & each.keys() for each in keys.values())
    assert keys_of(TopLevelConfig).keys() <= properties.keys()


def test_shipped_configurations_are_valid() -> None:
    example = packaged_path("config", "margin-monitor.example.toml").read_text(encoding="utf-8")
    assert flaws(example) == []
    assert flaws(example + MORE) == []
    ladder = packaged_path("config", "rules", "ladder.toml").read_text(encoding="utf-8")
    assert flaws(ladder, rules_file_schema) == []
    assert flaws(ladder + ACCOUNT) == []


@pytest.mark.parametrize("block", documented_configs(), ids=lambda block: block.place)
def test_configuration_of_the_pages_is_valid(block: Block) -> None:
    assert flaws(block.text if "accounts" in tomllib.loads(block.text) else block.text + ACCOUNT) == []


@pytest.mark.parametrize(
    "name", [*MARKED, *(case.name for case in broken_configs.UNKNOWN + broken_configs.NOT_AVAILABLE_YET)]
)
def test_broken_configuration_is_marked(name: str) -> None:
    assert flaws(BROKEN[name].text)


def test_mark_stands_at_the_key() -> None:
    assert flaws(f"{ACCOUNT}[schedule]\ncross = 60\n") == ["schedule.cross"]
    assert flaws(f'{ACCOUNT}[[rules]]\nname = "low"\nscope = "cros"\nwhen = "margin_level < 2"\n') == ["rules.0.scope"]
