"""The pages of the documentation as tests read them: fenced blocks, headings, links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]

PAGES = (
    CHECKOUT / "README.md",
    CHECKOUT / "CHANGELOG.md",
    CHECKOUT / "CONTRIBUTING.md",
    CHECKOUT / "SECURITY.md",
    *sorted((CHECKOUT / "docs").rglob("*.md")),
)

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)$")
_CODE = re.compile(r"`([^`]+)`")
_HEADING = re.compile(r"^#+ (?P<text>.+)$")
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_IMAGE = re.compile(r"!\[[^\]]*\]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its text, and its place as tests name it."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(CHECKOUT)}:{self.line}"


def blocks(language: str) -> list[Block]:
    """Every fenced block of that language."""
    return [block for page in PAGES for block in _blocks(page) if block.language == language]


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for block in _blocks(page):
        for number in range(block.line - 1, block.line + len(block.text.splitlines()) + 1):
            lines[number] = ""
    return "\n".join(lines)


def links(page: Path) -> list[str]:
    """Where the page links to."""
    return [match["target"] for match in _LINK.finditer(prose(page))]


def inline_code(page: Path) -> list[str]:
    """The code within the lines of the page."""
    flat = re.sub(r"\s+", " ", prose(page))
    return [code.replace("\\|", "|") for code in _CODE.findall(flat)]


def images(page: Path) -> list[Path]:
    """The pictures that the page shows."""
    return [(page.parent / match["target"]).resolve() for match in _IMAGE.finditer(prose(page))]


def table_rows(page: Path) -> Iterator[list[list[str]]]:
    """The cells of each table, row by row, headings first, without the line below these."""
    table: list[list[str]] = []
    for line in [*prose(page).splitlines(), ""]:
        if line.startswith("|"):
            cells = re.split(r"(?<!\\)\|", line.strip())[1:-1]
            table.append([cell.strip() for cell in cells])
        elif table:
            yield [table[0], *table[2:]]
            table = []


def anchors(page: Path) -> set[str]:
    """What can follow a # in a link to the page."""
    headings = (_HEADING.match(line) for line in prose(page).splitlines())
    return {_slug(match["text"]) for match in headings if match}


def section(page: Path, heading: str) -> str:
    """The text below a heading, to the next one of its level."""
    return page.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def _blocks(page: Path) -> Iterator[Block]:
    start, language, indent, inside = 0, "", "", False
    held: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        fence = _FENCE.match(line)
        if fence is None:
            held.append(line.removeprefix(indent))
        elif inside:
            yield Block(page, start, language, "\n".join(held) + "\n")
            indent, inside = "", False
        else:
            # A block in an item of a list is indented like its text.
            start, language, indent, inside, held = number, fence["language"], fence["indent"], True, []


def _slug(heading: str) -> str:
    """As the hosting sites make it: small letters, no punctuation, a hyphen for each space."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
