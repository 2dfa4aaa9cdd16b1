"""The runbook: steps for every alert that ships, of the daemon and of Prometheus, and none for one that does not."""

import ast
import re
import tomllib

import pytest

from monitor.resources import packaged_path
from tests.docs.pages import CHECKOUT, table_rows

RUNBOOK = (CHECKOUT / "docs" / "runbook.md").read_text(encoding="utf-8")
LADDER = packaged_path("config", "rules", "ladder.toml")
RULES = [rule["name"] for rule in tomllib.loads(LADDER.read_text(encoding="utf-8"))["rules"]]

PROMETHEUS_RULES = re.findall(
    r"^ *- alert: (\w+)$", (CHECKOUT / "docs" / "monitoring" / "alerts.yml").read_text(encoding="utf-8"), re.MULTILINE
)

SECTIONS = dict(re.findall(r"^### `([\w-]+)`\n\n(.*?)(?=^##|\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))
COUNTERPARTS = dict(re.findall(r"^\| `(\w+)` \| (\[`.*) \|$", RUNBOOK, re.MULTILINE))
"""Alerts of Prometheus whose steps are those of an alert of the daemon, with links to these."""

NOTICES = [
    quoted
    for rows in table_rows(CHECKOUT / "docs" / "runbook.md")
    if rows[0] == ["in the notice", "what to do"]
    for row in rows[1:]
    for quoted in re.findall(r'"([^"]+)"', row[0])
]


def program_texts() -> set[str]:
    """Every text in the source of the program, without what it is filled with."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in (CHECKOUT / "monitor").rglob("*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_every_notice_of_the_runbook_is_one_that_the_program_sends() -> None:
    texts = program_texts()
    assert len(NOTICES) > 20
    assert [quoted for quoted in NOTICES if not any(quoted in text for text in texts)] == []


def test_every_shipped_rule_has_a_section_and_every_section_a_rule() -> None:
    assert sorted(SECTIONS) == sorted([*RULES, *(set(PROMETHEUS_RULES) - COUNTERPARTS.keys())])


def test_every_rule_for_prometheus_has_a_section_or_a_counterpart_that_has_one() -> None:
    assert COUNTERPARTS.keys() <= set(PROMETHEUS_RULES)
    named = {name for links in COUNTERPARTS.values() for name in re.findall(r"\(#([a-z-]+)\)", links)}
    assert named <= set(RULES)


@pytest.mark.parametrize("rule", SECTIONS)
def test_section_says_the_meaning_and_then_steps_in_order(rule: str) -> None:
    meaning, _, steps = SECTIONS[rule].partition("\n\n")
    assert meaning.endswith(".")
    assert not meaning.startswith("1.")
    numbers = [int(number) for number in re.findall(r"^(\d+)\. ", steps, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1)) != []
