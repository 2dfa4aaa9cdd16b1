"""Names and sizes: one meaning a class name, nouns for modules, small files and folders, and the words of the docs."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.laws.syntax_trees import parse

ROOT = Path(__file__).resolve().parents[2]
MONITOR = ROOT / "monitor"

MAX_MODULES = 20
"""Modules in one folder, `__init__.py` not counted."""

MAX_LINES = 350
"""Lines of one file of the program."""

MIN_ROWS = 50
"""Rows that the table *Words* has at least: a table that was not found would hold every law."""

NOUNS_IN_ED = {"feed", "seed", "speed"}

ADJECTIVES = {"isolated"}
"""The exchange's own word for a kind of margin account."""

IRREGULAR = {
    "begun", "done", "found", "given", "heard", "held", "kept", "known", "left", "made",
    "seen", "sent", "shown", "spent", "taken", "told", "written",
}  # fmt: skip


def is_participle(module: str) -> bool:
    """Whether the last word of a module's name is a past participle."""
    word = module.rsplit("_", 1)[-1]
    return word in IRREGULAR or (word.endswith("ed") and word not in NOUNS_IN_ED | ADJECTIVES)


def public_classes() -> Iterator[tuple[str, str]]:
    """Name and module of every class that other modules may use."""
    for path in sorted(MONITOR.rglob("*.py")):
        for node in parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield node.name, str(path.relative_to(MONITOR))


def words() -> list[list[str]]:
    """The rows of the table *Words* in docs/architecture.md: word, meaning, where."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.partition("\n| word | meaning | where |\n|---|---|---|\n")[2]
    rows = [line for line in table.partition("\n\n")[0].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def classes_named(row: list[str]) -> list[str]:
    return re.findall(r"`([A-Z]\w+)`", row[2])


def test_no_public_class_name_has_two_meanings() -> None:
    count = Counter(name for name, _ in public_classes())
    assert [found for found in public_classes() if count[found[0]] > 1] == []


def test_no_module_is_named_by_a_participle() -> None:
    assert [str(path.relative_to(MONITOR)) for path in MONITOR.rglob("*.py") if is_participle(path.stem)] == []


@pytest.mark.parametrize("planted", ["told", "followed", "events_heard", "rows_written"])
def test_planted_participle_is_found(planted: str) -> None:
    assert is_participle(planted)


@pytest.mark.parametrize("noun", ["feed", "price_feed", "isolated", "throttling", "seed"])
def test_noun_is_no_participle(noun: str) -> None:
    assert not is_participle(noun)


def test_no_folder_holds_more_than_twenty_modules() -> None:
    count = Counter(path.parent for path in MONITOR.rglob("*.py") if path.name != "__init__.py")
    assert {str(folder.relative_to(ROOT)): n for folder, n in count.items() if n > MAX_MODULES} == {}


def long_files(lengths: dict[str, int]) -> dict[str, int]:
    """The files that are longer than they may be."""
    return {name: n for name, n in lengths.items() if n > MAX_LINES}


def test_no_file_is_too_long() -> None:
    files = {str(path.relative_to(MONITOR)): path for path in MONITOR.rglob("*.py")}
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in files.items()}
    assert len(lengths) > 100
    assert long_files(lengths) == {}
    assert long_files({"core/planted.py": MAX_LINES + 1, "core/short.py": MAX_LINES}) == {"core/planted.py": 351}


def test_every_class_of_the_words_exists_once() -> None:
    rows, classes = words(), Counter(name for name, _ in public_classes())
    assert len(rows) >= MIN_ROWS
    named = [name for row in rows for name in classes_named(row)]
    assert {name: classes[name] for name in named if classes[name] != 1} == {}


def test_no_word_has_two_rows_and_no_class_two_words() -> None:
    defined = Counter(word for row in words() for word in row[0].split(", "))
    named = Counter(name for row in words() for name in classes_named(row))
    assert {word for word, rows in (defined + named).items() if rows > 1} == set()
