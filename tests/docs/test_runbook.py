"""The runbook: a section for every alert that ships, and no section for one that does not."""

import re
import tomllib

import pytest

from monitor.resources import packaged_path
from tests.docs.pages import CHECKOUT

RUNBOOK = (CHECKOUT / "docs" / "runbook.md").read_text(encoding="utf-8")
LADDER = packaged_path("config", "rules", "ladder.toml")
RULES = [rule["name"] for rule in tomllib.loads(LADDER.read_text(encoding="utf-8"))["rules"]]

SECTIONS = dict(re.findall(r"^### `([a-z0-9-]+)`\n\n(.*?)(?=^##|\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))


def test_every_shipped_rule_has_a_section_and_every_section_a_rule() -> None:
    assert sorted(SECTIONS) == sorted(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_section_says_the_meaning_and_then_steps_in_order(rule: str) -> None:
    meaning, _, steps = SECTIONS[rule].partition("\n\n")
    assert meaning.endswith(".")
    assert not meaning.startswith("1.")
    numbers = [int(number) for number in re.findall(r"^(\d+)\. ", steps, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1)) != []
