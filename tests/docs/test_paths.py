"""Paths in the pages: every file of the program that a page names is there."""

import re

from tests.docs.pages import CHECKOUT

PAGES = [*sorted((CHECKOUT / "docs").rglob("*.md")), CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md"]
FOLDERS = ("monitor", "tests", "benchmarks", "migrations", "docs")


def python_files() -> set[str]:
    """The paths of all Python files, from the checkout on."""
    return {f"/{path.relative_to(CHECKOUT)}" for folder in FOLDERS for path in (CHECKOUT / folder).rglob("*.py")}


def missing_files(text: str, files: set[str]) -> list[str]:
    """The names of Python files in backticks that end none of the paths."""
    named = re.findall(r"`([\w/]+\.py)`", text)
    return [name for name in named if not any(path.endswith(f"/{name}") for path in files)]


def test_every_file_that_a_page_names_is_there() -> None:
    files = python_files()
    found = {str(page.relative_to(CHECKOUT)): missing_files(page.read_text(encoding="utf-8"), files) for page in PAGES}
    assert {page: missing for page, missing in found.items() if missing} == {}


def test_planted_path_is_missed() -> None:
    text = "`core/engine/step.py` and `core/engine/leap.py`"
    assert missing_files(text, python_files()) == ["core/engine/leap.py"]
