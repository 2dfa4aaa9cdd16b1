"""The generated reference of keys."""

import re
from pathlib import Path

from monitor.config.config_key import keys_of
from monitor.config.effective_config import list_config_keys
from monitor.config.rules.rule_schema import RuleConfig

EXAMPLE = Path(__file__).parents[2] / "config" / "margin-monitor.example.toml"


def test_every_row_says_what_the_key_means_and_its_type() -> None:
    for row in list_config_keys():
        assert row.meaning and row.type and row.default, row


def test_every_key_a_rule_takes_is_in_it() -> None:
    assert {row.key for row in list_config_keys() if row.table == "[[rules]]"} == set(keys_of(RuleConfig))


def test_every_key_of_the_example_is_in_it() -> None:
    known = {(row.table, row.key) for row in list_config_keys()}
    table = ""
    for line in EXAMPLE.read_text().splitlines():
        if line.startswith("["):
            table = line
        elif match := re.match(r"([a-z_]+) = ", line):
            assert (table, match[1]) in known


def test_rows_name_defaults_required_and_unavailable_keys() -> None:
    rows = {(row.table, row.key): row for row in list_config_keys()}
    assert rows["[schedule]", "cross"].default == '"60s"'
    assert rows["[[accounts]]", "api_key"].default == "required"
    assert rows["[[rules]]", "severity"].type == "info | warning | critical"
    assert rows["[http]", "listen"].default == '"127.0.0.1:9184"'
    assert rows["[exchange]", "account_stream"].meaning.endswith("(listen-key-v2: not available yet)")
