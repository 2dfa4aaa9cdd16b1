"""Where tests live, how many stand in one folder, and what they are called (CONTRIBUTING.md, *Tests*)."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from tests.laws.syntax_trees import parse

ROOT = Path(__file__).resolve().parents[2]
TESTS, MONITOR = ROOT / "tests", ROOT / "monitor"
MAX_MODULES = 20
MAX_NAME = 90

SUITES = {"benchmarks", "campaign", "docs", "intent_model", "laws", "packaging", "sandbox", "soak", "systemd"}
"""Folders with support of their own: where a test stands within them is theirs to say."""

TOPICS = {
    "accounts",
    "actions",
    "alerting",
    "channels",
    "cli",
    "clock",
    "daemon",
    "demo",
    "exchange",
    "leases",
    "metrics",
    "replies",
    "past_prices",
    "store",
    "streams",
    "web",
}
"""The folders of tests/integration."""

DIALECT = {
    "told",
    "tells",
    "telling",
    "untold",
    "heard",
    "hears",
    "halves",
    "hand",
    "hands",
    "ears",
    "worlds",
    "looked",
    "standing",
    "nobody",
    "somebody",
    "anothers",
    "befall",
    "befalls",
    "mend",
    "dark",
}
"""Words without one meaning: say notified, sent, reported for `told`, manual or foreign for `hand`, fix for `mend`."""


def misplaced(path: Path) -> bool:
    """Whether a test module (relative to tests/) is neither a mirror, nor by behaviour, nor in a suite."""
    folder, stem = path.parent, path.stem.removeprefix("test_")
    first = path.parts[0]
    if len(path.parts) > 1 and first in SUITES:
        return False
    if first == "integration":
        return len(path.parts) != 3 or path.parts[1] not in TOPICS
    modules = {module.stem for module in (MONITOR / folder).glob("*.py")} - {"__init__"}
    return not any(stem == module or stem.startswith(f"{module}_") for module in modules)


def test_every_test_module_has_its_place() -> None:
    assert [str(path) for each in sorted(TESTS.rglob("test_*.py")) if misplaced(path := each.relative_to(TESTS))] == []


def test_no_folder_of_tests_holds_more_than_twenty_modules() -> None:
    count = Counter(path.parent for path in TESTS.rglob("*.py") if path.name != "__init__.py")
    assert {str(folder): n for folder, n in count.items() if n > MAX_MODULES} == {}


@pytest.mark.parametrize(
    "planted", ["test_nothing.py", "core/test_nothing.py", "integration/test_x.py", "integration/unknown/test_x.py"]
)
def test_planted_misplaced_module_is_found(planted: str) -> None:
    assert misplaced(Path(planted))


def names_of_tests(path: Path) -> list[str]:
    nodes = ast.walk(parse(path.read_text(encoding="utf-8")))
    functions = [node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [name for name in functions if name.startswith("test_")]


def test_names_of_tests_can_be_read_aloud() -> None:
    names = [(path, name) for path in sorted(TESTS.rglob("test_*.py")) for name in names_of_tests(path)]
    riddles = [(path, name) for path, name in names if len(name) > MAX_NAME or DIALECT & set(name.split("_"))]
    assert [f"{path.relative_to(TESTS)}: {name}" for path, name in riddles] == []
