"""Paths in the pages: every file of the program that a page names is there."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import CHECKOUT

PAGES = [*sorted((CHECKOUT / "docs").rglob("*.md")), CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md"]
FOLDERS = ("monitor", "tests", "benchmarks", "migrations", "docs")


def missing_files(text: str) -> list[str]:
    """The names of Python files in backticks that end no path of the checkout."""
    files = {f"/{path.relative_to(CHECKOUT)}" for folder in FOLDERS for path in (CHECKOUT / folder).rglob("*.py")}
    named = re.findall(r"`([\w/]+\.py)`", text)
    return [name for name in named if not any(path.endswith(f"/{name}") for path in files)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    assert missing_files(page.read_text(encoding="utf-8")) == []


def test_planted_path_is_missed() -> None:
    assert missing_files("`core/engine/step.py` and `core/engine/leap.py`") == ["core/engine/leap.py"]
