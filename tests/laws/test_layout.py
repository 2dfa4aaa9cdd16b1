"""Where tests live, how many stand in one folder, and what they are called (CONTRIBUTING.md, *Tests*)."""

import ast
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTS, MONITOR = ROOT / "tests", ROOT / "monitor"
MAX_MODULES = 20
MAX_NAME = 90

SUITES = {"benchmarks", "campaign", "docs", "intent_model", "laws", "packaging", "sandbox", "soak", "systemd"}
"""Folders with support of their own: where a test stands within them is theirs to say."""

TOPICS = {
    "accounts", "actions", "alerting", "channels", "cli", "clock",
    "daemon", "demo", "exchange", "metrics", "store", "streams",
}
"""The folders of tests/integration."""

DIALECT = {
    "told", "tells", "telling", "untold", "heard", "hears", "halves", "hand", "hands", "ears", "worlds", "looked", "standing",
    "nobody", "somebody", "anothers", "befall", "befalls", "mend", "dark",
}
"""Words of the old language: `told` is notified, sent, reported or announced; `hand` is manual or foreign; `mend` is the fix."""


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


def test_names_of_tests_can_be_read_aloud() -> None:
    found = []
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                if len(node.name) > MAX_NAME or DIALECT & set(node.name.split("_")):
                    found.append(f"{path.relative_to(TESTS)}: {node.name}")
    assert found == []
